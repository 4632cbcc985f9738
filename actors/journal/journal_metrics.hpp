#pragma once

#include "actors/actor_metrics.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace hub::actors {

/// Upper bounds of batch sizes; the last bucket is open.
inline constexpr std::array<std::uint64_t, 9> batch_bounds{1, 2, 4, 8, 16, 32, 64, 128, 256};

/// What the journal did; read by /metrics and /health.
struct journal_metrics {
  std::atomic<std::uint64_t> batches{0};
  std::atomic<std::uint64_t> transactions{0};
  std::atomic<std::uint64_t> changes{0};
  std::atomic<std::uint64_t> failed{0};   // Changes answered with a failure
  std::atomic<std::uint64_t> rejected{0}; // not even queued
  std::atomic<std::int64_t> queued{0};
  std::atomic<int> writers_up{0};
  std::array<std::atomic<std::uint64_t>, batch_bounds.size() + 1> batch_sizes{};
  time_histogram commit_time; // of a batch, from hand-over to commit
};

} // namespace hub::actors
