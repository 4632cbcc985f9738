#pragma once

#include "domain/result.hpp"
#include "domain/uuid.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace hub::storage {

/// A file that a store has taken.
struct kept_file {
  std::string place; // where the store finds it again; names the kind of store
  std::int64_t size = 0;
  std::array<std::uint8_t, 32> sha256{};
};

/// Keeps files that came with reports. Never blocks, and calls back exactly once, from a thread of
/// its own. Failures are `unavailable` where the same again may work.
class file_store {
public:
  virtual ~file_store() = default;

  /// Keeps the bytes under this id, in place of what was there: doing it twice leaves one file.
  /// When it calls back with a place, they are durable.
  virtual void put(domain::uuid workspace,
                   domain::uuid id,
                   std::shared_ptr<const std::string> bytes,
                   std::function<void(domain::result<kept_file>)> done) = 0;
  /// The bytes from `from` on, `most` of them or what is left. `not_found` where there is no such
  /// file any more.
  virtual void read(std::string place,
                    std::int64_t from,
                    std::size_t most,
                    std::function<void(domain::result<std::string>)> done) = 0;
};

/// What every store calls a file: `<workspace>/<xx>/<id>`, ids and nothing else. `xx` is the end of
/// the id, which is random, so that no directory grows beyond what file systems like.
[[nodiscard]] std::string key_of_file(const domain::uuid& workspace, const domain::uuid& id);

/// Whether a text is such a key, so that no place leads anywhere else.
[[nodiscard]] bool is_file_key(std::string_view text);

/// The SHA-256 of a file's bytes.
[[nodiscard]] std::array<std::uint8_t, 32> digest_of(std::string_view bytes);

} // namespace hub::storage
