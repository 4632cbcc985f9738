#pragma once

#include "domain/provider.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace hub::actors {

/// One provider's limiter, over all workspaces of this node; gauges are of the one that changed
/// last.
struct provider_figures {
  std::atomic<std::uint64_t> admitted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> throttled{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::int64_t> waiting{0};
  std::atomic<std::int64_t> under_way{0};
  std::atomic<std::int64_t> tokens{0};
  std::atomic<std::int64_t> paused_ms{0};
  std::atomic<domain::circuit_breaker::state> breaker{domain::circuit_breaker::state::closed};
};

/// By provider; written by the limiters, read by /metrics and the API.
struct limiter_figures {
  std::array<provider_figures, domain::all_providers.size()> providers;

  [[nodiscard]] provider_figures& of(domain::provider which) {
    return providers[static_cast<std::size_t>(which)];
  }
  [[nodiscard]] const provider_figures& of(domain::provider which) const {
    return providers[static_cast<std::size_t>(which)];
  }
};

} // namespace hub::actors
