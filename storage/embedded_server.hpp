#pragma once

#include "domain/result.hpp"
#include "storage/child_process.hpp"
#include "storage/private_file.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace hub::storage {

/// How the hub's own PostgreSQL is set up. The defaults suit one hub on one machine.
struct embedded_options {
  std::filesystem::path data_dir;   // the hub's; the cluster lives in its `postgres`
  std::filesystem::path socket_dir; // empty: `run` in data_dir, or a short one when that is long
  std::filesystem::path bin_dir;    // where `postgres` and `initdb` are; empty: found
  std::string os_user; // runs PostgreSQL when the hub is root; empty: `postgres`, else `nobody`
  std::string database = "feedback_hub";
  std::size_t shared_buffers = std::size_t{128} << 20; // bytes
  int max_connections = 50;
  std::chrono::milliseconds start_within{300'000}; // replaying a large log after a crash takes time
  std::chrono::milliseconds answer_within{5'000};  // an orphan that claims to be ready
  std::chrono::milliseconds stop_within{30'000};   // a fast shutdown; beyond, an immediate one
  /// Asked while the server starts: true makes it give up, which ends what it has started.
  std::function<bool()> give_up;
};

/// How libpq reaches a server of the hub's.
struct server_connections {
  std::string serving; // as the role that serves, which row-level security holds
  std::string owner;   // as the superuser who owns the tables: for migrations
};

/// The PostgreSQL that the hub owns when no DATABASE_URL is set: reached by a Unix socket only, by
/// this account and root only. It deliberately survives a killed hub; the next start adopts it.
class embedded_server {
public:
  /// Creates the cluster on the first start, recovers from whatever the last process left, and
  /// returns once the server answers. The server stops when the returned object goes.
  static domain::result<std::unique_ptr<embedded_server>> start(embedded_options options);

  /// What libpq connects with, where a hub's server answers for this data directory; for commands
  /// beside a hub that runs.
  [[nodiscard]] static std::optional<server_connections>
  running_in(const std::filesystem::path& data_dir, const std::string& database);

  embedded_server(const embedded_server&) = delete;
  embedded_server& operator=(const embedded_server&) = delete;
  ~embedded_server();

  /// What libpq connects with; stays the same across restarts.
  [[nodiscard]] const server_connections& connections() const { return connections_; }
  [[nodiscard]] const std::filesystem::path& socket_dir() const { return socket_dir_; }
  /// The postmaster's process number, 0 when it is down.
  [[nodiscard]] pid_t pid() const;
  /// Whether the server was already running when this hub came.
  [[nodiscard]] bool adopted() const { return adopted_; }

  /// Whether the postmaster lives. Cheap; thread-safe.
  [[nodiscard]] bool alive() const;

  /// For a watcher to call every so often. True: it had died and answers again. False: nothing to
  /// do, or too soon after the last attempt (the pause doubles up to ten seconds).
  domain::result<bool> restart_if_dead();

  /// Ends an attempt under way in another thread soon, and makes none any more. Thread-safe.
  void give_up_restarting() { stopping_.store(true); }

  /// Disconnects everyone, writes a checkpoint and ends the server. Thread-safe, may be repeated.
  domain::outcome stop();

private:
  explicit embedded_server(embedded_options options) : options_{std::move(options)} {}

  domain::outcome prepare();
  domain::outcome choose_account();
  domain::outcome choose_programs();
  domain::outcome choose_socket_dir();
  domain::outcome check_ancestors() const;
  void remove_half_made() const;
  domain::outcome create_cluster();
  domain::outcome check_cluster();
  domain::outcome hand_over_cluster();
  domain::outcome write_configuration() const;
  domain::result<bool> adopt_orphan();
  bool take_hold_of(pid_t postmaster);
  domain::outcome end_orphan();
  domain::outcome clear_remains();
  domain::outcome launch();
  domain::outcome await_ready(std::chrono::milliseconds within);
  domain::outcome prepare_database();
  [[nodiscard]] domain::outcome try_serving_role() const;
  domain::failure died_early() const;
  bool end(std::chrono::milliseconds fast, std::chrono::milliseconds immediate);
  bool process_lives() const;
  void signal_postmaster(int number) const;

  const embedded_options options_;
  std::filesystem::path data_dir_;
  std::filesystem::path cluster_;
  std::filesystem::path bin_dir_;
  std::filesystem::path socket_dir_;
  bool socket_dir_is_temporary_ = false;
  account account_;
  bool switches_account_ = false;
  bool adopted_ = false;
  server_connections connections_;
  directory_lock lock_;
  pid_t owner_ = 0; // a forked child holds a copy of us and must not stop the server

  std::atomic<bool> stopping_{false};
  std::mutex restarting_; // one start or stop at a time
  mutable std::mutex process_mutex_;
  mutable std::optional<process_identity> process_;
  bool is_child_ = false;

  std::chrono::milliseconds pause_{0};
  std::chrono::steady_clock::time_point next_attempt_;
  std::chrono::steady_clock::time_point last_start_;
};

} // namespace hub::storage
