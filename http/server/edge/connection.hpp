#pragma once

#include "http/server/edge/edge_state.hpp"
#include "http/server/edge/head_parser.hpp"
#include "http/server/edge/output_queue.hpp"
#include "http/server/edge/responder.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace hub::http::edge {

using steady = std::chrono::steady_clock;

class connection;

/// What a connection needs from the reactor thread that owns it.
class connection_host {
public:
  connection_host() = default;
  connection_host(const connection_host&) = delete;
  connection_host& operator=(const connection_host&) = delete;
  virtual ~connection_host() = default;

  virtual edge_state& shared() = 0;
  /// Room to receive into; valid until the next call.
  virtual std::span<char> scratch() = 0;
  /// Finds the handler and calls it; ends in one of the connection's answers, now or later.
  virtual void dispatch(connection& from, request_head&& head, std::string&& body) = 0;
  /// From now on reports when the client can take more.
  virtual void watch_writable(connection& which) = 0;
  /// Calls `resume` in the next round, after everybody else had a turn.
  virtual void run_again(connection& which) = 0;
  /// Closes the descriptor at the end of this round.
  virtual void retire(connection& which) = 0;
};

/// One client's connection: reads requests one at a time, answers them in order, and cuts off who
/// is slow or greedy. Lives in one reactor thread; others reach it through the mailbox only.
class connection : public std::enable_shared_from_this<connection> {
public:
  connection(connection_host& host, int descriptor, std::string peer);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] const std::string& peer() const { return peer_; }
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  /// Has a request that is not yet answered and flushed.
  [[nodiscard]] bool busy() const;

  // The reactor's events.
  void receive();
  void flush();
  void resume();
  void check_deadline(steady::time_point now);
  /// Closes if no request has begun.
  void close_if_idle();
  /// The descriptor is about to be closed.
  void closing();

  // Answers. Each is dropped unless `sequence` is the request being handled.
  void answer(std::uint64_t sequence, reply&& what);
  void abandoned(std::uint64_t sequence);
  void hang_up(std::uint64_t sequence, farewell how);
  void
  open_stream(std::uint64_t sequence, const reply& head, std::shared_ptr<stream::state> stream);
  void stream_ready(std::uint64_t sequence);

  // What dispatching learns about the request being handled.
  [[nodiscard]] std::string_view request_id() const { return current_.request_id; }
  [[nodiscard]] std::string_view cors_origin() const { return current_.cors_origin; }
  void set_route(std::string_view route) { current_.route = route; }
  void set_fault(std::string fault) { current_.fault = std::move(fault); }

private:
  enum class phase { reading, handling, writing, streaming, lingering, closed };

  /// The request being read or answered.
  struct exchange_in_progress {
    std::string method;
    std::string request_id;
    std::string cors_origin; // empty unless we know it
    std::string_view route;  // owned by the table of routes
    std::string fault;
    steady::time_point began;
    std::size_t request_bytes = 0;
    std::size_t response_bytes = 0;
    int status = 0; // 0 until answered
    bool http_1_0 = false;
    bool over_tls = false;
    bool active = false; // counted in active_requests
  };

  [[nodiscard]] const limits& bounds() const { return host_.shared().options.limits; }
  [[nodiscard]] std::string_view unread() const;
  [[nodiscard]] bool wants_input() const;
  void take(std::string_view bytes);
  void end_of_input();
  void advance();
  bool step();
  bool read_head();
  void begin_request();
  void consume(std::size_t bytes);
  void identify(const request_head& head);
  void refuse_connection(const refusal& why);
  void respond(const reply& head, std::string&& body);
  void flushed();
  void finish_exchange();
  void set_active(bool active);
  void enter(phase next, std::chrono::milliseconds patience);
  bool kernel_made_progress();
  void run_again();
  void linger();
  void cut_off();
  void reset_on_close() const;
  void vanish();

  connection_host& host_;
  const int descriptor_;
  const std::string peer_;
  phase phase_ = phase::reading;
  steady::time_point deadline_;
  std::uint64_t sequence_ = 0; // of requests; an answer must name the one it is for

  std::string in_;
  std::size_t consumed_ = 0; // of `in_`
  head_scan scan_;
  request_head head_; // complete when `scan_.length` is not 0
  bool head_started_ = false;
  int blank_lines_ = 0;
  std::size_t discarded_ = 0;

  output_queue out_;
  int kernel_queue_ = 0; // unacknowledged bytes when we last looked
  exchange_in_progress current_;
  std::shared_ptr<stream::state> stream_;

  bool keep_alive_ = true;
  bool half_closed_ = false;     // the client has said all it will say
  bool more_to_receive_ = false; // stopped before the kernel's buffer was empty
  bool advancing_ = false;
  bool scheduled_ = false; // run_again was called
  bool watching_writable_ = false;
};

} // namespace hub::http::edge
