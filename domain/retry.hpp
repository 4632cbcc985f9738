#pragma once

#include "domain/failure.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <variant>

namespace hub::domain {

/// The first waits of a list, one a failed attempt; the last one repeats.
struct listed_delays {
  std::array<std::chrono::milliseconds, 3> delays{};
};

/// Doubles from `first` to `most`, and waits a random part of that: many jobs that failed together
/// do not come back together ("full jitter").
struct jittered_doubling {
  std::chrono::milliseconds first{};
  std::chrono::milliseconds most{};
};

/// `unit` × attempt^`exponent`, at most `most`, plus up to a tenth at random.
struct polynomial_delays {
  std::chrono::milliseconds unit{};
  int exponent = 4;
  std::chrono::milliseconds most{};
};

using retry_schedule = std::variant<listed_delays, jittered_doubling, polynomial_delays>;

/// The same schedule with other bounds: it begins at `first`, grows as it did, and ends at `most`.
[[nodiscard]] retry_schedule between(const retry_schedule& schedule,
                                     std::chrono::milliseconds first,
                                     std::chrono::milliseconds most);

/// When and how often a failed attempt is repeated.
struct retry_policy {
  retry_schedule schedule;
  int most_attempts = 3;
  /// Whether an attempt whose outcome is unknown may simply be made again.
  bool repeatable = true;
  /// A job that is only held back (rate limits, a provider known to be down) waits this long.
  std::chrono::hours patience{72};
};

/// The longest wait a provider's `Retry-After` can ask for.
inline constexpr std::chrono::hours longest_retry_after{24};

/// What follows a failed attempt.
struct retry_decision {
  enum class step : std::uint8_t {
    retry,      // again after `delay`; counts as an attempt
    hold_back,  // again after `delay`; does not count: nothing was tried
    give_up,    // it will never succeed, or was tried often enough
    ask_person, // it may have happened: only a person can tell
  };
  step what = step::give_up;
  std::chrono::milliseconds delay{};
  friend bool operator==(const retry_decision&, const retry_decision&) = default;
};

/// How long to wait after attempt number `attempt` (from 1). `random` decides the jitter.
[[nodiscard]] std::chrono::milliseconds
delay_after(const retry_schedule& schedule, int attempt, std::uint64_t random);

/// True for failures that the same attempt can never overcome.
[[nodiscard]] bool is_permanent(errc code);

/// Decides from what failed, how often it was tried (from 1) and how old the job is. A provider's
/// `Retry-After` always wins over the schedule.
[[nodiscard]] retry_decision decide_retry(const failure& why,
                                          int attempt,
                                          std::chrono::milliseconds age,
                                          const retry_policy& policy,
                                          std::uint64_t random);

} // namespace hub::domain
