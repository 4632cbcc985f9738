#include "actors/jobs/supervisor.hpp"

#include "tests/actors/fakes.hpp"
#include "tests/support/actor_fixture.hpp"

#include <gmock/gmock.h>

#include <deque>
#include <functional>
#include <set>
#include <stdexcept>
#include <utility>

namespace hub::actors {
namespace {

using namespace std::chrono_literals;
using domain::claimed_job;
using domain::errc;
using domain::job_kind;
using domain::job_step;
using domain::verdict;
using ::testing::ElementsAre;
using ::testing::Gt;
using testing::id_of;
using ::testing::IsEmpty;
using testing::journal_script;
using ::testing::SizeIs;
using testing::test_workspace;

/// A database's queue as the supervisor sees it.
struct fake_queue {
  std::deque<claimed_job> waiting;
  std::vector<storage::claim_request> asked;
  std::vector<storage::held_claim> given_back;
  std::set<domain::uuid> lost; // jobs whose claims have passed to others
  bool away = false;
  bool first_must_fail = false;
  bool hold_looks = false;
  std::optional<caf::typed_response_promise<jobs_claimed>> held; // a look that is under way
  int renewals = 0;
  domain::time_point now{1000s};

  storage::claimed_jobs claim(const storage::claim_request& wanted) {
    asked.push_back(wanted);
    storage::claimed_jobs claimed;
    for (auto job = waiting.begin();
         job != waiting.end() && std::cmp_less(claimed.jobs.size(), wanted.limit);) {
      if (!wanted.ids.empty() && std::ranges::count(wanted.ids, job->id) == 0) {
        ++job;
        continue;
      }
      job->claim = wanted.claim;
      claimed.jobs.push_back(*job);
      job = waiting.erase(job);
    }
    if (wanted.ids.empty())
      claimed.looked_at = now;
    claimed.exhausted = wanted.ids.empty() && std::cmp_less(claimed.jobs.size(), wanted.limit);
    claimed.first_must_fail = !claimed.jobs.empty() && std::exchange(first_must_fail, false);
    return claimed;
  }
};

job_claimer_actor::behavior_type fake_claimer(job_claimer_actor::pointer self,
                                              std::shared_ptr<fake_queue> queue) {
  self->set_error_handler([](caf::error&) {});
  const auto away = [] { return to_caf(domain::fail(errc::unavailable, "away")); };
  return {
    [self, queue, away](const claim_jobs& wanted) -> caf::result<jobs_claimed> {
      if (queue->away)
        return away();
      if (queue->hold_looks && wanted.what.ids.empty()) {
        queue->asked.push_back(wanted.what);
        queue->held = self->make_response_promise<jobs_claimed>();
        auto answer = *queue->held;
        return answer;
      }
      return jobs_claimed{std::make_shared<const storage::claimed_jobs>(queue->claim(wanted.what))};
    },
    [queue](const renew_claims& wanted) -> caf::result<claims_renewed> {
      ++queue->renewals;
      claims_renewed renewed;
      for (const auto& held : wanted.held)
        if (queue->lost.contains(held.job))
          renewed.lost.push_back(held);
      return renewed;
    },
    [queue](const release_claims& wanted) -> caf::result<jobs_stopped> {
      queue->given_back = wanted.held;
      return jobs_stopped{static_cast<int>(wanted.held.size())};
    },
    [queue](claims_tick) { // answers the look that is held, as one that has found nothing
      storage::claimed_jobs nothing;
      nothing.looked_at = queue->now;
      nothing.exhausted = true;
      if (auto held = std::exchange(queue->held, std::nullopt))
        held->deliver(jobs_claimed{std::make_shared<const storage::claimed_jobs>(nothing)});
    },
  };
}

class job_supervisor : public testing::actor_fixture {
protected:
  job_supervisor() {
    journal_->decide =
      [this](const storage::change_ptr& change) -> std::optional<domain::result<verdict>> {
      if (refuse_)
        return domain::result<verdict>{testing::failed(errc::unavailable)};
      return domain::result<verdict>{testing::committed(*change)};
    };
  }

