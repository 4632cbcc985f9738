#include "actors/outward/provider_check.hpp"

#include "tests/actors/sending_fixture.hpp"

#include <gmock/gmock.h>

#include <utility>

namespace hub::actors {
namespace {

using namespace std::chrono_literals;
using domain::errc;
using domain::job_kind;
using domain::job_step;
using ::testing::ElementsAre;
using testing::id_of;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::test_workspace;

class provider_check : public testing::sending_fixture {
protected:
  /// Runs one attempt of a job to send "hello" to C1.
  void attempt_it(std::optional<domain::time_point> sending_since = {}, int number = 1) {
    domain::claimed_job job;
    job.workspace = test_workspace;
    job.id = id_of(1);
    job.kind = job_kind::provider_check;
    job.args = R"({"provider":"slack","recipient":"C1","text":"hello"})";
    job.sending_since = sending_since;
    job.attempt = number;
    job.created_at = domain::time_point{std::chrono::hours{24 * 365 * 50}};
    attempt(job, run_provider_check(limiters_, desk_, rules_));
  }
};

TEST_F(provider_check, records_that_it_sends_before_it_does) {
  desk_.answer.reset();
  attempt_it();
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::begin_sending));
  ASSERT_THAT(desk_.sent, SizeIs(1));
  EXPECT_EQ(desk_.sent[0].recipient, "C1");
  EXPECT_EQ(desk_.sent[0].text, "hello");
  EXPECT_EQ(desk_.sent[0].id, id_of(1));
  desk_.held(sent_message{"m1"});
  run();
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::begin_sending, job_step::kind::finish));
  EXPECT_EQ(providers_->of(domain::provider::slack).under_way, 0);
}

TEST_F(provider_check, does_not_send_again_what_the_provider_has) {
  desk_.finds = found_message::yes;
  attempt_it(domain::time_point{});
  EXPECT_THAT(desk_.sent, IsEmpty());
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::finish));
}

TEST_F(provider_check, sends_what_the_provider_says_it_never_got) {
  desk_.finds = found_message::no;
  attempt_it(domain::time_point{});
  advance(2s);
  EXPECT_THAT(desk_.sent, SizeIs(1));
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::begin_sending, job_step::kind::finish));
}

TEST_F(provider_check, believes_that_it_never_arrived_only_once_no_call_can_be_under_way) {
  desk_.finds = found_message::no;
  const domain::time_point now{std::chrono::hours{24 * 365 * 50}}; // as the surroundings say
  attempt_it(now - 29'999ms);
  advance(2s);
  EXPECT_THAT(desk_.sent, IsEmpty());
  ASSERT_THAT(steps(), ElementsAre(job_step::kind::retry));
  EXPECT_TRUE(last_step().outcome_unknown) << "the next attempt asks again";
  EXPECT_EQ(last_step().run_at - journal_->seen.back()->at, 1s) << "when it can be believed";

  attempt_it(now - 30s);
  advance(2s);
  EXPECT_THAT(desk_.sent, SizeIs(1));
}

TEST(sending, is_settled_after_all_that_a_call_may_take) {
  EXPECT_GE(rules_for_calls(20s, 5).settled_after, save_within + 20s);
  EXPECT_EQ(rules_for_calls(21s, 5).settled_after - rules_for_calls(20s, 5).settled_after, 1s);
}

TEST_F(provider_check, believes_at_once_that_it_has_arrived) {
  desk_.finds = found_message::yes;
  attempt_it(domain::time_point{std::chrono::hours{24 * 365 * 50}});
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::finish));
}

TEST_F(provider_check, asks_a_person_where_the_provider_cannot_tell) {
  attempt_it(domain::time_point{});
  EXPECT_THAT(desk_.sent, IsEmpty());
  ASSERT_THAT(steps(), ElementsAre(job_step::kind::bury));
  EXPECT_TRUE(last_step().outcome_unknown);
}

