#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace hub::actors {

/// How often something happened in the last minute. One thread at a time adds, any may read.
class rate_meter {
public:
  using time_point = std::chrono::steady_clock::time_point;

  void add(std::uint64_t count, time_point now) {
    const auto second = seconds(now);
    auto& slot = slots_[static_cast<std::size_t>(second % window)];
    if (slot.second != second) {
      slot.count = 0; // before it counts for this second
      slot.second = second;
    }
    slot.count += count;
  }

  [[nodiscard]] double per_second(time_point now) const {
    const auto last = seconds(now);
    std::uint64_t sum = 0;
    for (const auto& slot : slots_)
      if (const auto second = slot.second.load(); second > last - window && second <= last)
        sum += slot.count;
    return static_cast<double>(sum) / window;
  }

private:
  static constexpr std::int64_t window = 60;

  struct one_second {
    std::atomic<std::int64_t> second{0};
    std::atomic<std::uint64_t> count{0};
  };

  static std::int64_t seconds(time_point at) {
    return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
  }

  std::array<one_second, window> slots_;
};

} // namespace hub::actors