  /// Starts a supervisor whose attempts do what `runner` says.
  job_supervisor_actor supervise(job_runner runner, job_kind kind = job_kind::provider_check) {
    const auto around = std::make_shared<const surroundings>(
      testing::around_of(spawn(testing::fake_journal, journal_),
                         spawn(testing::fake_reader, std::make_shared<testing::reader_script>())));
    auto options = options_;
    options.rules = rules_ ? *rules_ : domain::rules_of(kind);
    options.rules.concurrency = 3;
    claimer_ = spawn(fake_claimer, queue_);
    supervisor_ =
      spawn(supervisor_behavior, options, std::move(runner), claimer_, around, figures_);
    run(); // it starts its timers
    return supervisor_;
  }

  claimed_job waits(unsigned number, int attempt = 1) {
    claimed_job job;
    job.workspace = test_workspace;
    job.id = id_of(number);
    job.kind = job_kind::provider_check;
    job.args = "{}";
    job.attempt = attempt;
    job.created_at = domain::time_point{std::chrono::hours{24 * 365 * 50}};
    queue_->waiting.push_back(job);
    return job;
  }

  void announce(std::vector<unsigned> numbers) {
    jobs_committed committed{job_kind::provider_check, {}};
    for (const auto number : numbers)
      committed.ids.push_back(id_of(number));
    caf::anon_send(supervisor_, committed);
    run();
  }

  void answer_look() {
    queue_->hold_looks = false;
    caf::anon_send(claimer_, claims_tick{});
    run();
  }

  /// The steps that reached the journal.
  std::vector<job_step::kind> steps() const {
    std::vector<job_step::kind> all;
    for (const auto& change : journal_->seen)
      all.push_back(change->step->what);
    return all;
  }
  const job_step& last_step() const { return *journal_->seen.back()->step; }

  std::optional<domain::job_rules> rules_; // instead of the kind's own
  supervisor_options options_;
  std::shared_ptr<journal_script> journal_ = std::make_shared<journal_script>();
  std::shared_ptr<fake_queue> queue_ = std::make_shared<fake_queue>();
  std::shared_ptr<job_figures> figures_ = std::make_shared<job_figures>();
  job_claimer_actor claimer_;
  job_supervisor_actor supervisor_;
  bool refuse_ = false;
};

const job_runner succeeds = [](const attempt& one) { one.succeed(); };
const job_runner hangs = [](const attempt&) {};

job_runner fails(errc code) {
  return [code](const attempt& one) { one.fail(domain::fail(code, "as the test wants it")); };
}

TEST_F(job_supervisor, runs_what_waits_when_it_starts) {
  waits(1);
  supervise(succeeds);
  advance(10ms);
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::finish));
  EXPECT_EQ(figures_->of(job_kind::provider_check).finished, 1U);
  EXPECT_EQ(figures_->of(job_kind::provider_check).running, 0);
}

TEST_F(job_supervisor, runs_announced_jobs_at_once_and_by_their_ids) {
  supervise(succeeds);
  advance(10ms);
  waits(1);
  waits(2);
  announce({2});
  EXPECT_THAT(steps(), SizeIs(1));
  EXPECT_EQ(last_step().job, id_of(2));
  EXPECT_THAT(queue_->asked.back().ids, ElementsAre(id_of(2)));
}

TEST_F(job_supervisor, knows_how_many_come_and_leave_in_a_minute) {
  supervise(succeeds);
  advance(10ms);
  for (unsigned i = 1; i <= 6; ++i)
    waits(i);
  announce({1, 2, 3});
  const auto& figures = figures_->of(job_kind::provider_check);
  const auto now = scheduler_.clock().now();
  EXPECT_DOUBLE_EQ(figures.coming.per_second(now), 3 / 60.0) << "those this node committed";
  EXPECT_DOUBLE_EQ(figures.leaving.per_second(now), 3 / 60.0);
  advance(2s);
  EXPECT_DOUBLE_EQ(figures.coming.per_second(scheduler_.clock().now()), 3 / 60.0);
  EXPECT_DOUBLE_EQ(figures.leaving.per_second(scheduler_.clock().now()), 6 / 60.0);
}

