#pragma once

#include <chrono>
#include <cstddef>

namespace hub::http::edge {

/// What one client may cost. Every value is a setting; the defaults suit a server behind nginx or
/// on loopback.
struct limits {
  std::size_t max_target = 4096;                  // bytes of the request target; beyond: 414
  std::size_t max_head = 16UL * 1024;             // bytes of the whole head; beyond: 431
  std::size_t max_headers = 100;                  // beyond: 431
  std::size_t max_body = 4 << 20;                 // bytes; beyond: 413
  std::size_t max_pipelined = 64UL * 1024;        // bytes a client may send ahead of our answers
  std::size_t max_stream_buffer = 1 << 20;        // bytes waiting for a slow reader of a stream
  std::size_t max_connections = 4096;             // all threads together
  std::size_t max_connections_per_address = 1024; // loopback included
  std::chrono::milliseconds head_timeout{10'000}; // a head must be complete by then; else 408
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds idle_timeout{60'000};    // between requests of one connection
  std::chrono::milliseconds handler_timeout{30'000}; // beyond: 504
  std::chrono::milliseconds write_timeout{30'000};   // without progress
};

} // namespace hub::http::edge
