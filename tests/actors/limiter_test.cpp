#include "actors/limiter/limiter.hpp"

#include "tests/actors/fakes.hpp"
#include "tests/support/actor_fixture.hpp"

#include <gmock/gmock.h>

namespace hub::actors {
namespace {

using namespace std::chrono_literals;
using domain::call_outcome;
using domain::errc;
using domain::provider;
using testing::test_workspace;

/// What a caller was told, if anything yet.
struct told {
  std::shared_ptr<std::optional<domain::result<permit>>> held =
    std::make_shared<std::optional<domain::result<permit>>>();

  [[nodiscard]] bool arrived() const { return held->has_value(); }
  [[nodiscard]] bool succeeded() const { return arrived() && (*held)->has_value(); }
  [[nodiscard]] bool failed_with(errc code) const {
    return arrived() && !**held && (*held)->why().code == code;
  }
  [[nodiscard]] const domain::failure& why() const { return (*held)->why(); }
  [[nodiscard]] const permit& value() const { return ***held; }
};

/// Asks for a permit and lives on.
caf::behavior caller_behavior(caf::event_based_actor* self,
                              const limiters_actor& limiters,
                              const want_permit& wanted,
                              const told& answer) {
  self->request(limiters, caf::infinite, wanted)
    .then([answer](const permit& given) { answer.held->emplace(given); },
          [answer](const caf::error& error) { answer.held->emplace(why_no_permit(error)); });
  return {[](int) {}};
}

class rate_limiter : public testing::actor_fixture {
protected:
  rate_limiter() {
    limiters_ = spawn(limiters_behavior,
                      limits_source{[this](const domain::uuid&, provider whom) {
                        return changed_ ? *changed_ : domain::default_limits(whom);
                      }},
                      figures_);
  }

  caf::actor caller(const std::string& recipient, provider whom, const told& answer) {
    auto made =
      spawn(caller_behavior, limiters_, want_permit{test_workspace, whom, recipient}, answer);
    run();
    return made;
  }

  told want(const std::string& recipient, provider whom = provider::slack) {
    told answer;
    caller(recipient, whom, answer);
    return answer;
  }

  void used(const told& which,
            call_outcome how = call_outcome::ok,
            std::optional<std::chrono::seconds> retry_after = {}) {
    caf::anon_send(which.value().from, permit_used{which.value().call, how, retry_after});
    run();
  }