TEST_F(job_supervisor, finds_what_nobody_announced) {
  supervise(succeeds);
  advance(10ms);
  waits(1);
  advance(2s);
  EXPECT_THAT(steps(), SizeIs(1));
}

TEST_F(job_supervisor, never_claims_more_than_it_may_run) {
  for (unsigned i = 1; i <= 10; ++i)
    waits(i);
  supervise(hangs);
  advance(5s);
  EXPECT_EQ(figures_->of(job_kind::provider_check).running, 3);
  EXPECT_THAT(queue_->waiting, SizeIs(7));
}

TEST_F(job_supervisor, works_through_more_than_it_may_run_at_once) {
  for (unsigned i = 1; i <= 50; ++i)
    waits(i);
  supervise(succeeds);
  advance(10ms);
  EXPECT_THAT(steps(), SizeIs(50));
}

TEST_F(job_supervisor, goes_on_looking_where_it_stopped) {
  const domain::time_point first{900s};
  for (unsigned i = 1; i <= 9; ++i) {
    waits(i);
    queue_->waiting.back().run_at = first + std::chrono::seconds{i};
  }
  supervise(succeeds);
  advance(10ms);
  ASSERT_THAT(steps(), SizeIs(9));
  ASSERT_THAT(queue_->asked, SizeIs(Gt(3U)));
  EXPECT_EQ(queue_->asked[0].due_since, std::nullopt);
  // Three at a time; times are rounded to a millisecond.
  EXPECT_EQ(queue_->asked[1].due_since, first + 3s - 1ms);
  EXPECT_TRUE(std::ranges::is_sorted(queue_->asked, {}, &storage::claim_request::due_since));
  EXPECT_EQ(queue_->asked.back().due_since, first + 9s - 1ms);
}

TEST_F(job_supervisor, looks_again_for_what_was_committed_late) {
  supervise(succeeds);
  advance(10ms);
  const auto begun = queue_->now;
  queue_->now += 1s;
  advance(1s);
  EXPECT_EQ(queue_->asked.back().due_since, begun - 2s) << "its commit may have taken a while";
  queue_->asked.clear();
  advance(60s);
  const auto from_start = [](const storage::claim_request& asked) { return !asked.due_since; };
  EXPECT_EQ(std::ranges::count_if(queue_->asked, from_start), 1) << "or longer than that";
}

TEST_F(job_supervisor, looks_from_the_start_when_told_so_while_it_looks) {
  supervise(succeeds);
  advance(10ms);
  queue_->hold_looks = true;
  advance(1s);
  ASSERT_TRUE(queue_->held);
  ASSERT_NE(queue_->asked.back().due_since, std::nullopt);
  caf::anon_send(supervisor_, look_again{});
  run();
  const auto asked = queue_->asked.size();
  answer_look();
  ASSERT_THAT(queue_->asked, SizeIs(asked + 1));
  EXPECT_EQ(queue_->asked.back().due_since, std::nullopt);
}

TEST_F(job_supervisor, does_not_forget_to_look_from_the_start_when_that_is_due_while_it_looks) {
  options_.sweep_every = 60s;
  supervise(succeeds);
  advance(10ms);
  advance(58s);
  queue_->hold_looks = true;
  advance(1s);
  ASSERT_TRUE(queue_->held);
  ASSERT_NE(queue_->asked.back().due_since, std::nullopt);
  advance(3s);
  answer_look();
  EXPECT_EQ(queue_->asked.back().due_since, std::nullopt);
  queue_->asked.clear();
  advance(10s);
  const auto from_start = [](const storage::claim_request& asked) { return !asked.due_since; };
  EXPECT_EQ(std::ranges::count_if(queue_->asked, from_start), 0);
}

