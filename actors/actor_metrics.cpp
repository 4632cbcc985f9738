#include "actors/actor_metrics.hpp"

#include <algorithm>

namespace hub::actors {

namespace {

constexpr std::size_t busiest_kept = 10;

} // namespace

void time_histogram::add(std::uint64_t nanoseconds) {
  const auto bound = std::ranges::lower_bound(time_bounds_ns, nanoseconds);
  const auto bucket = static_cast<std::size_t>(bound - time_bounds_ns.begin());
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(nanoseconds, std::memory_order_relaxed);
}

time_histogram::snapshot time_histogram::read() const {
  snapshot now;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    now.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    now.count += now.buckets[i];
  }
  now.sum_ns = sum_ns_.load(std::memory_order_relaxed);
  return now;
}

std::uint64_t time_histogram::snapshot::quantile_ns(double share) const {
  const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < time_bounds_ns.size(); ++i) {
    seen += buckets[i];
    if (seen > wanted || (seen == count && count > 0))
      return time_bounds_ns[i];
  }
  return count == 0 ? 0 : time_bounds_ns.back();
}

void kind_metrics::note(std::uint64_t actor_id, std::uint64_t count) {
  const std::lock_guard lock{mutex_};
  const auto known = std::ranges::find(busiest_, actor_id, &busy_actor::actor_id);
  if (known != busiest_.end())
    known->handled = count;
  else if (busiest_.size() < busiest_kept)
    busiest_.push_back({actor_id, count});
  else if (const auto least = std::ranges::min_element(busiest_, {}, &busy_actor::handled);
           least->handled < count)
    *least = {actor_id, count};
}

std::vector<busy_actor> kind_metrics::busiest() const {
  const std::lock_guard lock{mutex_};
  auto sorted = busiest_;
  std::ranges::sort(sorted, std::ranges::greater{}, &busy_actor::handled);
  return sorted;
}

metrics_registry& metrics_registry::instance() {
  static metrics_registry registry;
  return registry;
}

kind_metrics& metrics_registry::kind(const std::string& name) {
  const std::lock_guard lock{mutex_};
  auto& entry = kinds_[name];
  if (!entry)
    entry = std::make_unique<kind_metrics>();
  return *entry;
}

} // namespace hub::actors