TEST_F(provider_check, asks_a_person_when_the_answer_was_lost) {
  desk_.answer = domain::fail(errc::unknown_outcome, "lost");
  attempt_it();
  EXPECT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_TRUE(last_step().outcome_unknown);
  EXPECT_EQ(providers_->of(domain::provider::slack).failed, 1U);
}

TEST_F(provider_check, asks_the_provider_first_where_it_can_tell) {
  desk_.answer = domain::fail(errc::unknown_outcome, "lost");
  desk_.can_be_asked = true;
  attempt_it();
  EXPECT_EQ(last_step().what, job_step::kind::retry);
  EXPECT_TRUE(last_step().outcome_unknown) << "the next attempt must ask before it sends";
}

class unanswered_question : public provider_check, public ::testing::WithParamInterface<errc> {};

TEST_P(unanswered_question, is_asked_again_and_nothing_is_sent_meanwhile) {
  desk_.finds = domain::fail(GetParam(), "not now");
  attempt_it(domain::time_point{});
  EXPECT_EQ(last_step().what,
            GetParam() == errc::unavailable ? job_step::kind::retry : job_step::kind::hold_back);
  EXPECT_TRUE(last_step().outcome_unknown);
  EXPECT_THAT(desk_.sent, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(provider,
                         unanswered_question,
                         ::testing::Values(errc::unavailable, errc::rate_limited),
                         [](const auto& tested) { return to_string(tested.param); });

TEST_F(provider_check, asks_once_more_when_the_answer_of_the_last_attempt_was_lost) {
  desk_.can_be_asked = true;
  desk_.answer = domain::fail(errc::unknown_outcome, "lost");
  attempt_it({}, rules_.most_attempts);
  EXPECT_EQ(last_step().what, job_step::kind::retry);
  EXPECT_TRUE(last_step().outcome_unknown);
}

TEST_F(provider_check, only_asks_in_the_attempts_beyond_the_most) {
  desk_.can_be_asked = true;
  desk_.finds = found_message::no;
  attempt_it(domain::time_point{}, rules_.most_attempts + 1);
  advance(2s);
  EXPECT_THAT(desk_.sent, IsEmpty());
  ASSERT_THAT(steps(), ElementsAre(job_step::kind::bury));
  EXPECT_FALSE(last_step().outcome_unknown) << "it is known that it never arrived";

  desk_.finds = domain::fail(errc::unavailable, "not now");
  attempt_it(domain::time_point{}, rules_.most_attempts + 1);
  EXPECT_EQ(last_step().what, job_step::kind::retry) << "the question is still open";

  desk_.finds = found_message::yes;
  attempt_it(domain::time_point{}, rules_.most_attempts + 2);
  advance(2s);
  EXPECT_EQ(last_step().what, job_step::kind::finish);
}

TEST_F(provider_check, asks_the_provider_first_when_it_took_too_long_to_send) {
  desk_.can_be_asked = true;
  desk_.answer.reset();
  attempt_it();
  advance(70s);
  ASSERT_THAT(steps(), ElementsAre(job_step::kind::begin_sending, job_step::kind::retry));
  EXPECT_TRUE(last_step().outcome_unknown);
}

TEST_F(provider_check, asks_a_person_when_the_provider_may_not_be_asked) {
  desk_.can_be_asked = true;
  desk_.finds = domain::fail(errc::forbidden, "missing_scope");
  attempt_it(domain::time_point{});
  EXPECT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_TRUE(last_step().outcome_unknown);
  EXPECT_THAT(desk_.sent, IsEmpty());
}

TEST_F(provider_check, knows_the_outcome_again_once_it_has_sent_again) {
  desk_.finds = found_message::no;
  desk_.answer = domain::fail(errc::unavailable, "refused");
  attempt_it(domain::time_point{});
  advance(2s);
  EXPECT_EQ(last_step().what, job_step::kind::retry);
  EXPECT_FALSE(last_step().outcome_unknown);
}

TEST_F(provider_check, comes_back_when_the_provider_says) {
  auto why = domain::fail(errc::rate_limited, "429");
  why.retry_after = 17s;
  desk_.answer = why;
  attempt_it();
  EXPECT_EQ(last_step().what, job_step::kind::hold_back);
  EXPECT_EQ(last_step().run_at - journal_->seen.back()->at, 17s);
  EXPECT_EQ(providers_->of(domain::provider::slack).throttled, 1U);
}

/// Whom a limit concerns, and how long the whole account pauses for it.
struct limited_case {
  domain::limit_scope limits;
  std::int64_t paused_ms;
};

class limited_message : public provider_check,
                        public ::testing::WithParamInterface<limited_case> {};

TEST_P(limited_message, lets_only_those_wait_whom_the_limit_concerns) {
  auto why = domain::fail(errc::rate_limited, "429");
  why.retry_after = 17s;
  why.limits = GetParam().limits;
  desk_.answer = why;
  attempt_it();
  EXPECT_EQ(last_step().what, job_step::kind::hold_back);
  EXPECT_EQ(providers_->of(domain::provider::slack).paused_ms, GetParam().paused_ms);
}

INSTANTIATE_TEST_SUITE_P(provider,
                         limited_message,
                         ::testing::Values(limited_case{domain::limit_scope::recipient, 0},
                                           limited_case{domain::limit_scope::account, 17'000}));

TEST_F(provider_check, is_retried_when_nothing_was_sent) {
  desk_.answer = domain::fail(errc::unavailable, "refused");
  attempt_it();
  EXPECT_EQ(last_step().what, job_step::kind::retry);
}

TEST_F(provider_check, takes_too_long_without_an_answer_and_asks_a_person) {
  desk_.answer.reset();
  attempt_it();
  advance(70s);
  ASSERT_THAT(steps(), ElementsAre(job_step::kind::begin_sending, job_step::kind::bury));
  EXPECT_TRUE(last_step().outcome_unknown);
  desk_.held(sent_message{"m1"}); // late, to nobody
  run();
  EXPECT_THAT(steps(), SizeIs(2));
  EXPECT_EQ(providers_->of(domain::provider::slack).under_way, 0) << "its permit came back";
}

TEST_F(provider_check, is_held_back_when_the_limiter_it_waits_for_dies) {
  const auto permitted = ask<permit>(
    limiters_, want_permit{test_workspace, domain::provider::slack, "C1"}); // never given back
  attempt_it();
  EXPECT_THAT(steps(), IsEmpty()) << "it waits";
  end(caf::actor_cast<caf::actor>(permitted.value().from), caf::exit_reason::kill);
  ASSERT_THAT(steps(), ElementsAre(job_step::kind::hold_back)) << "which counts as no attempt";
  EXPECT_EQ(last_step().run_at - journal_->seen.back()->at, 1s);
  EXPECT_THAT(desk_.sent, IsEmpty());
}

class canary : public provider_check {
protected:
  void attempt_with(const char* args, std::function<void()> end_process) {
    domain::claimed_job job;
    job.workspace = test_workspace;
    job.id = id_of(1);
    job.kind = job_kind::canary;
    job.args = args;
    job.created_at = domain::time_point{std::chrono::hours{24 * 365 * 50}};
    attempt(job, run_canary(std::move(end_process)));
  }
};

TEST_F(canary, does_nothing) {
  attempt_with("{}", nullptr);
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::finish));
}

TEST_F(canary, ends_its_process_when_it_is_told_to) {
  int ended = 0;
  attempt_with(R"({"fate":"abort"})", [&] { ++ended; });
  EXPECT_EQ(ended, 1);
  EXPECT_THAT(steps(), IsEmpty()) << "nobody lives to say how it went";
}

TEST_F(canary, fails_for_good_where_it_must_not_end_its_process) {
  attempt_with(R"({"fate":"abort"})", nullptr);
  ASSERT_THAT(steps(), ElementsAre(job_step::kind::bury));
  EXPECT_EQ(last_step().why->code, errc::forbidden);
}

} // namespace
} // namespace hub::actors