TEST_F(job_supervisor, looks_once_more_when_that_falls_due_while_it_looks) {
  supervise(succeeds);
  advance(10ms);
  queue_->now += 10s;
  queue_->hold_looks = true;
  advance(2s);
  ASSERT_TRUE(queue_->held);
  const auto asked = queue_->asked.size();
  answer_look();
  ASSERT_THAT(queue_->asked, SizeIs(asked + 1));
  EXPECT_EQ(queue_->asked.back().due_since, queue_->now - 2s) << "from where the slow one has come";
}

TEST_F(job_supervisor, retries_by_the_rules_of_its_kind) {
  waits(1);
  supervise(fails(errc::unavailable));
  advance(10ms);
  EXPECT_EQ(last_step().what, job_step::kind::retry);
  EXPECT_EQ(last_step().run_at - journal_->seen.back()->at, 1min);
}

TEST_F(job_supervisor, buries_what_can_never_succeed_or_was_tried_often_enough) {
  waits(1);
  supervise(fails(errc::unauthorized));
  advance(10ms);
  EXPECT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_FALSE(last_step().outcome_unknown);
}

TEST_F(job_supervisor, buries_the_last_attempt) {
  waits(1, 5);
  supervise(fails(errc::unavailable));
  advance(10ms);
  EXPECT_EQ(last_step().what, job_step::kind::bury);
}

TEST_F(job_supervisor, holds_back_what_was_only_refused_for_now) {
  waits(1, 5);
  supervise(fails(errc::rate_limited));
  advance(10ms);
  EXPECT_EQ(last_step().what, job_step::kind::hold_back);
}

TEST_F(job_supervisor, counts_an_exception_as_a_failed_attempt) {
  waits(1);
  supervise([](const attempt&) { throw std::runtime_error{"a bug"}; });
  advance(10ms);
  EXPECT_EQ(last_step().what, job_step::kind::retry);
  EXPECT_EQ(last_step().why->code, errc::internal);
}

TEST_F(job_supervisor, counts_an_attempt_that_just_ends_as_failed) {
  waits(1);
  supervise([](const attempt& one) { one.self()->quit(); });
  advance(10ms);
  EXPECT_EQ(last_step().what, job_step::kind::retry);
}

TEST_F(job_supervisor, ends_an_attempt_that_takes_too_long) {
  waits(1);
  supervise(hangs);
  advance(70s);
  ASSERT_THAT(steps(), SizeIs(1));
  EXPECT_EQ(last_step().why->code, errc::timed_out);
  EXPECT_EQ(figures_->of(job_kind::provider_check).running, 0);
}

TEST_F(job_supervisor, asks_a_person_when_an_attempt_dies_while_sending) {
  waits(1);
  supervise([](const attempt& one) {
    one.begin_sending([one] { one.self()->quit(caf::sec::runtime_error); });
  });
  advance(10ms);
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::begin_sending, job_step::kind::bury));
  EXPECT_TRUE(last_step().outcome_unknown);
}

TEST_F(job_supervisor, lets_a_later_attempt_ask_when_one_dies_while_sending) {
  waits(1, domain::rules_of(job_kind::provider_check).retry.most_attempts);
  supervise([](const attempt& one) {
    one.can_be_asked();
    one.begin_sending([one] { one.self()->quit(caf::sec::runtime_error); });
  });
  advance(10ms);
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::begin_sending, job_step::kind::retry));
  EXPECT_TRUE(last_step().outcome_unknown);
}

TEST_F(job_supervisor, lets_a_later_attempt_ask_when_one_hangs_while_asking) {
  waits(1, domain::rules_of(job_kind::provider_check).retry.most_attempts);
  queue_->waiting.back().sending_since = domain::time_point{};
  supervise([](const attempt& one) { one.can_be_asked(); });
  advance(70s);
  EXPECT_EQ(last_step().what, job_step::kind::retry);
  EXPECT_TRUE(last_step().outcome_unknown);
}

TEST_F(job_supervisor, asks_a_person_once_its_patience_with_the_question_is_over) {
  const auto& retry = domain::rules_of(job_kind::provider_check).retry;
  waits(1, retry.most_attempts);
  queue_->waiting.back().sending_since = domain::time_point{};
  queue_->waiting.back().created_at -= retry.patience;
  supervise([](const attempt& one) {
    one.can_be_asked();
    one.fail(domain::fail(errc::unavailable, "away"));
  });
  advance(10ms);
  EXPECT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_TRUE(last_step().outcome_unknown);
}

