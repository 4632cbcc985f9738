#include "http/server/edge/connection.hpp"

#include "http/server/edge/characters.hpp"
#include "http/server/edge/request_id.hpp"
#include "http/server/edge/response_writer.hpp"
#include "http/server/edge/stream_state.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

namespace hub::http::edge {
namespace {

using namespace std::chrono_literals;

// One client's share of a round; the rest waits until everybody else had a turn.
constexpr std::size_t receive_budget = 64UL * 1024;
constexpr std::size_t send_budget = 1024UL * 1024;
constexpr int requests_per_turn = 16;

constexpr std::size_t compact_above = 16UL * 1024;
constexpr std::size_t shrink_above = 64UL * 1024;
constexpr int max_blank_lines = 4; // before a request; old clients send one

// After the last answer we read on for a while: closing at once would reset the connection and
// could take the answer away from a client that is still sending.
constexpr auto linger_time = 2s;
constexpr std::size_t linger_bytes = 4UL * 1024 * 1024;

std::string chunk(std::string&& data) {
  std::array<char, 18> size{};
  const auto end = std::to_chars(size.begin(), size.end(), data.size(), 16).ptr;
  data.insert(0, std::string(size.begin(), end) + "\r\n");
  data += "\r\n";
  return std::move(data);
}

} // namespace

connection::connection(connection_host& host, int descriptor, std::string peer)
  : host_(host),
    descriptor_(descriptor),
    peer_(std::move(peer)),
    deadline_(steady::now() + bounds().head_timeout) {}

connection::~connection() {
  closing();
}

bool connection::busy() const {
  return phase_ == phase::handling || phase_ == phase::writing || phase_ == phase::streaming
         || (phase_ == phase::reading && head_started_);
}

// ---- receiving

std::string_view connection::unread() const {
  return std::string_view(in_).substr(consumed_);
}

bool connection::wants_input() const {
  switch (phase_) {
  case phase::reading:
  case phase::lingering:
    return true;
  case phase::closed:
    return false;
  case phase::handling:
  case phase::writing:
  case phase::streaming:
    break;
  }
  return unread().size() < bounds().max_pipelined;
}

void connection::receive() {
  more_to_receive_ = false;
  for (std::size_t received = 0; !half_closed_ && phase_ != phase::closed;) {
    if (!wants_input() || received >= receive_budget) {
      more_to_receive_ = true;
      if (received >= receive_budget)
        run_again();
      return;
    }
    const auto room = host_.scratch();
    const auto size = ::recv(descriptor_, room.data(), room.size(), MSG_DONTWAIT);
    if (size > 0) {
      received += static_cast<std::size_t>(size);
      take({room.data(), static_cast<std::size_t>(size)});
    } else if (size == 0) {
      end_of_input();
      return;
    } else if (errno != EINTR) {
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        vanish();
      return;
    }
  }
}

void connection::take(std::string_view bytes) {
  if (phase_ == phase::lingering) {
    discarded_ += bytes.size();
    if (discarded_ > linger_bytes)
      cut_off();
    return;
  }
  in_ += bytes;
  advance();
}

void connection::end_of_input() {
  half_closed_ = true;
  if (phase_ == phase::lingering)
    vanish();
  else if (phase_ == phase::streaming && out_.empty())
    deadline_ = steady::now() + bounds().idle_timeout;
  else
    advance();
}

void connection::advance() {
  if (std::exchange(advancing_, true))
    return; // an answer given at once leads back here
  for (int turns = 0; phase_ == phase::reading && step();)
    if (++turns == requests_per_turn) {
      run_again();
      advancing_ = false;
      return;
    }
  advancing_ = false;
  // What is left can never become a request.
  if (phase_ == phase::reading && half_closed_)
    vanish();
}

bool connection::step() {
  if (scan_.length == 0 && !read_head())
    return false;
  if (unread().size() < scan_.length + head_.body_length)
    return false;
  begin_request();
  return true;
}

bool connection::read_head() {
  while (!head_started_ && unread().starts_with("\r\n")) {
    consume(2);
    if (++blank_lines_ > max_blank_lines) {
      refuse_connection(refusals::malformed_line);
      return false;
    }
  }
  if (unread().empty() || (!head_started_ && unread() == "\r"))
    return false;
  if (!std::exchange(head_started_, true)) {
    deadline_ = steady::now() + bounds().head_timeout;
    current_ = {};
    current_.began = steady::now();
  }
  auto why = scan_head(unread(), bounds(), scan_);
  if (!why && scan_.length == 0)
    return false;
  if (!why) {
    why = parse_head(unread().substr(0, scan_.length), bounds(), head_);
    identify(head_);
  }
  if (why) {
    refuse_connection(*why);
    return false;
  }
  deadline_ = steady::now() + bounds().body_timeout;
  if (head_.expects_continue && unread().size() < scan_.length + head_.body_length) {
    out_.push("HTTP/1.1 100 Continue\r\n\r\n");
    flush();
  }
  return phase_ == phase::reading;
}

void connection::identify(const request_head& head) {
  const auto& known = host_.shared().options.cors_origins;
  const auto origin = head.header("origin");
  current_.method = head.method;
  current_.request_id = request_id_from(head.header("x-request-id"));
  if (!origin.empty() && std::find(known.begin(), known.end(), origin) != known.end())
    current_.cors_origin = origin;
  current_.http_1_0 = head.http_1_0;
  // Whoever lies here tells only their own browser something, which heeds it by TLS alone.
  current_.over_tls = equals_ignoring_case(head.header("x-forwarded-proto"), "https");
}

void connection::begin_request() {
  auto body = std::string(unread().substr(scan_.length, head_.body_length));
  auto head = std::exchange(head_, {});
  consume(scan_.length + head.body_length);
  scan_ = {};
  head_started_ = false;
  blank_lines_ = 0;
  keep_alive_ = head.keep_alive;
  current_.request_bytes = body.size();
  ++sequence_;
  ++host_.shared().requests;
  set_active(true);
  enter(phase::handling, bounds().handler_timeout);
  host_.dispatch(*this, std::move(head), std::move(body));
}

void connection::consume(std::size_t bytes) {
  consumed_ += bytes;
  if (consumed_ == in_.size() || consumed_ > compact_above) {
    in_.erase(0, consumed_);
    consumed_ = 0;
    if (in_.empty() && in_.capacity() > shrink_above)
      in_ = {};
  }
}

// ---- answering

void connection::answer(std::uint64_t sequence, reply&& what) {
  if (sequence != sequence_ || phase_ != phase::handling) {
    ++host_.shared().stale_replies;
    return;
  }
  respond(what, std::move(what.body));
}

void connection::abandoned(std::uint64_t sequence) {
  if (sequence != sequence_ || phase_ != phase::handling)
    return;
  ++host_.shared().exceptions;
  set_fault("no answer");
  answer(sequence, to_reply(refusals::internal));
}

void connection::hang_up(std::uint64_t sequence, farewell how) {
  if (sequence != sequence_ || phase_ != phase::handling) {
    ++host_.shared().stale_replies;
    return;
  }
  if (how == farewell::reset)
    reset_on_close();
  vanish();
}

void connection::refuse_connection(const refusal& why) {
  ++host_.shared().rejected;
  ++sequence_;
  keep_alive_ = false;
  if (current_.request_id.empty())
    current_.request_id = make_request_id();
  if (!head_started_)
    current_.began = steady::now();
  auto what = to_reply(why);
  respond(what, std::move(what.body));
}

void connection::respond(const reply& head, std::string&& body) {
  const bool head_only = current_.method == "HEAD";
  if (host_.shared().draining)
    keep_alive_ = false;
  current_.status = head.status;
  out_.push(write_head(head,
                       {.request_id = current_.request_id,
                        .cors_origin = current_.cors_origin,
                        .over_tls = current_.over_tls,
                        .varies_by_origin = !host_.shared().options.cors_origins.empty(),
                        .framing = body_framing::length,
                        .length = body.size(),
                        .keep_alive = keep_alive_}));
  if (!head_only && !is_bodiless(head.status)) {
    current_.response_bytes = body.size();
    out_.push(std::move(body));
  }
  enter(phase::writing, bounds().write_timeout);
  flush();
}

void connection::open_stream(std::uint64_t sequence,
                             const reply& head,
                             std::shared_ptr<stream::state> stream) {
  if (sequence != sequence_ || phase_ != phase::handling) {
    ++host_.shared().stale_replies;
    stream->close();
    return;
  }
  if (host_.shared().draining || current_.http_1_0)
    keep_alive_ = false;
  current_.status = head.status;
  out_.push(
    write_head(head,
               {.request_id = current_.request_id,
                .cors_origin = current_.cors_origin,
                .over_tls = current_.over_tls,
                .varies_by_origin = !host_.shared().options.cors_origins.empty(),
                .framing = current_.http_1_0 ? body_framing::until_close : body_framing::chunked,
                .keep_alive = keep_alive_}));
  if (current_.method == "HEAD") {
    stream->close();
    enter(phase::writing, bounds().write_timeout);
  } else {
    stream_ = std::move(stream);
    enter(phase::streaming, bounds().write_timeout);
  }
  flush();
}

void connection::stream_ready(std::uint64_t sequence) {
  if (sequence != sequence_ || phase_ != phase::streaming)
    return;
  auto [data, last, aborted] = stream_->take();
  if (aborted) {
    set_fault("stream aborted");
    reset_on_close();
    return vanish();
  }
  if (!data.empty()) {
    const auto size = data.size();
    current_.response_bytes += size;
    if (out_.empty())
      deadline_ = steady::now() + bounds().write_timeout;
    out_.push(current_.http_1_0 ? std::move(data) : chunk(std::move(data)), size);
  }
  if (last) {
    if (!current_.http_1_0)
      out_.push("0\r\n\r\n");
    enter(phase::writing, bounds().write_timeout);
  }
  flush();
}

void connection::flush() {
  if (phase_ == phase::closed || phase_ == phase::lingering)
    return;
  const auto sent = out_.send(descriptor_, send_budget);
  if (stream_ && sent.released > 0)
    stream_->release(sent.released);
  if (sent.bytes > 0 && (phase_ == phase::writing || phase_ == phase::streaming))
    deadline_ = std::max(deadline_, steady::now() + bounds().write_timeout);
  switch (sent.state) {
  case output_queue::progress::all_sent:
    kernel_queue_ = 0;
    flushed();
    return;
  case output_queue::progress::out_of_budget:
    run_again();
    return;
  case output_queue::progress::failed:
    vanish();
    return;
  case output_queue::progress::blocked:
    break;
  }
  if (sent.bytes > 0 || kernel_queue_ == 0)
    ::ioctl(descriptor_, SIOCOUTQ, &kernel_queue_);
  if (!std::exchange(watching_writable_, true))
    host_.watch_writable(*this);
}

void connection::flushed() {
  if (phase_ == phase::streaming) {
    // A quiet stream may stay; one whose client has said goodbye is kept only for so long.
    deadline_ = half_closed_ ? steady::now() + bounds().idle_timeout : steady::time_point::max();
    return;
  }
  if (phase_ != phase::writing)
    return;
  finish_exchange();
  if (!keep_alive_ || (host_.shared().draining && unread().empty())) {
    linger();
    return;
  }
  enter(phase::reading, unread().empty() ? bounds().idle_timeout : bounds().head_timeout);
  if (more_to_receive_)
    run_again();
  advance();
}

void connection::finish_exchange() {
  set_active(false);
  if (stream_)
    std::exchange(stream_, nullptr)->close();
  const auto& shared = host_.shared();
  if (current_.status != 0 && shared.options.observe)
    guarded(host_.shared(), [&] {
      shared.options.observe({.method = current_.method,
                              .route = current_.route,
                              .request_id = current_.request_id,
                              .peer = peer_,
                              .status = current_.status,
                              .request_bytes = current_.request_bytes,
                              .response_bytes = current_.response_bytes,
                              .duration = std::chrono::duration_cast<std::chrono::microseconds>(
                                steady::now() - current_.began),
                              .fault = current_.fault});
    });
  current_ = {};
}

void connection::set_active(bool active) {
  if (std::exchange(current_.active, active) == active)
    return;
  if (active)
    ++host_.shared().active_requests;
  else
    --host_.shared().active_requests;
}

// ---- time and the end

void connection::enter(phase next, std::chrono::milliseconds patience) {
  phase_ = next;
  deadline_ = steady::now() + patience;
}

void connection::run_again() {
  if (!std::exchange(scheduled_, true))
    host_.run_again(*this);
}

void connection::resume() {
  scheduled_ = false;
  flush();
  if (more_to_receive_ && wants_input())
    receive();
  advance();
}

void connection::check_deadline(steady::time_point now) {
  if (now <= deadline_)
    return;
  switch (phase_) {
  case phase::reading:
    if (head_started_)
      refuse_connection(refusals::too_slow);
    else
      vanish();
    return;
  case phase::handling:
    ++host_.shared().handler_timeouts;
    keep_alive_ = false;
    answer(sequence_, to_reply(refusals::handler_too_slow));
    return;
  case phase::writing:
  case phase::streaming:
    if (out_.empty())
      vanish(); // a stream nobody listens to
    else if (!kernel_made_progress())
      cut_off();
    return;
  case phase::lingering:
  case phase::closed:
    vanish();
    return;
  }
}

// The kernel reports room only when a good part of its large buffer is free, which a slow reader
// may not manage in time although it never stops reading.
bool connection::kernel_made_progress() {
  int queued = 0;
  if (::ioctl(descriptor_, SIOCOUTQ, &queued) != 0)
    return false;
  const bool less = queued < std::exchange(kernel_queue_, queued);
  if (less)
    deadline_ = steady::now() + bounds().write_timeout;
  return less;
}

void connection::close_if_idle() {
  if (phase_ == phase::reading && !head_started_)
    vanish();
}

void connection::linger() {
  if (half_closed_) {
    vanish();
    return;
  }
  enter(phase::lingering, linger_time);
  in_ = {};
  consumed_ = 0;
  ::shutdown(descriptor_, SHUT_WR);
  if (more_to_receive_)
    run_again();
}

void connection::cut_off() {
  ++host_.shared().cut_off;
  // Nothing we hold for this client is worth keeping in the kernel.
  reset_on_close();
  vanish();
}

void connection::reset_on_close() const {
  const ::linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void connection::vanish() {
  if (phase_ == phase::closed)
    return;
  closing();
  host_.retire(*this);
}

void connection::closing() {
  if (std::exchange(phase_, phase::closed) == phase::closed)
    return;
  finish_exchange();
  out_.clear();
}

} // namespace hub::http::edge
