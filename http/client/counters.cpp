#include "http/client/counters.hpp"

#include <algorithm>
#include <iterator>

namespace hub::http::client {

std::string_view outcome_of(const domain::result<reply>& ended) {
  if (!ended)
    return domain::to_string(ended.why().code);
  if (ended->status == 429)
    return "429";
  switch (ended->status / 100) {
  case 2:
    return "2xx";
  case 3:
    return "3xx";
  case 4:
    return "4xx";
  case 5:
    return "5xx";
  default:
    return "other";
  }
}

void counters::count(std::string_view provider,
                     std::string_view outcome,
                     std::chrono::microseconds took) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
  const auto bucket =
    std::distance(duration_bounds_us.begin(), std::ranges::lower_bound(duration_bounds_us, us));
  const std::lock_guard lock{mutex_};
  auto at = providers_.find(provider);
  if (at == providers_.end()) {
    const bool full = providers_.size() >= most_providers;
    at = providers_.try_emplace(full ? "other" : std::string{provider}).first;
  }
  auto& counted = at->second[outcome];
  ++counted.buckets[static_cast<std::size_t>(bucket)];
  ++counted.count;
  counted.sum_us += us;
}

void counters::count_connections(std::uint64_t opened, bool reused) {
  const std::lock_guard lock{mutex_};
  opened_ += opened;
  reused_ += reused ? 1U : 0U;
}

void counters::add_to(stats& figures) const {
  const std::lock_guard lock{mutex_};
  figures.connections_opened = opened_;
  figures.connections_reused = reused_;
  for (const auto& [provider, outcomes] : providers_)
    for (const auto& [outcome, counted] : outcomes)
      figures.calls.push_back(
        {provider, std::string{outcome}, counted.buckets, counted.count, counted.sum_us});
}

} // namespace hub::http::client
