#pragma once

#include "domain/provider.hpp"
#include "domain/uuid.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace hub::actors {

/// How one limiter stands.
struct limiter_gauges {
  std::atomic<std::int64_t> waiting{0};
  std::atomic<std::int64_t> under_way{0};
  std::atomic<std::int64_t> tokens{0};
  std::atomic<std::int64_t> paused_ms{0};
  std::atomic<domain::circuit_breaker::state> breaker{domain::circuit_breaker::state::closed};
};

/// One provider's limiters, over all workspaces of this node; gauges are of the one that changed
/// last.
struct provider_figures : limiter_gauges {
  std::atomic<std::uint64_t> admitted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> throttled{0};
  std::atomic<std::uint64_t> failed{0};
};

/// A limiter actor that lives now.
struct live_limiter {
  domain::uuid workspace;
  domain::provider whom{};
  std::shared_ptr<const limiter_gauges> gauges;
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

  /// Shows a limiter for as long as it keeps its gauges.
  void add(const domain::uuid& workspace,
           domain::provider whom,
           const std::shared_ptr<const limiter_gauges>& gauges) {
    const std::lock_guard lock{mutex_};
    std::erase_if(shown_, [](const shown_limiter& each) { return each.gauges.expired(); });
    shown_.push_back({workspace, whom, gauges});
  }

  [[nodiscard]] std::vector<live_limiter> live() const {
    const std::lock_guard lock{mutex_};
    std::vector<live_limiter> all;
    for (const auto& each : shown_)
      if (auto gauges = each.gauges.lock())
        all.push_back({each.workspace, each.whom, std::move(gauges)});
    return all;
  }

private:
  struct shown_limiter {
    domain::uuid workspace;
    domain::provider whom{};
    std::weak_ptr<const limiter_gauges> gauges;
  };

  mutable std::mutex mutex_;
  std::vector<shown_limiter> shown_;
};

} // namespace hub::actors