  std::optional<domain::limiter_rules> changed_; // for all providers
  std::shared_ptr<limiter_figures> figures_ = std::make_shared<limiter_figures>();
  limiters_actor limiters_;
};

TEST_F(rate_limiter, makes_the_second_message_to_a_channel_wait_one_refill) {
  const auto first = want("C1");
  ASSERT_TRUE(first.succeeded());
  const auto second = want("C1");
  used(first);
  EXPECT_FALSE(second.arrived());
  advance(999ms, 999ms);
  EXPECT_FALSE(second.arrived());
  advance(1ms);
  EXPECT_TRUE(second.succeeded());
}

TEST_F(rate_limiter, does_not_let_one_provider_wait_for_another) {
  (void)want("C1");
  (void)want("C1");
  EXPECT_TRUE(want("C1", provider::smtp).succeeded());
}

TEST_F(rate_limiter, keeps_workspaces_apart) {
  (void)want("C1");
  domain::uuid other = test_workspace;
  other.bytes[15] = 99;
  EXPECT_TRUE(ask<permit>(limiters_, want_permit{other, provider::slack, "C1"}).succeeded());
}

TEST_F(rate_limiter, shows_each_limiter_of_its_own) {
  (void)want("C1");
  (void)want("C1");
  domain::uuid other = test_workspace;
  other.bytes[15] = 99;
  (void)ask<permit>(limiters_, want_permit{other, provider::slack, "C1"});
  const auto live = figures_->live();
  ASSERT_EQ(live.size(), 2U);
  EXPECT_EQ(live[0].workspace, test_workspace);
  EXPECT_EQ(live[0].whom, provider::slack);
  EXPECT_EQ(live[0].gauges->waiting, 1);
  EXPECT_EQ(live[1].workspace, other);
  EXPECT_EQ(live[1].gauges->waiting, 0);
}

TEST_F(rate_limiter, goes_on_by_rates_that_change_while_somebody_waits) {
  changed_ = domain::default_limits(provider::slack);
  changed_->per_recipient.every = 25s;
  const auto first = want("C1");
  used(first);
  const auto second = want("C1");
  advance(3s);
  EXPECT_FALSE(second.arrived());
  changed_->per_recipient.every = 1s;
  advance(2s);
  EXPECT_TRUE(second.succeeded()) << "long before the old rate would have let it";
}

TEST_F(rate_limiter, obeys_a_pause) {
  const auto first = want("C1");
  used(first, call_outcome::throttled, 7s);
  const auto second = want("C2");
  advance(6s);
  EXPECT_FALSE(second.arrived());
  advance(1s);
  EXPECT_TRUE(second.succeeded());
  EXPECT_EQ(figures_->of(provider::slack).throttled, 1U);
}

TEST_F(rate_limiter, cools_down_for_a_minute_after_an_unexplained_429_of_the_ai) {
  used(want("", provider::openai), call_outcome::throttled);
  const auto refused = want("", provider::openai);
  ASSERT_TRUE(refused.failed_with(errc::rate_limited));
  EXPECT_EQ(refused.why().retry_after, 60s);
  advance(60s);
  EXPECT_TRUE(want("", provider::openai).succeeded());
}

TEST_F(rate_limiter, says_when_to_come_back_while_a_provider_is_down) {
  for (int i = 0; i < 5; ++i) {
    used(want("C" + std::to_string(i)), call_outcome::failed);
    advance(1s);
  }
  const auto refused = want("C9");
  ASSERT_TRUE(refused.failed_with(errc::rate_limited));
  EXPECT_LE(refused.why().retry_after, 30s);
  EXPECT_EQ(figures_->of(provider::slack).breaker, domain::circuit_breaker::state::open);
  advance(30s);
  const auto trial = want("C9");
  ASSERT_TRUE(trial.succeeded());
  used(trial);
  EXPECT_EQ(figures_->of(provider::slack).breaker, domain::circuit_breaker::state::closed);
}

TEST_F(rate_limiter, takes_back_the_permit_of_a_caller_that_died) {
  const auto dies = caller("C1", provider::slack, {});
  EXPECT_EQ(figures_->of(provider::slack).under_way, 1);
  const auto next = want("C1");
  advance(2s);
  EXPECT_FALSE(next.arrived());
  end(dies, caf::exit_reason::kill);
  advance(1s);
  EXPECT_TRUE(next.succeeded());
}

TEST_F(rate_limiter, forgets_a_caller_that_died_while_it_waited) {
  (void)want("C1");
  const auto dies = caller("C1", provider::slack, {});
  EXPECT_EQ(figures_->of(provider::slack).waiting, 1);
  end(dies, caf::exit_reason::kill);
  EXPECT_EQ(figures_->of(provider::slack).waiting, 0);
}

TEST_F(rate_limiter, that_dies_sends_its_waiters_away_at_once) {
  const auto& restarts = metrics_registry::instance().kind(limiter_state::name).restarts;
  const auto before = restarts.load();
  const auto first = want("C1");
  const auto second = want("C1");
  const auto third = want("C2");
  used(third); // answered before: nothing more is said to it
  ASSERT_FALSE(second.arrived());
  EXPECT_EQ(figures_->of(provider::slack).waiting, 1);
  end(caf::actor_cast<caf::actor>(first.value().from), caf::exit_reason::kill);
  ASSERT_TRUE(second.failed_with(errc::rate_limited)) << "by no time-out: no time has passed";
  EXPECT_EQ(second.why().retry_after, 1s);
  EXPECT_TRUE(first.succeeded());
  EXPECT_EQ(figures_->of(provider::slack).waiting, 0);
  EXPECT_EQ(figures_->of(provider::slack).under_way, 0);
  EXPECT_THAT(figures_->live(), ::testing::IsEmpty());
  EXPECT_EQ(restarts, before + 1);

  EXPECT_TRUE(want("C1").succeeded()) << "a new one takes its place";
  EXPECT_THAT(figures_->live(), ::testing::SizeIs(1));
  used(first); // a permit of the dead one is nobody's
  EXPECT_EQ(figures_->of(provider::slack).under_way, 1);
}

TEST_F(rate_limiter, that_dies_sends_those_away_that_it_never_heard) {
  const auto gone = want("C1").value().from;
  end(caf::actor_cast<caf::actor>(gone), caf::exit_reason::kill);
  told unheard; // was on its way to it
  spawn(caller_behavior,
        caf::actor_cast<limiters_actor>(gone),
        want_permit{test_workspace, provider::slack, "C2"},
        unheard);
  run();
  ASSERT_TRUE(unheard.failed_with(errc::rate_limited));
  EXPECT_EQ(unheard.why().retry_after, 1s);
}

TEST_F(rate_limiter, ignores_a_permit_that_is_used_twice) {
  const auto first = want("C1");
  used(first);
  used(first, call_outcome::failed);
  EXPECT_EQ(figures_->of(provider::slack).failed, 0U);
}

TEST_F(rate_limiter, holds_the_documented_rates) {
  const auto sent_in_ten_seconds = [this](provider whom, int recipients) {
    int sent = 0;
    std::vector<told> all;
    for (int i = 0; i < 50; ++i)
      all.push_back(want(std::to_string(i % recipients), whom));
    for (int ms = 0; ms < 10'000; ms += 50) {
      for (auto& one : all)
        if (one.succeeded()) {
          used(one);
          one = {};
          ++sent;
        }
      advance(50ms, 50ms);
    }
    return sent;
  };
  EXPECT_LE(sent_in_ten_seconds(provider::notion, 50), 33);
  EXPECT_GE(sent_in_ten_seconds(provider::intercom, 50), 25);
  EXPECT_LE(sent_in_ten_seconds(provider::whatsapp, 1), 2);
}

} // namespace
} // namespace hub::actors
