#include "actors/outward/asking.hpp"

#include "actors/limiter/limiter.hpp"
#include "domain/provider.hpp"
#include "tests/actors/fakes.hpp"
#include "tests/support/actor_fixture.hpp"

#include <gmock/gmock.h>

#include <stdexcept>
#include <utility>

namespace hub::actors {
namespace {

using namespace std::chrono_literals;
using domain::errc;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::test_workspace;

/// A model that answers at once, or when the test says so, or never.
struct fake_models final : model_desk {
  std::vector<model_request> asked;
  std::optional<domain::result<model_answer>> answer;
  std::deque<std::function<void(domain::result<model_answer>)>> held;
  bool throws = false;

  void ask(model_request what, std::function<void(domain::result<model_answer>)> done) override {
    asked.push_back(std::move(what));
    if (throws)
      throw std::runtime_error("as the test wants it");
    if (answer)
      done(*answer);
    else
      held.push_back(std::move(done));
  }
};

domain::failure told_to_wait(std::optional<std::chrono::seconds> how_long) {
  auto why = domain::fail(errc::rate_limited, "429");
  why.retry_after = how_long;
  return why;
}

class model_asker : public testing::actor_fixture {
protected:
  model_asker() {
    journal_->decide = [](const storage::change_ptr& change) {
      return std::optional{domain::result<domain::verdict>{testing::committed(*change)}};
    };
    said_.text = "{}";
    said_.model = "gpt-4o-mini";
    desk_.answer = said_;
  }

  void begin(asker_options options = {}) {
    const auto around = std::make_shared<const surroundings>(
      testing::around_of(spawn(testing::fake_journal, journal_),
                         spawn(testing::fake_reader, std::make_shared<testing::reader_script>())));
    limiters_ = spawn(limiters_behavior,
                      limits_source{[](const domain::uuid&, domain::provider whom) {
                        return domain::default_limits(whom);
                      }},
                      providers_);
    asker_ = spawn(asker_behavior, options, limiters_, &desk_, around);
  }

  static ask_model question() {
    ask_model wanted;
    wanted.what.workspace = test_workspace;
    wanted.what.model = "gpt-4o-mini";
    wanted.what.what.user = "hello";
    return wanted;
  }

  testing::pending<model_answer> ask_it(const ask_model& wanted = question()) {
    auto answer = ask<model_answer>(asker_, wanted);
    advance(10ms);
    return answer;
  }

  const provider_figures& openai() { return providers_->of(domain::provider::openai); }

