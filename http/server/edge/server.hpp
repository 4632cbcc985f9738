#pragma once

#include "http/server/edge/limits.hpp"
#include "http/server/edge/request.hpp"
#include "http/server/edge/responder.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::http::edge {

/// Called in a reactor thread; must not block. Answers through the responder, now or later.
using handler = std::function<void(const request&, responder)>;

/// What became of one request, for logs and metrics. `route` is the pattern, or "" when the request
/// never reached one (protocol errors, 404).
struct exchange {
  std::string_view method;
  std::string_view route;
  std::string_view request_id;
  std::string_view peer;
  int status = 0;
  std::size_t request_bytes = 0;  // body
  std::size_t response_bytes = 0; // body
  std::chrono::microseconds duration{};
  std::string_view fault = {}; // why it became a 500: the exception's type, never its text
};

/// Called in a reactor thread after every answered request; must not block or throw.
using observer = std::function<void(const exchange&)>;

struct server_options {
  std::string address = "127.0.0.1"; // IPv4 or IPv6 literal
  std::uint16_t port = 0;            // 0: any free one
  int threads = 2;
  edge::limits limits;
  std::vector<std::string> cors_origins; // exact origins that browsers may call from
  /// Asked before a handler is; an answer of its own takes the handler's place. Called in a reactor
  /// thread; must not block.
  std::function<std::optional<reply>(const request&)> turn_away;
  observer observe;
};

/// Counters since start, for /metrics.
struct server_stats {
  std::uint64_t accepted = 0; // connections
  std::uint64_t open_connections = 0;
  std::uint64_t requests = 0;
  std::uint64_t active_requests = 0; // being handled or streamed
  std::uint64_t rejected = 0;        // protocol errors answered 4xx/5xx by the edge itself
  std::uint64_t handler_timeouts = 0;
  std::uint64_t cut_off = 0;       // clients closed for being slow or greedy
  std::uint64_t stale_replies = 0; // answers that came after the client had gone
  std::uint64_t accept_pauses = 0; // connection or descriptor limit reached
  std::uint64_t exceptions = 0;    // caught at the edge; each is a bug
};

/// The HTTP server: Pistache's reactor, transport, parser and router, with accepting, output,
/// limits, time-outs and cross-thread replies of our own (docs/decisions/0002).
class server {
public:
  explicit server(server_options options);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Adds a route before `start`. Patterns are "/a/:name/b". GET routes answer HEAD too; OPTIONS
  /// and 405 with `Allow` are answered by the edge from the table of routes.
  void route(std::string_view method, std::string_view pattern, handler handle);

  /// Binds, listens and serves; returns the port. Throws std::system_error when it cannot bind.
  std::uint16_t start();

  /// Stops listening, closes idle connections and waits up to `patience` until every request in
  /// flight is answered and flushed. True when nothing was cut off.
  bool drain(std::chrono::milliseconds patience);

  /// Closes what is left and joins the threads.
  void stop();

  [[nodiscard]] server_stats stats() const;

  /// Every route, method and pattern: what openapi.json must describe.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> routes() const;

private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

} // namespace hub::http::edge
