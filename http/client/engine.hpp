#pragma once

#include "domain/result.hpp"
#include "http/client/call.hpp"
#include "http/client/stats.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace hub::http::client {

class counters;

using call_id = std::uint64_t;

/// One ended call, as `engine_options::observe` is told of it.
struct observation {
  std::string_view provider;
  std::string_view operation;
  std::string_view outcome; // as in call_figures
  std::chrono::microseconds took{};
};

struct engine_options {
  // The bounds hold for calls and, separately, for each line of mails.
  std::size_t max_in_flight = 256;
  std::size_t max_in_flight_per_host = 64;
  std::size_t max_waiting = 10'000; // calls that have no slot yet
  // Mail servers that are spoken to at once, each on a thread of its own; more share one.
  std::size_t max_mail_hosts = 16;
  // For calls and mails that do not say otherwise.
  std::chrono::milliseconds connect_within{5'000};
  std::chrono::milliseconds within{20'000};
  std::chrono::milliseconds mail_within{30'000};
  std::size_t max_response = std::size_t{4} << 20U; // bytes
  std::string user_agent = "feedback-hub";
  /// Called on the engine's threads after each call, before its `done`.
  std::function<void(const observation&)> observe;
  /// PEM certificates to trust besides the system's.
  std::string extra_ca_file;
  /// "host:port:address": answers instead of the resolver's, for tests.
  std::vector<std::string> resolve;
};

/// Sends calls to providers: one thread for all of HTTP, connections kept and reused, HTTP/2 where
/// it is offered; and one thread for the mail to each server, so that a slow one holds up its own
/// mail alone.
///
/// A call fails with `unavailable` when nothing of it can have left, with `unknown_outcome` when it
/// was lost after that, with `forbidden` when its address may not be called, with `invalid_input`
/// when it cannot be written down as a request. A call marked `repeatable` is `unavailable` instead
/// of `unknown_outcome`. Whatever the provider answered is a reply, not a failure.
class engine {
public:
  using done_function = std::function<void(domain::result<reply>)>;

  explicit engine(const engine_options& how);
  /// Cancels what runs and waits; every `done` has been called when this returns, unless a `done`
  /// itself is what destroys the engine.
  ~engine();
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  /// Calls `done` exactly once, on the engine's thread for its kind. Never blocks; a full queue
  /// answers `unavailable`. `done` may send and cancel; what it throws is logged and dropped.
  call_id send(call what, done_function done);
  call_id send(mail what, done_function done);

  /// Ends a call early: its `done` hears `unavailable` or `unknown_outcome`, by the rule above.
  /// A call that has ended already stays as it is.
  void cancel(call_id which);

  [[nodiscard]] stats figures() const;

private:
  class core;
  class mail_lines;
  std::shared_ptr<counters> counters_;
  std::shared_ptr<core> calls_;
  std::shared_ptr<mail_lines> mails_;
  std::thread calls_thread_;
};

} // namespace hub::http::client
