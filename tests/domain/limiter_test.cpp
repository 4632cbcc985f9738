#include "domain/limiter.hpp"

#include <gmock/gmock.h>

#include <map>
#include <random>
#include <vector>

namespace hub::domain {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using breaker = circuit_breaker::state;

const tick_point start{1000h};

TEST(token_bucket, keeps_what_was_taken_when_its_rate_changes) {
  token_bucket bucket{{10s, 3}, start};
  bucket.take(start);
  bucket.take(start);
  bucket.change({1s, 3}, start);
  EXPECT_EQ(bucket.tokens(start), 1);
  EXPECT_EQ(bucket.tokens(start + 2s), 3);
  bucket.take(start);
  bucket.change({10s, 1}, start);
  EXPECT_EQ(bucket.next(start), start + 10s) << "one is owed, not three";
  bucket.change({0s, 5}, start);
  EXPECT_EQ(bucket.next(start), start);
}

TEST(token_bucket, gives_its_burst_and_then_one_an_interval) {
  token_bucket bucket{{1s, 3}, start};
  EXPECT_EQ(bucket.tokens(start), 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(bucket.next(start), start);
    bucket.take(start);
  }
  EXPECT_EQ(bucket.tokens(start), 0);
  EXPECT_EQ(bucket.next(start), start + 1s);
  EXPECT_EQ(bucket.tokens(start + 1s), 1);
  EXPECT_EQ(bucket.tokens(start + 1999ms), 1);
  EXPECT_EQ(bucket.tokens(start + 1h), 3) << "it never holds more than its burst";
}

TEST(token_bucket, without_a_rate_never_makes_anybody_wait) {
  token_bucket bucket{{}, start};
  for (int i = 0; i < 1000; ++i)
    bucket.take(start);
  EXPECT_EQ(bucket.next(start), start);
}

TEST(token_bucket, gives_in_any_window_no_more_than_rate_and_burst) {
  std::mt19937 random{7};
  token_bucket bucket{{100ms, 5}, start};
  std::vector<tick_point> taken;
  auto now = start;
  for (int i = 0; i < 2000; ++i) {
    now += std::chrono::milliseconds{random() % 60};
    if (bucket.next(now) <= now) {
      bucket.take(now);
      taken.push_back(now);
    }
  }
  for (std::size_t i = 0; i + 1 < taken.size(); ++i)
    for (std::size_t j = i + 1; j < std::min(taken.size(), i + 40); ++j)
      ASSERT_LE(static_cast<double>(j - i + 1), 5 + 1 + (taken[j] - taken[i]) / 100.0ms);
}

TEST(circuit_breaker, opens_after_failures_in_a_row_only) {
  circuit_breaker one{{.failures_to_open = 3, .open_for = 10s, .longest_open = 30s}};
  one.failed(start);
  one.failed(start);
  one.succeeded();
  one.failed(start);
  one.failed(start);
  EXPECT_EQ(one.now_is(start), breaker::closed);
  one.failed(start);
  EXPECT_EQ(one.now_is(start), breaker::open);
  EXPECT_FALSE(one.lets_through(start + 9s));
}

TEST(circuit_breaker, tries_one_call_when_it_has_been_open_long_enough) {
  circuit_breaker one{{.failures_to_open = 1, .open_for = 10s, .longest_open = 30s}};
  one.failed(start);
  const auto later = start + 10s;
  EXPECT_EQ(one.now_is(later), breaker::half_open);
  ASSERT_TRUE(one.lets_through(later));
  one.begin(later);
  EXPECT_FALSE(one.lets_through(later)) << "one at a time";
  one.succeeded();
  EXPECT_EQ(one.now_is(later), breaker::closed);
}

TEST(circuit_breaker, stays_open_longer_each_time_a_trial_fails) {
  circuit_breaker one{{.failures_to_open = 1, .open_for = 10s, .longest_open = 30s}};
  one.failed(start);
  auto now = start + 10s;
  for (const auto wait : {20s, 30s, 30s}) {
    one.begin(now);
    one.failed(now);
    EXPECT_FALSE(one.lets_through(now + wait - 1ms));
    now += wait;
    EXPECT_TRUE(one.lets_through(now));
  }
}

TEST(circuit_breaker, is_not_kept_open_by_stragglers) {
  circuit_breaker one{{.failures_to_open = 1, .open_for = 10s, .longest_open = 30s}};
  one.failed(start);
  one.failed(start + 9s);
  EXPECT_TRUE(one.lets_through(start + 10s));
}

/// A limiter with a clock and calls that are told apart by numbers.
class limiter : public ::testing::Test {
protected:
  void lines_up(std::uint64_t call, const std::string& recipient) {
    const auto refused = of_.enqueue(call, recipient, now_);
    EXPECT_FALSE(refused) << refused->message;
  }
  void ends(std::uint64_t call,
            call_outcome how = call_outcome::ok,
            std::optional<std::chrono::seconds> retry_after = std::nullopt) {
    of_.finished(call, how, retry_after, now_);
  }

