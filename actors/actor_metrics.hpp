#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace hub::actors {

/// Upper bounds of the histograms below, in nanoseconds; the last bucket is open.
inline constexpr std::array<std::uint64_t, 14> time_bounds_ns{1'000,
                                                              5'000,
                                                              10'000,
                                                              50'000,
                                                              100'000,
                                                              500'000,
                                                              1'000'000,
                                                              5'000'000,
                                                              10'000'000,
                                                              50'000'000,
                                                              100'000'000,
                                                              500'000'000,
                                                              1'000'000'000,
                                                              5'000'000'000};

/// Counts how long things took. Lock-free.
class time_histogram {
public:
  void add(std::uint64_t nanoseconds);

  struct snapshot {
    std::array<std::uint64_t, time_bounds_ns.size() + 1> buckets{};
    std::uint64_t count = 0;
    std::uint64_t sum_ns = 0;
    /// The bound below which the share lies, in nanoseconds.
    [[nodiscard]] std::uint64_t quantile_ns(double share) const;
  };
  [[nodiscard]] snapshot read() const;

private:
  std::array<std::atomic<std::uint64_t>, time_bounds_ns.size() + 1> buckets_{};
  std::atomic<std::uint64_t> sum_ns_{0};
};

/// An actor that handles much.
struct busy_actor {
  std::uint64_t actor_id = 0;
  std::uint64_t handled = 0;
};

/// What all actors of one kind did, together.
struct kind_metrics {
  std::atomic<std::uint64_t> spawned{0};
  std::atomic<std::uint64_t> ended{0};
  std::atomic<std::uint64_t> failed{0};     // ended by an error
  std::atomic<std::uint64_t> restarts{0};   // started again by a supervisor after a failure
  std::atomic<std::uint64_t> handled{0};    // messages
  std::atomic<std::int64_t> waiting{0};     // messages in mailboxes
  std::atomic<std::int64_t> waiting_max{0}; // the most one mailbox ever held
  time_histogram handling;

  /// Notes that one actor has handled `count` messages so far; keeps the busiest few.
  void note(std::uint64_t actor_id, std::uint64_t count);
  [[nodiscard]] std::vector<busy_actor> busiest() const;

private:
  mutable std::mutex mutex_;
  std::vector<busy_actor> busiest_;
};

/// All kinds of one process. Kinds are never removed, so references stay good.
class metrics_registry {
public:
  static metrics_registry& instance();

  kind_metrics& kind(const std::string& name);

  template <class Visit>
  void each(Visit visit) const {
    const std::lock_guard lock{mutex_};
    for (const auto& [name, metrics] : kinds_)
      visit(name, *metrics);
  }

private:
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<kind_metrics>> kinds_;
};

} // namespace hub::actors