TEST_F(job_supervisor, keeps_to_rules_that_are_not_the_kinds_own) {
  rules_ = domain::rules_of(job_kind::provider_check);
  rules_->retry.most_attempts = 2;
  rules_->retry.schedule = domain::listed_delays{{7s, 8s, 9s}};
  rules_->within = 20s;
  waits(1);
  waits(2, 2);
  supervise([](const attempt& one) {
    if (one.job().id == id_of(1))
      one.fail(domain::fail(errc::unavailable, "away")); // the other hangs
  });
  advance(10ms);
  ASSERT_THAT(steps(), ElementsAre(job_step::kind::retry));
  EXPECT_EQ(last_step().run_at - journal_->seen.back()->at, 7s);
  advance(25s);
  EXPECT_EQ(last_step().job, id_of(2));
  EXPECT_EQ(last_step().what, job_step::kind::bury) << "its second attempt was its last";
  EXPECT_EQ(last_step().why->code, errc::timed_out);
}

TEST_F(job_supervisor, leaves_open_what_an_earlier_attempt_left_open) {
  waits(1);
  queue_->waiting.back().sending_since = domain::time_point{};
  supervise([](const attempt& one) { one.fail(domain::fail(errc::unavailable, "away")); });
  advance(10ms);
  EXPECT_EQ(last_step().what, job_step::kind::retry);
  EXPECT_TRUE(last_step().outcome_unknown);
}

TEST_F(job_supervisor, tells_a_person_what_is_open_after_the_last_attempt) {
  waits(1, domain::rules_of(job_kind::provider_check).retry.most_attempts);
  queue_->waiting.back().sending_since = domain::time_point{};
  supervise([](const attempt& one) { one.fail(domain::fail(errc::unavailable, "away")); });
  advance(10ms);
  EXPECT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_TRUE(last_step().outcome_unknown);
}

TEST_F(job_supervisor, sends_nothing_when_that_cannot_be_recorded) {
  waits(1);
  bool sent = false;
  supervise([&sent](const attempt& one) {
    one.begin_sending([&sent, one] {
      sent = true;
      one.succeed();
    });
  });
  refuse_ = true;
  advance(10ms);
  EXPECT_FALSE(sent);
  refuse_ = false;
  advance(1s);
  EXPECT_EQ(last_step().what, job_step::kind::retry);
}

TEST_F(job_supervisor, commits_the_effects_together_with_the_end) {
  waits(1);
  supervise([](const attempt& one) {
    auto effects = std::make_shared<domain::change>();
    effects->workspace = test_workspace;
    effects->jobs.push_back({.id = id_of(99), .kind = job_kind::canary});
    one.succeed(effects);
  });
  advance(10ms);
  ASSERT_THAT(journal_->seen, SizeIs(1));
  EXPECT_THAT(journal_->seen[0]->jobs, SizeIs(1));
  EXPECT_EQ(last_step().what, job_step::kind::finish);
}

TEST_F(job_supervisor, fails_an_attempt_whose_effects_are_refused) {
  waits(1);
  journal_->decide = [](const storage::change_ptr& change) {
    auto answer = testing::committed(*change);
    if (change->updates)
      answer.what = verdict::kind::conflict;
    return std::optional{domain::result<verdict>{answer}};
  };
  supervise([](const attempt& one) {
    auto effects = std::make_shared<domain::change>();
    effects->workspace = test_workspace;
    effects->updates.emplace();
    one.succeed(effects);
  });
  advance(10ms);
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::finish, job_step::kind::retry));
}

