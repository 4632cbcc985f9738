#pragma once

#include "domain/failure.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace hub::domain {

/// Time as limiters see it: passed in, because domain has no clock.
using tick_point = std::chrono::steady_clock::time_point;

/// `burst` at once, then one every `every`. Zero `every`: no limit.
struct call_rate {
  std::chrono::milliseconds every{};
  int burst = 1;

  friend bool operator==(const call_rate&, const call_rate&) = default;
};

/// A bucket that refills steadily. Empty, it says when the next token comes.
class token_bucket {
public:
  token_bucket(call_rate rate, tick_point now) : rate_{rate}, full_at_{now} {}

  /// When a token may be taken; `now` if at once.
  [[nodiscard]] tick_point next(tick_point now) const;
  /// Takes the token that `next` promised for `now`.
  void take(tick_point now);
  /// The token that was taken last was not needed.
  void give_back(tick_point now);
  [[nodiscard]] int tokens(tick_point now) const;
  [[nodiscard]] bool is_full(tick_point now) const { return full_at_ <= now; }
  /// Goes on at another rate. What was taken stays taken.
  void change(call_rate rate, tick_point now);

private:
  call_rate rate_;
  /// Every token taken moves this on by `every`; a bucket is its debt, and nothing else.
  tick_point full_at_;
};

struct breaker_rules {
  int failures_to_open = 5; // in a row
  std::chrono::milliseconds open_for{30'000};
  std::chrono::milliseconds longest_open{300'000}; // it doubles while trials fail
};

/// Keeps calls from a provider that is down.
class circuit_breaker {
public:
  enum class state : std::uint8_t {
    closed,    // calls go through
    open,      // none does
    half_open, // one does, to try
  };

  explicit circuit_breaker(breaker_rules rules) : rules_{rules}, open_for_{rules.open_for} {}

  [[nodiscard]] state now_is(tick_point now) const;
  /// Whether a call may go; half open, only while no trial is under way.
  [[nodiscard]] bool lets_through(tick_point now) const;
  /// A call that was let through begins.
  void begin(tick_point now);
  void succeeded();
  void failed(tick_point now);
  /// A call ended that says nothing about the provider.
  void undecided() { trial_ = false; }
  /// When the next trial may go; meaningful while not closed.
  [[nodiscard]] tick_point opens_until() const { return until_; }

private:
  breaker_rules rules_;
  std::chrono::milliseconds open_for_;
  int failures_ = 0;
  bool tripped_ = false;
  bool trial_ = false;
  tick_point until_{};
};

struct limiter_rules {
  call_rate overall;
  call_rate per_recipient; // zero: recipients share the overall rate only
  std::size_t longest_queue = 1000;
  std::size_t longest_recipient_queue = 100;
  std::chrono::milliseconds longest_wait{30'000}; // who would wait longer is told to come back
  std::chrono::seconds default_pause{30};         // after a refusal that names no time
  breaker_rules breaker;
};

/// How a call went, as far as the limiter cares.
enum class call_outcome : std::uint8_t {
  ok,                  // the provider answered, be it with a refusal of this one message
  throttled,           // the provider said: too many
  recipient_throttled, // … for this one recipient
  failed,              // it did not answer, or with a fault of its own
  undecided,           // cancelled, never begun
};

/// Admits calls to one provider account: a rate for all, one for each recipient, order kept for
/// each recipient, and nothing at all while the provider asks for a pause or is down. A recipient
/// has at most one call under way: the next one must not overtake it.
class call_limiter {
public:
  /// What the caller knows a call by.
  using call_id = std::uint64_t;

  call_limiter(limiter_rules rules, tick_point now);

  /// Lines a call up. `rate_limited` with `retry_after` when the queue is full, the provider is
  /// paused or down, or the wait would be too long.
  [[nodiscard]] std::optional<failure>
  enqueue(call_id call, const std::string& recipient, tick_point now);
  /// The calls that may go now, in order; each must be `finished`.
  [[nodiscard]] std::vector<call_id> admit(tick_point now);
  /// When `admit` may have more; unset while nothing waits, or only for calls to finish.
  [[nodiscard]] std::optional<tick_point> wake_at(tick_point now) const;
  /// Calls that would wait too long now that the provider is paused or down; they are out of the
  /// queue, and are told `why`.
  struct turned_away {
    std::vector<call_id> calls;
    failure why;
  };
  [[nodiscard]] turned_away turn_away(tick_point now);
  /// A call that was admitted has ended, or one that waits is given up.
  void finished(call_id call,
                call_outcome how,
                std::optional<std::chrono::seconds> retry_after,
                tick_point now);

  /// Goes on by other rates; what waits, is under way or paused stays so.
  void change(call_rate overall, call_rate per_recipient, tick_point now);

  struct view {
    circuit_breaker::state breaker{};
    int tokens = 0; // of the overall rate
    std::size_t waiting = 0;
    std::size_t under_way = 0;
    std::size_t recipients = 0;
    std::chrono::milliseconds paused_for{};
  };
  [[nodiscard]] view look(tick_point now) const;

private:
  struct lane {
    token_bucket bucket;
    tick_point paused_until{};
    std::deque<call_id> waiting;

    [[nodiscard]] tick_point next(tick_point now) const {
      return std::max(bucket.next(now), paused_until);
    }
    [[nodiscard]] bool is_idle(tick_point now) const {
      return !busy && waiting.empty() && bucket.is_full(now) && paused_until <= now;
    }
    bool busy = false;
    bool queued = false; // in `turns_`
  };

  [[nodiscard]] tick_point blocked_until(tick_point now) const;
  [[nodiscard]] failure come_back(std::string why, tick_point at, tick_point now) const;
  void forget_idle(const std::string& recipient, tick_point now);
  void sweep(tick_point now);

  limiter_rules rules_;
  token_bucket overall_;
  circuit_breaker breaker_;
  tick_point paused_until_;
  std::unordered_map<std::string, lane> lanes_;
  std::deque<std::string> turns_; // recipients with something waiting: round robin
  std::unordered_map<call_id, std::string> recipient_of_;
  std::size_t waiting_ = 0;
  std::size_t under_way_ = 0;
};

} // namespace hub::domain