  tick_point now_ = start;
  call_limiter of_{{.overall = {10ms, 5},
                    .per_recipient = {1s, 2},
                    .longest_queue = 20,
                    .longest_recipient_queue = 8,
                    .longest_wait = 10s,
                    .default_pause = 5s,
                    .breaker = {.failures_to_open = 2, .open_for = 8s, .longest_open = 60s}},
                   start};
};

TEST_F(limiter, lets_different_recipients_go_at_once) {
  lines_up(1, "a");
  lines_up(2, "b");
  EXPECT_THAT(of_.admit(now_), ElementsAre(1, 2));
  EXPECT_THAT(of_.admit(now_), IsEmpty());
}

TEST_F(limiter, keeps_the_order_of_one_recipient_and_sends_one_at_a_time) {
  lines_up(1, "a");
  lines_up(2, "a");
  lines_up(3, "a");
  EXPECT_THAT(of_.admit(now_), ElementsAre(1));
  EXPECT_THAT(of_.admit(now_ + 5s), IsEmpty()) << "the first has not ended";
  ends(1);
  EXPECT_THAT(of_.admit(now_), ElementsAre(2));
  ends(2);
  EXPECT_THAT(of_.admit(now_), IsEmpty()) << "the burst of two is used up";
  ASSERT_TRUE(of_.wake_at(now_));
  EXPECT_EQ(*of_.wake_at(now_), now_ + 1s);
  EXPECT_THAT(of_.admit(now_ + 1s), ElementsAre(3));
}

TEST_F(limiter, holds_the_rate_of_the_whole_account) {
  for (std::uint64_t i = 1; i <= 7; ++i)
    lines_up(i, std::to_string(i));
  EXPECT_THAT(of_.admit(now_), SizeIs(5));
  EXPECT_EQ(*of_.wake_at(now_), now_ + 10ms);
  EXPECT_THAT(of_.admit(now_ + 10ms), SizeIs(1));
}

TEST_F(limiter, is_fair_to_recipients_behind_a_busy_one) {
  for (std::uint64_t i = 1; i <= 6; ++i)
    lines_up(i, "busy");
  lines_up(7, "quiet");
  EXPECT_THAT(of_.admit(now_), ElementsAre(1, 7));
}

TEST_F(limiter, refuses_when_its_queues_are_full) {
  for (std::uint64_t i = 1; i <= 8; ++i)
    lines_up(i, "a");
  const auto refused = of_.enqueue(9, "a", now_);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, errc::rate_limited);
  ASSERT_TRUE(refused->retry_after);
  for (std::uint64_t i = 10; i < 22; ++i)
    lines_up(i, std::to_string(i));
  EXPECT_TRUE(of_.enqueue(30, "other", now_)) << "twenty wait";
}

TEST_F(limiter, pauses_everybody_when_the_provider_says_so) {
  lines_up(1, "a");
  (void)of_.admit(now_);
  lines_up(2, "b");
  ends(1, call_outcome::throttled, 3s);
  EXPECT_THAT(of_.admit(now_ + 2s), IsEmpty());
  EXPECT_EQ(*of_.wake_at(now_), now_ + 3s);
  EXPECT_THAT(of_.admit(now_ + 3s), ElementsAre(2));
}

TEST_F(limiter, pauses_for_its_default_when_no_time_is_named) {
  lines_up(1, "a");
  (void)of_.admit(now_);
  ends(1, call_outcome::throttled);
  EXPECT_EQ(of_.look(now_).paused_for, 5s);
  EXPECT_EQ(of_.look(now_).breaker, breaker::closed) << "a provider that throttles is up";
}

TEST_F(limiter, pauses_one_recipient_when_only_that_one_had_too_much) {
  lines_up(1, "a");
  (void)of_.admit(now_);
  lines_up(2, "a");
  lines_up(3, "b");
  ends(1, call_outcome::recipient_throttled, 6s);
  EXPECT_THAT(of_.admit(now_), ElementsAre(3));
  EXPECT_THAT(of_.admit(now_ + 5s), IsEmpty());
  EXPECT_THAT(of_.admit(now_ + 6s), ElementsAre(2));
}

