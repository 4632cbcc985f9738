#pragma once

#include "tests/support/temporary_directory.hpp"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace hub::tests {

/// A TCP port of this machine that nobody listens on just now.
std::uint16_t unused_port();

/// A real nginx in a directory of its own; it ends with the test.
class nginx_process {
public:
  nginx_process() = default;
  nginx_process(const nginx_process&) = delete;
  nginx_process& operator=(const nginx_process&) = delete;
  ~nginx_process();

  /// Where relative paths of the configuration lead, and its logs lie.
  [[nodiscard]] const std::filesystem::path& home() const { return home_.path(); }
  /// Starts it with these directives in its `http` block, and returns once it listens on `port`.
  /// Throws std::runtime_error, with what nginx said, when it does not.
  void start(const std::string& http, std::uint16_t port);

private:
  testing::temporary_directory home_;
  pid_t pid_ = -1;
};

} // namespace hub::tests
