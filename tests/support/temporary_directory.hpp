#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace hub::testing {

/// A directory that other accounts may pass through, gone when the test is over.
class temporary_directory {
public:
  temporary_directory() : owner_{::getpid()} {
    auto pattern = (std::filesystem::temp_directory_path() / "hub-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      std::abort();
    path_ = std::filesystem::canonical(pattern);
    std::filesystem::permissions(path_, std::filesystem::perms{0755});
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory() {
    std::error_code ignored;
    if (owner_ == ::getpid())
      std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
  pid_t owner_;
  std::filesystem::path path_;
};

} // namespace hub::testing