  const domain::time_point now_{std::chrono::hours{24 * 365 * 50}}; // as the surroundings say
  std::shared_ptr<testing::journal_script> journal_ = std::make_shared<testing::journal_script>();
  std::shared_ptr<limiter_figures> providers_ = std::make_shared<limiter_figures>();
  limiters_actor limiters_;
  model_asker_actor asker_;
  fake_models desk_;
  model_answer said_;
};

TEST_F(model_asker, brings_the_answer_and_gives_its_place_back) {
  begin();
  const auto answer = ask_it();
  ASSERT_TRUE(answer.succeeded());
  EXPECT_EQ(answer.value().text, "{}");
  ASSERT_THAT(desk_.asked, SizeIs(1));
  EXPECT_EQ(desk_.asked[0].what.user, "hello");
  EXPECT_EQ(openai().under_way, 0);
  EXPECT_EQ(openai().admitted, 1U);
  EXPECT_THAT(journal_->seen, IsEmpty());
}

TEST_F(model_asker, asks_several_at_once) {
  begin();
  desk_.answer.reset();
  const auto first = ask_it();
  const auto second = ask_it();
  EXPECT_THAT(desk_.asked, SizeIs(2)) << "one does not wait for the other";
  desk_.held[1](said_);
  run();
  EXPECT_FALSE(first.arrived());
  EXPECT_TRUE(second.succeeded());
}

class model_failure : public model_asker, public ::testing::WithParamInterface<errc> {};

TEST_P(model_failure, keeps_its_code_and_its_time_to_come_back) {
  begin();
  auto why = domain::fail(GetParam(), "as the test wants it");
  why.retry_after = 17s;
  desk_.answer = why;
  const auto answer = ask_it();
  ASSERT_TRUE(answer.failed_with(GetParam()));
  EXPECT_EQ(answer.why().retry_after, 17s);
  EXPECT_EQ(openai().under_way, 0);
}

INSTANTIATE_TEST_SUITE_P(any,
                         model_failure,
                         ::testing::Values(errc::rate_limited,
                                           errc::unavailable,
                                           errc::forbidden,
                                           errc::not_found,
                                           errc::too_large),
                         [](const auto& tested) { return to_string(tested.param); });

// ---- a pause is for all nodes

TEST_F(model_asker, records_that_the_provider_wants_a_pause) {
  begin();
  desk_.answer = told_to_wait(17s);
  EXPECT_TRUE(ask_it().failed_with(errc::rate_limited));
  ASSERT_THAT(journal_->seen, SizeIs(1));
  const auto& change = *journal_->seen[0];
  EXPECT_EQ(change.workspace, test_workspace);
  ASSERT_TRUE(change.cooldown);
  EXPECT_EQ(change.cooldown->whom, domain::provider::openai);
  EXPECT_EQ(change.cooldown->until, change.at + 17s);
  EXPECT_EQ(openai().paused_ms, 17'000) << "and this node pauses";

  const auto next = ask_it();
  EXPECT_TRUE(next.failed_with(errc::rate_limited) || !next.arrived());
  EXPECT_THAT(desk_.asked, SizeIs(1));
  EXPECT_THAT(journal_->seen, SizeIs(1)) << "a refusal of our own says nothing new";
}

TEST_F(model_asker, pauses_a_minute_where_the_provider_does_not_say_how_long) {
  begin();
  desk_.answer = told_to_wait({});
  const auto answer = ask_it();
  ASSERT_TRUE(answer.failed_with(errc::rate_limited));
  EXPECT_EQ(answer.why().retry_after, 60s);
  ASSERT_THAT(journal_->seen, SizeIs(1));
  EXPECT_EQ(journal_->seen[0]->cooldown->until - journal_->seen[0]->at, 60s);
}

TEST_F(model_asker, answers_though_the_pause_cannot_be_recorded) {
  begin();
  journal_->decide = nullptr; // it never answers
  desk_.answer = told_to_wait(5s);
  EXPECT_TRUE(ask_it().failed_with(errc::rate_limited));
  advance(20s);
  desk_.answer = said_;
  EXPECT_TRUE(ask_it().succeeded());
}

TEST_F(model_asker, asks_nothing_while_another_node_was_told_to_wait) {
  begin();
  auto wanted = question();
  wanted.cooling_until = now_ + 12'500ms;
  const auto answer = ask_it(wanted);
  ASSERT_TRUE(answer.failed_with(errc::rate_limited));
  EXPECT_EQ(answer.why().retry_after, 13s);
  EXPECT_THAT(desk_.asked, IsEmpty());
  EXPECT_EQ(openai().admitted, 0U);

  wanted.cooling_until = now_;
  EXPECT_TRUE(ask_it(wanted).succeeded()) << "it is over";
}

// ---- nothing is waited for without end

TEST_F(model_asker, leaves_the_call_the_time_that_is_left) {
  begin();
  auto wanted = question();
  wanted.within = 20s;
  ask_it(wanted);
  wanted.within = 1h;
  ask_it(wanted);
  ASSERT_THAT(desk_.asked, SizeIs(2));
  EXPECT_EQ(desk_.asked[0].within, 20s);
  EXPECT_EQ(desk_.asked[1].within, ask_within);
}

TEST_F(model_asker, gives_up_a_desk_that_never_answers) {
  begin();
  desk_.answer.reset();
  const auto answer = ask_it();
  advance(ask_within - 1s);
  EXPECT_FALSE(answer.arrived());
  advance(3s);
  EXPECT_TRUE(answer.failed_with(errc::timed_out));
  EXPECT_EQ(openai().under_way, 0) << "its place is free again";
  desk_.held.front()(said_); // late, to nobody
  run();
  EXPECT_TRUE(answer.failed_with(errc::timed_out));
}

TEST_F(model_asker, gives_up_waiting_for_a_place) {
  begin();
  desk_.answer = domain::fail(errc::unavailable, "away");
  for (int i = 0; i < 5; ++i)
    ask_it(); // the breaker opens
  desk_.answer = said_;
  const auto answer = ask_it();
  EXPECT_TRUE(answer.failed_with(errc::rate_limited)) << "which costs a job nothing";
  ASSERT_TRUE(answer.why().retry_after);
  EXPECT_THAT(desk_.asked, SizeIs(5));
  advance(31s);
  EXPECT_TRUE(ask_it().succeeded());
}

TEST_F(model_asker, bounds_how_many_are_asked_at_once) {
  begin({.most = 2});
  desk_.answer.reset();
  const auto first = ask_it();
  const auto second = ask_it();
  const auto third = ask_it();
  ASSERT_TRUE(third.failed_with(errc::rate_limited));
  EXPECT_TRUE(third.why().retry_after);
  desk_.held[0](said_);
  run();
  EXPECT_TRUE(first.succeeded());
  ask_it();
  EXPECT_THAT(desk_.asked, SizeIs(3));
}

// ---- what becomes of it when somebody dies

TEST_F(model_asker, says_that_it_broke_off_when_the_desk_throws) {
  begin();
  desk_.throws = true;
  EXPECT_TRUE(ask_it().failed_with(errc::internal));
  EXPECT_EQ(openai().under_way, 0);
  desk_.throws = false;
  EXPECT_TRUE(ask_it().succeeded()) << "and goes on";
}

TEST_F(model_asker, leaves_nobody_waiting_when_it_ends) {
  begin();
  desk_.answer.reset();
  const auto answer = ask_it();
  end(caf::actor_cast<caf::actor>(asker_));
  EXPECT_TRUE(answer.failed_with(errc::rate_limited) || answer.failed_with(errc::unavailable));
  advance(1s);
  EXPECT_EQ(openai().under_way, 0);
  desk_.held.front()(said_); // late, to nobody
  run();
}

TEST_F(model_asker, leaves_nobody_waiting_when_it_is_killed) {
  begin();
  desk_.answer.reset();
  const auto answer = ask_it();
  end(caf::actor_cast<caf::actor>(asker_), caf::exit_reason::kill);
  EXPECT_TRUE(answer.failed_with(errc::rate_limited) || answer.failed_with(errc::unavailable));
  desk_.held.front()(said_); // what still asks ends by that
  run();
  EXPECT_EQ(openai().under_way, 0);
}

TEST_F(model_asker, is_told_to_come_back_when_the_limiter_dies) {
  begin();
  desk_.answer.reset();
  ask_it();
  end(caf::actor_cast<caf::actor>(limiters_), caf::exit_reason::kill);
  const auto answer = ask_it();
  ASSERT_TRUE(answer.arrived());
  EXPECT_TRUE(answer.failed_with(errc::rate_limited));
}

} // namespace
} // namespace hub::actors