TEST_F(limiter, turns_calls_away_when_a_pause_is_longer_than_they_may_wait) {
  lines_up(1, "a");
  (void)of_.admit(now_);
  lines_up(2, "b");
  ends(1, call_outcome::throttled, 60s);
  const auto away = of_.turn_away(now_);
  EXPECT_THAT(away.calls, ElementsAre(2));
  EXPECT_EQ(away.why.retry_after, 60s);
  const auto refused = of_.enqueue(3, "c", now_);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->retry_after, 60s);
  EXPECT_EQ(of_.look(now_).waiting, 0U);
}

TEST_F(limiter, keeps_calls_from_a_provider_that_is_down) {
  for (std::uint64_t i = 1; i <= 2; ++i) {
    lines_up(i, "a");
    (void)of_.admit(now_);
    ends(i, call_outcome::failed);
  }
  EXPECT_EQ(of_.look(now_).breaker, breaker::open);
  EXPECT_TRUE(of_.enqueue(3, "b", now_));
  now_ += 8s;
  lines_up(4, "b");
  lines_up(5, "c");
  EXPECT_THAT(of_.admit(now_), ElementsAre(4)) << "one to try";
  EXPECT_FALSE(of_.wake_at(now_)) << "nothing to do until the trial ends";
  ends(4);
  EXPECT_THAT(of_.admit(now_), ElementsAre(5));
}

TEST_F(limiter, tries_again_when_a_trial_came_to_nothing) {
  for (std::uint64_t i = 1; i <= 2; ++i) {
    lines_up(i, "a");
    (void)of_.admit(now_);
    ends(i, call_outcome::failed);
  }
  now_ += 8s;
  lines_up(4, "b");
  EXPECT_THAT(of_.admit(now_), ElementsAre(4));
  ends(4, call_outcome::undecided);
  lines_up(5, "c");
  EXPECT_THAT(of_.admit(now_), ElementsAre(5));
}

TEST_F(limiter, forgets_calls_that_are_given_up) {
  lines_up(1, "a");
  lines_up(2, "a");
  ends(1, call_outcome::undecided);
  EXPECT_THAT(of_.admit(now_), ElementsAre(2));
  ends(2);
  ends(2);
  EXPECT_EQ(of_.look(now_).under_way, 0U);
}

TEST_F(limiter, forgets_recipients_that_have_been_quiet) {
  for (std::uint64_t i = 1; i <= 15'000; ++i) {
    lines_up(i, std::to_string(i));
    ASSERT_THAT(of_.admit(now_), SizeIs(1));
    ends(i);
    now_ += 10ms;
  }
  EXPECT_LT(of_.look(now_).recipients, 11'000U);
}

TEST_F(limiter, loses_and_doubles_nothing_whatever_happens) {
  std::mt19937 random{11};
  std::map<std::string, std::uint64_t> last; // of each recipient, in order
  std::vector<std::uint64_t> under_way;
  std::map<std::uint64_t, std::string> lined_up;
  std::size_t ended = 0;
  std::size_t admitted_or_away = 0;
  std::uint64_t next = 1;
  for (int round = 0; round < 20'000; ++round) {
    now_ += std::chrono::milliseconds{random() % 50};
    const auto recipient = std::to_string(random() % 6);
    if (random() % 2 == 0 && !of_.enqueue(next, recipient, now_))
      lined_up[next++] = recipient;
    if (random() % 50 == 0) {
      const auto away = of_.turn_away(now_);
      admitted_or_away += away.calls.size();
      ended += away.calls.size();
    }
    for (const auto call : of_.admit(now_)) {
      ++admitted_or_away;
      ASSERT_LT(last[lined_up[call]], call) << "order of a recipient";
      last[lined_up[call]] = call;
      under_way.push_back(call);
    }
    if (!under_way.empty() && random() % 3 != 0) {
      const auto at = random() % under_way.size();
      constexpr std::array outcomes{call_outcome::ok,
                                    call_outcome::ok,
                                    call_outcome::ok,
                                    call_outcome::throttled,
                                    call_outcome::recipient_throttled,
                                    call_outcome::failed,
                                    call_outcome::undecided};
      of_.finished(under_way[at], outcomes[random() % outcomes.size()], 1s, now_);
      under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(at));
      ++ended;
    }
    const auto seen = of_.look(now_);
    ASSERT_EQ(seen.under_way, under_way.size());
    ASSERT_EQ(seen.waiting, lined_up.size() - admitted_or_away);
  }
  EXPECT_GT(ended, 500U);
}

} // namespace
} // namespace hub::domain
