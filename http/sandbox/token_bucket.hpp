#pragma once

#include "http/sandbox/stand_in.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace hub::http::sandbox {

/// So many at once, then one each `refill`: a limit as providers describe theirs.
struct allowance {
  double burst;
  std::chrono::milliseconds refill;
};

class token_bucket {
public:
  /// Takes one; else how long to wait for it.
  std::optional<std::chrono::milliseconds> take(const allowance& limit, time_point now) {
    if (!filled_) {
      tokens_ = limit.burst;
    } else if (now > *filled_) {
      const double gained =
        static_cast<double>((now - *filled_).count()) / static_cast<double>(limit.refill.count());
      tokens_ = std::min(limit.burst, tokens_ + gained);
    }
    filled_ = filled_ ? std::max(*filled_, now) : now;
    if (tokens_ >= 1 - rounding) {
      tokens_ = std::max(tokens_ - 1, 0.0);
      return std::nullopt;
    }
    return std::chrono::milliseconds{static_cast<std::int64_t>(
      std::ceil((1 - tokens_) * static_cast<double>(limit.refill.count())))};
  }

private:
  static constexpr double rounding = 1e-9;

  double tokens_ = 0;
  std::optional<time_point> filled_;
};

/// One bucket a key; forgets all of them rather than grow without bound.
class token_buckets {
public:
  std::optional<std::chrono::milliseconds>
  take(const std::string& key, const allowance& limit, time_point now) {
    constexpr std::size_t most = 100'000;
    if (buckets_.size() >= most && !buckets_.contains(key))
      buckets_.clear();
    return buckets_[key].take(limit, now);
  }
  void clear() { buckets_.clear(); }

private:
  std::unordered_map<std::string, token_bucket> buckets_;
};

/// A wait in whole seconds, as Retry-After wants it; at least one.
inline std::chrono::seconds whole_seconds(std::chrono::milliseconds wait) {
  return std::max(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds{1});
}

} // namespace hub::http::sandbox