TEST_F(job_supervisor, does_not_simply_repeat_what_was_sent_where_its_effects_are_refused) {
  for (const bool can_be_asked : {true, false}) {
    journal_->seen.clear();
    waits(can_be_asked ? 1 : 2);
    journal_->decide = [](const storage::change_ptr& change) {
      auto answer = testing::committed(*change);
      if (change->updates)
        answer.what = verdict::kind::conflict;
      return std::optional{domain::result<verdict>{answer}};
    };
    supervise([can_be_asked](const attempt& one) {
      if (can_be_asked)
        one.can_be_asked();
      one.begin_sending([one] {
        auto effects = std::make_shared<domain::change>();
        effects->workspace = test_workspace;
        effects->updates.emplace();
        one.succeed(effects);
      });
    });
    advance(10ms);
    EXPECT_THAT(steps(),
                ElementsAre(job_step::kind::begin_sending,
                            job_step::kind::finish,
                            can_be_asked ? job_step::kind::retry : job_step::kind::bury));
    EXPECT_TRUE(last_step().outcome_unknown);
  }
}

TEST_F(job_supervisor, settles_again_until_the_database_is_back) {
  waits(1);
  int runs = 0;
  supervise([&runs](const attempt& one) {
    ++runs;
    one.succeed();
  });
  refuse_ = true;
  advance(3s, 100ms);
  EXPECT_EQ(figures_->of(job_kind::provider_check).running, 1);
  refuse_ = false;
  advance(1s, 100ms);
  EXPECT_EQ(figures_->of(job_kind::provider_check).finished, 1U);
  EXPECT_EQ(runs, 1);
}

TEST_F(job_supervisor, lets_go_of_a_claim_that_has_passed_to_another) {
  waits(1);
  supervise(hangs);
  advance(10ms);
  queue_->lost.insert(id_of(1));
  advance(6s);
  EXPECT_EQ(figures_->of(job_kind::provider_check).running, 0);
  EXPECT_EQ(figures_->of(job_kind::provider_check).lost, 1U);
  EXPECT_THAT(steps(), IsEmpty());
}

TEST_F(job_supervisor, renews_its_leases_while_attempts_run) {
  waits(1);
  supervise(hangs);
  advance(21s);
  EXPECT_GE(queue_->renewals, 4);
}

TEST_F(job_supervisor, renews_its_leases_however_seldom_it_looks) {
  options_.poll_every = 30s;
  options_.renew_every = 5s;
  waits(1);
  supervise(hangs);
  advance(10ms);
  const auto looks = queue_->asked.size();
  advance(20s);
  EXPECT_GE(queue_->renewals, 3);
  EXPECT_THAT(queue_->asked, SizeIs(looks)) << "a renewal is no reason to look";
  advance(11s);
  EXPECT_THAT(queue_->asked, SizeIs(looks + 1));
}

TEST_F(job_supervisor, renews_its_leases_more_often_than_it_looks) {
  options_.renew_every = 300ms;
  waits(1);
  supervise(hangs);
  advance(3s, 100ms);
  EXPECT_GE(queue_->renewals, 8);
}

TEST_F(job_supervisor, goes_on_when_the_database_was_away) {
  queue_->away = true;
  waits(1);
  supervise(succeeds);
  advance(5s);
  EXPECT_THAT(steps(), IsEmpty());
  queue_->away = false;
  advance(2s);
  EXPECT_THAT(steps(), SizeIs(1));
}

TEST_F(job_supervisor, fails_an_attempt_that_an_operator_told_to_fail) {
  queue_->first_must_fail = true;
  waits(1);
  waits(2);
  int runs = 0;
  supervise([&runs](const attempt& one) {
    ++runs;
    one.succeed();
  });
  advance(10ms);
  EXPECT_EQ(runs, 1);
  EXPECT_THAT(steps(),
              ::testing::UnorderedElementsAre(job_step::kind::bury, job_step::kind::finish));
}

TEST_F(job_supervisor, takes_personal_data_out_of_what_a_dead_letter_shows) {
  waits(1);
  queue_->waiting.front().args = R"({"text":"mail ana@example.org"})";
  supervise(fails(errc::unauthorized));
  advance(10ms);
  EXPECT_EQ(last_step().shown_args, R"({"text":"mail [EMAIL]"})");
  EXPECT_EQ(last_step().args, R"({"text":"mail ana@example.org"})");
}

