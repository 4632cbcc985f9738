#pragma once

#include "http/server/edge/address_book.hpp"
#include "http/server/edge/route_table.hpp"
#include "http/server/edge/server.hpp"

#include <atomic>
#include <cstdint>

namespace hub::http::edge {

/// What all reactor threads and all responders of one server share. Outlives the server while a
/// responder is still held somewhere.
struct edge_state {
  explicit edge_state(server_options chosen)
    : options(std::move(chosen)),
      addresses(options.limits.max_connections, options.limits.max_connections_per_address) {}

  const server_options options;
  route_table routes; // complete before the threads start
  address_book addresses;
  std::atomic<bool> draining = false;

  // As in server_stats.
  std::atomic<std::uint64_t> accepted = 0;
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> active_requests = 0;
  std::atomic<std::uint64_t> rejected = 0;
  std::atomic<std::uint64_t> handler_timeouts = 0;
  std::atomic<std::uint64_t> cut_off = 0;
  std::atomic<std::uint64_t> stale_replies = 0;
  std::atomic<std::uint64_t> accept_pauses = 0;
  std::atomic<std::uint64_t> exceptions = 0;
};

/// Runs `work`; nothing it throws may reach Pistache's loop, which would end the process.
template <typename Work>
bool guarded(edge_state& shared, Work&& work) noexcept {
  try {
    work();
    return true;
  } catch (...) {
    ++shared.exceptions;
    return false;
  }
}

} // namespace hub::http::edge
