#pragma once

#include "domain/result.hpp"
#include "storage/child_process.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace hub::storage {

enum class existing_file { replace, keep };

/// Writes a file that only its owner may read, all of it or nothing even across a power failure.
/// With `keep`, a file that is already there, or appears meanwhile, stays as it is: `conflict`.
domain::outcome write_private_file(const std::filesystem::path& file,
                                   std::string_view content,
                                   existing_file policy,
                                   const std::optional<account>& owner = std::nullopt);

/// As above with `replace`, but leaves a file alone that already says the same.
domain::outcome update_private_file(const std::filesystem::path& file,
                                    std::string_view content,
                                    const std::optional<account>& owner = std::nullopt);

/// The whole file; `not_found` when there is none.
domain::result<std::string> read_file(const std::filesystem::path& file);

/// Makes the data directory and its parents unless it is there. Only its owner can list a new one;
/// when that is root, others may pass through, as the account that runs PostgreSQL has to. One of
/// ours that is there loses its write permission for others, who could put keys of theirs into it.
domain::outcome make_data_directory(const std::filesystem::path& directory);

/// Makes what happened to a directory's entries survive a power failure.
void sync_directory(const std::filesystem::path& directory);

/// Holds a directory for one process: the lock goes with the process, however it ends.
class directory_lock {
public:
  /// `conflict`, naming the holder, when another process has it.
  static domain::result<directory_lock> take(const std::filesystem::path& lock_file);

  directory_lock() = default;
  directory_lock(directory_lock&& other) noexcept;
  directory_lock& operator=(directory_lock&& other) noexcept;
  directory_lock(const directory_lock&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;
  ~directory_lock();

private:
  int descriptor_ = -1;
};

} // namespace hub::storage
