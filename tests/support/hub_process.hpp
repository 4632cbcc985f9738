#pragma once

#include "tests/support/temporary_directory.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hub::testing {

/// The secrets every hub under test is given.
inline constexpr auto slack_secret = "slack-secret-of-the-tests";
inline constexpr auto intercom_secret = "intercom-secret-of-the-tests";
inline constexpr auto whatsapp_secret = "whatsapp-secret-of-the-tests";
inline constexpr auto whatsapp_verify_token = "verify-token-of-the-tests";

inline constexpr auto admin_token = "admin-token-of-the-tests-0123456789abcdef";

/// What a command of the hub did.
struct command_result {
  int exit_code = -1; // 128 + number for a signal
  std::string out;
  std::string err;
};

struct hub_options {
  /// More settings, by their environment names; they win over the fixture's own.
  std::map<std::string, std::string> environment;
  std::vector<std::string> arguments; // behind `serve`
};

/// The real hub in a process of its own, with a data directory of its own. Whatever happens to the
/// test, hub, embedded PostgreSQL and directory are gone soon after it.
class hub_process {
public:
  using milliseconds = std::chrono::milliseconds;

  /// Does not start it yet.
  explicit hub_process(hub_options options = {});
  hub_process(const hub_process&) = delete;
  hub_process& operator=(const hub_process&) = delete;
  ~hub_process();

  /// Starts the hub and waits until it answers /up; how long that took. Throws std::runtime_error,
  /// with what the hub said, when it does not come up.
  milliseconds start();
  /// Starts without waiting.
  void launch();
  milliseconds await_up(milliseconds patience = std::chrono::seconds{60});

  /// SIGKILL, and waits for the end.
  void kill9();
  /// SIGTERM; the exit code, 128 + signal if one ended it, nullopt when it has not ended in time.
  std::optional<int> terminate(milliseconds patience = std::chrono::seconds{10});
  void signal(int number) const;
  std::optional<int> wait(milliseconds patience);
  [[nodiscard]] bool running();

  /// SIGKILL for the embedded postmaster; its children follow by themselves.
  void kill9_postgres() const;
  /// The embedded postmaster, 0 when there is none.
  [[nodiscard]] pid_t postgres_pid() const;

  /// Runs another command of the hub on the same data directory and settings, to its end.
  command_result run(const std::vector<std::string>& arguments,
                     const std::map<std::string, std::string>& more_environment = {},
                     milliseconds patience = std::chrono::seconds{60}) const;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_.path(); }
  [[nodiscard]] std::filesystem::path data_dir() const { return directory() / "var"; }
  /// For libpq: the embedded database, as the owner of its tables; to look and to tamper.
  [[nodiscard]] std::string connection_string() const;
  /// As the role that the hub serves as.
  [[nodiscard]] std::string serving_connection() const;
  /// Everything the hub has written to stderr, over all its starts.
  [[nodiscard]] std::string log() const;
  /// Settings of the next start.
  std::map<std::string, std::string>& environment() { return options_.environment; }

private:
  [[nodiscard]] std::vector<std::string>
  variables(const std::map<std::string, std::string>& more) const;
  void stop_postgres() const;

  hub_options options_;
  temporary_directory directory_;
  std::uint16_t port_ = 0;
  pid_t pid_ = 0;
  int lifeline_ = -1; // closed with this process: whoever clears up after it waits for that
  std::chrono::steady_clock::time_point launched_;
};

/// The program under test: HUB_BINARY in the environment, else the one built with the tests.
std::string hub_binary();

/// A TCP port that nobody listens on, outside of the range clients are given theirs from: a client
/// that retries while the hub is down must not take the hub's port, or connect to itself.
std::uint16_t free_port();

std::string contents_of(const std::filesystem::path& file);

} // namespace hub::testing
