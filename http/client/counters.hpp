#pragma once

#include "domain/result.hpp"
#include "http/client/call.hpp"
#include "http/client/stats.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace hub::http::client {

/// How a call ended, as a label: the class of its status, or the name of its failure.
[[nodiscard]] std::string_view outcome_of(const domain::result<reply>& ended);

/// Counts ended calls; read from any thread.
class counters {
public:
  void count(std::string_view provider, std::string_view outcome, std::chrono::microseconds took);
  void count_connections(std::uint64_t opened, bool reused);

  /// Fills in all but what is under way.
  void add_to(stats& figures) const;

private:
  static constexpr std::size_t most_providers = 32;

  struct tally {
    std::array<std::uint64_t, duration_bounds_us.size() + 1> buckets{};
    std::uint64_t count = 0;
    std::uint64_t sum_us = 0;
  };

  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::string_view, tally>, std::less<>> providers_;
  std::uint64_t opened_ = 0;
  std::uint64_t reused_ = 0;
};

} // namespace hub::http::client
