#pragma once

#include "domain/result.hpp"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hub::storage {

/// An account of this machine, with what a process needs to become it.
struct account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

/// `not_found` when this machine has no such account.
domain::result<account> find_account(const std::string& name);
domain::result<account> find_account(uid_t uid);

/// A program to run as a child in a session of its own, so that a terminal's Ctrl-C does not reach
/// it, with a small clean environment: none of the hub's secrets shows in it.
struct child_command {
  std::vector<std::string> arguments; // the first is the program's absolute path
  std::optional<account> as;          // needs root; empty: the hub's own account
  std::filesystem::path output;       // stdout and stderr, truncated first
  bool dies_with_parent = false;      // bound to the calling thread's life, as Linux defines it
};

/// Starts the program and returns once it runs; a program that cannot be executed is a failure.
domain::result<pid_t> spawn(const child_command& command);

/// Runs the program to its end and returns its exit code, 128 + signal when killed.
domain::result<int> run(const child_command& command);

/// The first of `directories` that `as` may not enter; empty when all are open to it.
domain::result<std::filesystem::path>
first_closed_directory(const std::vector<std::filesystem::path>& directories, const account& as);

/// One process and no later one of the same number: pids are reused, start times are not.
struct process_identity {
  pid_t pid = 0;
  unsigned long long started = 0; // clock ticks after boot
  friend bool operator==(const process_identity&, const process_identity&) = default;
};

/// Who runs under this pid now; nobody when there is none or only a zombie is left.
std::optional<process_identity> running_process(pid_t pid);

/// Whether the process is a PostgreSQL program working in `directory` (canonical).
bool is_postgres_in(pid_t pid, const std::filesystem::path& directory);

/// Every PostgreSQL process that works in `directory`: a killed postmaster leaves some behind.
std::vector<pid_t> postgres_processes_in(const std::filesystem::path& directory);

/// Asks `done` every few milliseconds until it holds or the time is over; returns whether it held.
bool wait_until_true(const std::function<bool()>& done, std::chrono::milliseconds within);

/// Text for an `errno`.
std::string describe_errno(int error);

} // namespace hub::storage
