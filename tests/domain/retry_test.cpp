#include "domain/retry.hpp"

#include "domain/job.hpp"
#include "domain/scrub_json.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hub::domain {
namespace {

using namespace std::chrono_literals;
using step = retry_decision::step;

constexpr auto most_random = ~std::uint64_t{0};

const retry_policy notifications = rules_of(job_kind::notification_dispatch).retry;

failure failed(errc code, std::optional<std::chrono::seconds> retry_after = std::nullopt) {
  auto why = fail(code, "as the test wants it");
  why.retry_after = retry_after;
  return why;
}

TEST(retry_schedule, goes_through_its_list_and_stays_at_the_end) {
  const listed_delays listed{{1min, 5min, 30min}};
  EXPECT_EQ(delay_after(listed, 1, 0), 1min);
  EXPECT_EQ(delay_after(listed, 2, 0), 5min);
  EXPECT_EQ(delay_after(listed, 3, 0), 30min);
  EXPECT_EQ(delay_after(listed, 99, 0), 30min);
}

TEST(retry_schedule, doubles_up_to_its_most_and_waits_any_part_of_it) {
  const jittered_doubling doubling{1s, 1min};
  EXPECT_EQ(delay_after(doubling, 1, 0), 0ms);
  EXPECT_EQ(delay_after(doubling, 1, most_random), 999ms);
  EXPECT_EQ(delay_after(doubling, 4, most_random), 7999ms);
  EXPECT_EQ(delay_after(doubling, 60, most_random), 59999ms);
  EXPECT_EQ(delay_after(doubling, 2, most_random / 2), 999ms);
}

TEST(retry_schedule, grows_as_a_power_with_a_tenth_at_random) {
  const polynomial_delays polynomial{2s, 4, 1h};
  EXPECT_EQ(delay_after(polynomial, 1, 0), 2s);
  EXPECT_EQ(delay_after(polynomial, 3, 0), 162s);
  EXPECT_EQ(delay_after(polynomial, 3, most_random), 178199ms);
  EXPECT_EQ(delay_after(polynomial, 1000, 0), 1h);
}

TEST(retry_decision, gives_up_on_what_can_never_succeed) {
  for (const auto code : {errc::malformed,
                          errc::invalid_input,
                          errc::unauthorized,
                          errc::forbidden,
                          errc::not_found,
                          errc::conflict,
                          errc::too_large,
                          errc::unsupported_media})
    EXPECT_EQ(decide_retry(failed(code, 5s), 1, 0s, notifications, 0).what, step::give_up)
      << to_string(code);
}

TEST(retry_decision, counts_attempts_and_then_gives_up) {
  EXPECT_EQ(decide_retry(failed(errc::unavailable), 1, 0s, notifications, 0),
            (retry_decision{step::retry, 1min}));
  EXPECT_EQ(decide_retry(failed(errc::timed_out), 4, 0s, notifications, 0),
            (retry_decision{step::retry, 30min}));
  EXPECT_EQ(decide_retry(failed(errc::unavailable), 5, 0s, notifications, 0).what, step::give_up);
}

TEST(retry_decision, obeys_retry_after_before_its_own_schedule) {
  EXPECT_EQ(decide_retry(failed(errc::unavailable, 7s), 1, 0s, notifications, 0),
            (retry_decision{step::retry, 7s}));
  EXPECT_EQ(decide_retry(failed(errc::rate_limited, 0s), 1, 0s, notifications, 0),
            (retry_decision{step::hold_back, 0s}));
  EXPECT_EQ(
    decide_retry(failed(errc::unavailable, std::chrono::seconds::max()), 1, 0s, notifications, 0)
      .delay,
    longest_retry_after);
}

TEST(retry_decision, holds_back_without_counting_until_its_patience_ends) {
  EXPECT_EQ(decide_retry(failed(errc::rate_limited, 30s), 5, 1h, notifications, 0),
            (retry_decision{step::hold_back, 30s}));
  EXPECT_EQ(decide_retry(failed(errc::rate_limited, 30s), 1, 72h, notifications, 0).what,
            step::give_up);
}

TEST(retry_decision, asks_a_person_when_a_send_may_have_happened) {
  EXPECT_EQ(decide_retry(failed(errc::unknown_outcome), 1, 0s, notifications, 0).what,
            step::ask_person);
  EXPECT_EQ(
    decide_retry(failed(errc::unknown_outcome), 1, 0s, rules_of(job_kind::notion_sync).retry, 0)
      .what,
    step::retry)
    << "Notion can be asked before the next attempt";
}

TEST(job_rules, have_the_defaults_that_are_promised) {
  EXPECT_EQ(rules_of(job_kind::notification_dispatch).retry.most_attempts, 5);
  EXPECT_EQ(rules_of(job_kind::notion_sync).retry.most_attempts, 3);
  EXPECT_EQ(rules_of(job_kind::ai_triage).retry.most_attempts, 3);
}

TEST(job_rules, are_found_by_the_class_they_name) {
  for (const auto& rules : all_job_rules()) {
    const auto found = parse_job_kind(rules.job_class);
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, rules.kind);
  }
  const auto unknown = parse_job_kind("NoSuchJob");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.why().message.find("NotionSyncJob"), std::string::npos);
}

TEST(scrub_json, takes_personal_data_out_of_every_string_and_nothing_else) {
  EXPECT_EQ(scrub_json(R"({"a":["mail ana@example.org"],"n":12,"t":true})"),
            R"({"a":["mail [EMAIL]"],"n":12,"t":true})");
  EXPECT_EQ(scrub_json("not json, ana@example.org"), R"("not json, [EMAIL]")");
}

TEST(retry_schedule, keeps_its_shape_between_other_bounds) {
  const auto listed = between(listed_delays{{1min, 5min, 30min}}, 2s, 30s);
  EXPECT_EQ(delay_after(listed, 1, 0), 2s);
  EXPECT_EQ(delay_after(listed, 2, 0), 10s);
  EXPECT_EQ(delay_after(listed, 3, 0), 30s) << "sixty seconds are above the most";
  const auto polynomial = between(polynomial_delays{2s, 4, 1h}, 1s, 20s);
  EXPECT_EQ(delay_after(polynomial, 2, 0), 16s);
  EXPECT_EQ(delay_after(polynomial, 3, 0), 20s);
  constexpr std::uint64_t half = 1ULL << 63U;
  const auto doubling = between(jittered_doubling{10s, 10min}, 4s, 6s);
  EXPECT_EQ(delay_after(doubling, 1, half), 2s);
  EXPECT_EQ(delay_after(doubling, 2, half), 3s);
}

} // namespace
} // namespace hub::domain
