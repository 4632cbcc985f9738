#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace hub::http::edge {

/// Where `drain` waits for the reactor threads, each of which reports how many of its connections
/// still have something to do.
class drain_gate {
public:
  explicit drain_gate(std::size_t threads) : busy_(threads, unknown) {}

  void report(std::size_t thread, std::size_t busy) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(busy_[thread], busy) != busy)
      changed_.notify_all();
  }

  /// True when nobody has anything left to do.
  bool wait(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] {
      return std::all_of(busy_.begin(), busy_.end(), [](auto busy) { return busy == 0; });
    });
  }

private:
  static constexpr auto unknown = static_cast<std::size_t>(-1);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::size_t> busy_;
};

} // namespace hub::http::edge