TEST_F(job_supervisor, stops_when_its_attempts_have_ended) {
  waits(1);
  journal_->decide = [](const storage::change_ptr& change) {
    return change->step->what == job_step::kind::begin_sending
             ? std::nullopt
             : std::optional{domain::result<verdict>{testing::committed(*change)}};
  };
  supervise([](const attempt& one) { one.begin_sending([one] { one.succeed(); }); });
  advance(10ms);
  const auto stopped = ask<jobs_stopped>(supervisor_, stop_jobs{5s});
  EXPECT_FALSE(stopped.arrived());
  waits(2);
  announce({2});
  EXPECT_THAT(queue_->waiting, SizeIs(1)) << "nothing new begins";
  journal_->answer(testing::committed({}));
  run();
  EXPECT_TRUE(stopped.succeeded());
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::begin_sending, job_step::kind::finish));
}

TEST_F(job_supervisor, gives_back_what_does_not_end_in_time_unless_it_is_sending) {
  waits(1);
  const domain::time_point open_since{700s};
  queue_->waiting.back().sending_since = open_since;
  waits(2);
  supervise([](const attempt& one) {
    if (one.job().id == id_of(2))
      one.begin_sending([] {});
  });
  advance(10ms);
  const auto stopped = ask<jobs_stopped>(supervisor_, stop_jobs{2s});
  advance(3s);
  ASSERT_TRUE(stopped.succeeded());
  ASSERT_THAT(queue_->given_back, SizeIs(1));
  EXPECT_EQ(queue_->given_back[0].job, id_of(1));
  EXPECT_EQ(queue_->given_back[0].sending_since, open_since) << "as it was claimed";
}

TEST_F(job_supervisor, keeps_its_leases_while_it_waits_for_attempts_to_end) {
  waits(1);
  supervise(hangs);
  advance(10ms);
  const auto stopped = ask<jobs_stopped>(supervisor_, stop_jobs{30s});
  waits(2);
  const auto asked = queue_->asked.size();
  advance(28s);
  EXPECT_GE(queue_->renewals, 5);
  EXPECT_FALSE(stopped.arrived());
  EXPECT_THAT(queue_->asked, SizeIs(asked)) << "it claims nothing more";
  advance(3s);
  EXPECT_TRUE(stopped.succeeded());
  EXPECT_THAT(queue_->given_back, SizeIs(1));
}

/// The database's side of retries: what is to run again waits until its time.
TEST_F(job_supervisor, goes_through_hours_of_backoff_in_no_time) {
  waits(1);
  std::vector<std::chrono::milliseconds> waited;
  const auto start = scheduler_.clock().now();
  auto last = start;
  supervise([&](const attempt& one) {
    waited.push_back(
      std::chrono::duration_cast<std::chrono::milliseconds>(scheduler_.clock().now() - last));
    last = scheduler_.clock().now();
    one.fail(domain::fail(errc::unavailable, "down"));
  });
  auto due = caf::actor_clock::time_point::max();
  while (steps().empty() || last_step().what != job_step::kind::bury) {
    ASSERT_LT(scheduler_.clock().now() - start, 24h);
    const auto known = journal_->seen.size();
    advance(1s);
    if (journal_->seen.size() > known && last_step().what == job_step::kind::retry)
      due = last + (last_step().run_at - journal_->seen.back()->at);
    if (scheduler_.clock().now() >= due) {
      waits(1, static_cast<int>(waited.size()) + 1);
      due = caf::actor_clock::time_point::max();
    }
  }
  ASSERT_THAT(waited, SizeIs(5));
  EXPECT_NEAR(static_cast<double>(waited[1].count()), 60e3, 3e3);
  EXPECT_NEAR(static_cast<double>(waited[2].count()), 300e3, 3e3);
  EXPECT_NEAR(static_cast<double>(waited[3].count()), 1800e3, 3e3);
  EXPECT_NEAR(static_cast<double>(waited[4].count()), 1800e3, 3e3);
}

} // namespace
} // namespace hub::actors
