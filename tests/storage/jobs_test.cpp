#include "storage/jobs/job_store.hpp"
#include "tests/storage/journal_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <latch>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace hub::storage {
namespace {

using domain::change;
using domain::claimed_job;
using domain::dead_letter_step;
using domain::errc;
using domain::job_kind;
using domain::job_step;
using domain::uuid;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::first_workspace;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::journal_fixture;
using testing::quoted;
using ::testing::SizeIs;
using verdict_kind = domain::verdict::kind;

class jobs : public journal_fixture {
protected:
  std::unique_ptr<job_store> make_jobs() {
    auto made = make_job_store(connection_string(), keys_);
    EXPECT_TRUE(made->connect());
    return made;
  }

  job_store& store() {
    if (!store_)
      store_ = make_jobs();
    return *store_;
  }

  change with_job(const std::string& dedup_key = {}, milliseconds later = {}) {
    change what;
    what.workspace = first_workspace;
    what.at = at();
    what.jobs.push_back({.id = fresh_id(),
                         .kind = job_kind::canary,
                         .dedup_key = dedup_key,
                         .args = R"({"ticket":"1"})",
                         .run_at = at() + later});
    return what;
  }

  uuid enqueue(const std::string& dedup_key = {}, milliseconds later = {}) {
    auto what = with_job(dedup_key, later);
    const auto id = what.jobs.front().id;
    EXPECT_EQ(commit(std::move(what)).what, verdict_kind::committed);
    return id;
  }

  claimed_jobs claim(int limit = 10, std::vector<uuid> ids = {}) {
    auto claimed = store().claim(
      {.kind = job_kind::canary, .claim = fresh_id(), .limit = limit, .ids = std::move(ids)});
    EXPECT_TRUE(claimed) << (claimed ? "" : claimed.why().message);
    return claimed ? *std::move(claimed) : claimed_jobs{};
  }

  change stepping(const claimed_job& job, job_step::kind what, milliseconds later = {}) {
    change step;
    step.workspace = first_workspace;
    step.at = at();
    step.step = job_step{.what = what, .job = job.id, .claim = job.claim, .run_at = at() + later};
    step.step->started_at = at();
    step.step->args = job.args;
    if (what != job_step::kind::finish && what != job_step::kind::begin_sending)
      step.step->why = domain::fail(errc::unavailable, "the provider is away");
    return step;
  }

  domain::verdict take(const claimed_job& job, job_step::kind what, milliseconds later = {}) {
    return commit(stepping(job, what, later));
  }

  /// A provider says, in a delivery of its own, what became of what this job sent.
  void report(const uuid& job, bool taken) {
    auto said = ignoring("status " + std::to_string(++reports_));
    said.of_sent = domain::send_report{job, taken, taken ? 0 : 131'026};
    EXPECT_EQ(commit(std::move(said)).what, verdict_kind::committed);
  }

  domain::verdict decide(const uuid& letter, dead_letter_step::kind what, bool anyway = false) {
    change decision;
    decision.workspace = first_workspace;
    decision.at = at();
    decision.dead_letter = dead_letter_step{what, letter, fresh_id(), anyway};
    return commit(std::move(decision));
  }

  void control(std::optional<domain::job_kind_state> state, std::optional<bool> force = {}) {
    change what;
    what.workspace = first_workspace;
    what.at = at();
    what.control = domain::job_control{job_kind::canary, state, force};
    auto& record = what.action.emplace();
    record.id = fresh_id();
    record.what = "job_kind_changed";
    record.target = "CanaryJob";
    EXPECT_EQ(commit(std::move(what)).what, verdict_kind::committed);
  }

private:
  std::unique_ptr<job_store> store_;
  int reports_ = 0;
};

TEST_F(jobs, are_due_once_their_cause_is_committed) {
  const auto id = enqueue();
  const auto claimed = claim();
  ASSERT_THAT(claimed.jobs, SizeIs(1));
  EXPECT_EQ(claimed.jobs[0].id, id);
  EXPECT_EQ(claimed.jobs[0].attempt, 1);
  EXPECT_EQ(claimed.jobs[0].workspace, first_workspace);
  EXPECT_EQ(nlohmann::json::parse(claimed.jobs[0].args)["ticket"], "1");
  EXPECT_THAT(claim().jobs, IsEmpty()) << "a claimed job is nobody else's";
}

TEST_F(jobs, of_a_refused_change_do_not_exist) {
  const auto ticket = open_ticket({.delivery = "one"});
  auto stale = with_job();
  stale.updates = domain::ticket_update{.id = ticket.id, .expected_version = ticket.version + 7};
  EXPECT_EQ(commit(std::move(stale)).what, verdict_kind::conflict);
  EXPECT_THAT(claim().jobs, IsEmpty());
}

TEST_F(jobs, can_be_claimed_by_their_ids_and_only_for_their_kind) {
  enqueue();
  const auto second = enqueue();
  const auto claimed = claim(10, {second, fresh_id()});
  ASSERT_THAT(claimed.jobs, SizeIs(1));
  EXPECT_EQ(claimed.jobs[0].id, second);
  const auto other =
    store().claim({.kind = job_kind::ai_triage, .claim = fresh_id(), .limit = 10, .ids = {second}});
  ASSERT_TRUE(other);
  EXPECT_THAT(other->jobs, IsEmpty());
}

TEST_F(jobs, wait_for_their_time_and_say_when_it_comes) {
  enqueue({}, hours{1});
  const auto claimed = claim();
  EXPECT_THAT(claimed.jobs, IsEmpty());
  ASSERT_TRUE(claimed.next_due);
  EXPECT_NEAR(static_cast<double>((*claimed.next_due - at(hours{1})).count()), 1.0, 1.0);
}

TEST_F(jobs, leave_the_table_when_they_are_done) {
  enqueue();
  EXPECT_EQ(take(claim().jobs.at(0), job_step::kind::finish).what, verdict_kind::committed);
  EXPECT_EQ(count("jobs"), "0");
  EXPECT_EQ(count("finished_jobs WHERE kind = 'CanaryJob' AND attempts = 1"), "1");
}

TEST_F(jobs, can_only_be_settled_by_who_holds_the_claim) {
  enqueue();
  auto job = claim().jobs.at(0);
  job.claim = fresh_id();
  for (const auto what : {job_step::kind::begin_sending,
                          job_step::kind::finish,
                          job_step::kind::retry,
                          job_step::kind::hold_back,
                          job_step::kind::bury})
    EXPECT_EQ(take(job, what).what, verdict_kind::conflict);
  EXPECT_EQ(count("jobs WHERE claim_id IS NOT NULL"), "1");
}

TEST_F(jobs, take_nothing_of_a_change_along_when_the_claim_is_lost) {
  const auto ticket = open_ticket({.delivery = "one"});
  enqueue();
  auto job = claim().jobs.at(0);
  job.claim = fresh_id();
  auto what = stepping(job, job_step::kind::finish);
  what.updates = domain::ticket_update{.id = ticket.id, .expected_version = ticket.version};
  what.updates->title = "changed";
  EXPECT_EQ(commit(std::move(what)).what, verdict_kind::conflict);
  EXPECT_EQ(core_of(ticket.id).version, ticket.version);
}

TEST_F(jobs, stay_where_they_are_when_the_ticket_moved_on) {
  const auto ticket = open_ticket({.delivery = "one"});
  enqueue();
  auto what = stepping(claim().jobs.at(0), job_step::kind::finish);
  what.updates = domain::ticket_update{.id = ticket.id, .expected_version = ticket.version + 1};
  EXPECT_EQ(commit(std::move(what)).what, verdict_kind::conflict);
  EXPECT_EQ(count("jobs WHERE claim_id IS NOT NULL"), "1");
}

TEST_F(jobs, remember_every_failed_attempt) {
  enqueue();
  EXPECT_EQ(take(claim().jobs.at(0), job_step::kind::retry, -seconds{1}).what,
            verdict_kind::committed);
  const auto again = claim();
  ASSERT_THAT(again.jobs, SizeIs(1));
  EXPECT_EQ(again.jobs[0].attempt, 2);
  EXPECT_EQ(ask("SELECT history->0->>'error_class' FROM jobs"), "unavailable");
  EXPECT_EQ(ask("SELECT last_error FROM jobs"), "the provider is away");
}

TEST_F(jobs, held_back_have_not_been_tried) {
  enqueue();
  take(claim().jobs.at(0), job_step::kind::hold_back, -seconds{1});
  const auto again = claim();
  ASSERT_THAT(again.jobs, SizeIs(1));
  EXPECT_EQ(again.jobs[0].attempt, 1);
  EXPECT_EQ(ask("SELECT jsonb_array_length(history) FROM jobs"), "0");
}

TEST_F(jobs, with_one_key_are_one_job_until_it_is_done) {
  const auto first = enqueue("sync ticket 1");
  enqueue("sync ticket 1");
  enqueue("sync ticket 2");
  EXPECT_EQ(count("jobs"), "2");
  const auto claimed = claim();
  ASSERT_THAT(claimed.jobs, SizeIs(2));
  for (const auto& job : claimed.jobs)
    take(job, job_step::kind::finish);
  EXPECT_NE(enqueue("sync ticket 1"), first);
  EXPECT_EQ(count("jobs"), "1");
}

TEST_F(jobs, with_one_key_in_one_batch_are_one_job) {
  std::vector<change> batch;
  for (int i = 0; i < 5; ++i)
    batch.push_back(with_job("the same"));
  for (const auto& verdict : commit(std::move(batch)))
    EXPECT_EQ(verdict.what, verdict_kind::committed);
  EXPECT_EQ(count("jobs"), "1");
}

TEST_F(jobs, caused_again_while_they_run_run_once_more) {
  enqueue("sync ticket 1");
  const auto job = claim().jobs.at(0);
  enqueue("sync ticket 1");
  enqueue("sync ticket 1");
  take(job, job_step::kind::finish);
  const auto again = claim();
  ASSERT_THAT(again.jobs, SizeIs(1));
  EXPECT_EQ(again.jobs[0].attempt, 1);
  take(again.jobs[0], job_step::kind::finish);
  EXPECT_EQ(count("jobs"), "0");
}

TEST_F(jobs, caused_again_while_they_are_open_run_once_more) {
  for (const bool while_it_runs : {true, false}) {
    enqueue("tell ana");
    auto job = claim().jobs.at(0);
    take(job, job_step::kind::begin_sending);
    if (while_it_runs)
      enqueue("tell ana");
    auto step = stepping(job, job_step::kind::retry);
    step.step->outcome_unknown = true;
    commit(std::move(step));
    if (!while_it_runs)
      enqueue("tell ana");
    take(claim().jobs.at(0), job_step::kind::finish); // the provider has the first one
    const auto again = claim();
    ASSERT_THAT(again.jobs, SizeIs(1)) << while_it_runs;
    EXPECT_EQ(again.jobs[0].sending_since, std::nullopt);
    take(again.jobs[0], job_step::kind::finish);
    EXPECT_EQ(count("jobs"), "0");
  }
}

TEST_F(jobs, caused_again_run_once_more_when_the_provider_settled_them) {
  enqueue("tell ana");
  const auto job = claim().jobs.at(0);
  take(job, job_step::kind::begin_sending);
  enqueue("tell ana");
  report(job.id, true);
  auto step = stepping(job, job_step::kind::bury);
  step.step->outcome_unknown = true;
  commit(std::move(step));
  EXPECT_EQ(count("dead_letter_jobs"), "0");
  const auto again = claim();
  ASSERT_THAT(again.jobs, SizeIs(1));
  EXPECT_EQ(again.jobs[0].attempt, 1);
  EXPECT_EQ(again.jobs[0].sending_since, std::nullopt);
}

TEST_F(jobs, are_free_again_when_their_lease_runs_out) {
  enqueue();
  const auto lost = claim().jobs.at(0);
  auto freed = store().free_expired();
  ASSERT_TRUE(freed);
  EXPECT_THAT(freed->freed, IsEmpty()) << "the lease still holds";
  run("UPDATE jobs SET lease_until = now() - interval '1 second'");
  freed = store().free_expired();
  ASSERT_TRUE(freed);
  EXPECT_THAT(freed->freed, ElementsAre(job_kind::canary));
  const auto again = claim();
  ASSERT_THAT(again.jobs, SizeIs(1));
  EXPECT_EQ(again.jobs[0].attempt, 2);
  EXPECT_EQ(again.jobs[0].crashes, 1);
  EXPECT_EQ(take(lost, job_step::kind::finish).what, verdict_kind::conflict)
    << "a stalled attempt must not finish another's job";
}

TEST_F(jobs, tell_their_next_attempt_that_one_was_sending) {
  enqueue();
  EXPECT_EQ(take(claim().jobs.at(0), job_step::kind::begin_sending).what, verdict_kind::committed);
  run("UPDATE jobs SET lease_until = now() - interval '1 second'");
  ASSERT_TRUE(store().free_expired());
  EXPECT_EQ(claim().jobs.at(0).sending_since, at());
}

TEST_F(jobs, remember_across_attempts_only_the_sends_that_are_open) {
  enqueue();
  const auto began = at();
  take(claim().jobs.at(0), job_step::kind::begin_sending);
  run("UPDATE jobs SET lease_until = now() - interval '1 second'");
  ASSERT_TRUE(store().free_expired());
  for (const auto what : {job_step::kind::hold_back, job_step::kind::retry}) {
    const auto job = claim().jobs.at(0);
    EXPECT_EQ(job.sending_since, began);
    auto step = stepping(job, what);
    step.step->outcome_unknown = true;
    commit(std::move(step));
  }
  const auto job = claim().jobs.at(0);
  EXPECT_EQ(job.sending_since, began);
  take(job, job_step::kind::retry);
  EXPECT_EQ(claim().jobs.at(0).sending_since, std::nullopt);
}

TEST_F(jobs, that_take_their_process_down_are_quarantined) {
  enqueue();
  const int most = domain::rules_of(job_kind::canary).most_crashes;
  for (int crash = 1; crash <= most; ++crash) {
    ASSERT_THAT(claim().jobs, SizeIs(1)) << "crash " << crash;
    run("UPDATE jobs SET lease_until = now() - interval '1 second'");
    const auto freed = store().free_expired();
    ASSERT_TRUE(freed) << freed.why().message;
    EXPECT_EQ(freed->quarantined, crash == most ? 1 : 0);
  }
  EXPECT_EQ(count("jobs"), "0");
  EXPECT_EQ(count("dead_letter_jobs WHERE error_class = 'quarantined' AND outcome_unknown"), "1");
}

TEST_F(jobs, are_settled_by_what_the_provider_says_before_they_are_buried) {
  struct report_case {
    std::vector<bool> reports; // taken or not
    const char* finished;
    const char* unknown;
    const char* error_class;
  };
  const std::vector<report_case> cases{
    {{}, "0", "1", "unavailable"},
    {{true}, "1", "0", ""},
    {{true, false}, "1", "0", ""}, // sent, then not delivered: it was sent
    {{false}, "0", "0", "not_delivered"},
    {{false, true}, "1", "0", ""},
  };
  for (const auto& [reports, finished, unknown, error_class] : cases) {
    run("TRUNCATE dead_letter_jobs, finished_jobs");
    enqueue();
    const auto job = claim().jobs.at(0);
    report(job.id, true); // nothing was sent yet: somebody else's words
    take(job, job_step::kind::begin_sending);
    for (const bool taken : reports)
      report(job.id, taken);
    auto step = stepping(job, job_step::kind::bury);
    step.step->outcome_unknown = true;
    commit(std::move(step));
    EXPECT_EQ(count("jobs"), "0");
    EXPECT_EQ(count("finished_jobs"), finished);
    EXPECT_EQ(count("dead_letter_jobs"), finished[0] == '1' ? "0" : "1");
    EXPECT_EQ(count("dead_letter_jobs WHERE outcome_unknown"), unknown);
    EXPECT_EQ(ask("SELECT coalesce(max(error_class), '') FROM dead_letter_jobs"), error_class);
  }
}

TEST_F(jobs, buried_as_unknown_are_settled_by_what_the_provider_says_later) {
  for (const bool taken : {true, false}) {
    run("TRUNCATE dead_letter_jobs");
    enqueue();
    const auto job = claim().jobs.at(0);
    take(job, job_step::kind::begin_sending);
    auto step = stepping(job, job_step::kind::bury);
    step.step->outcome_unknown = true;
    commit(std::move(step));
    report(job.id, taken);
    EXPECT_EQ(count("dead_letter_jobs WHERE outcome_unknown"), "0");
    EXPECT_EQ(ask("SELECT status FROM dead_letter_jobs"), taken ? "resolved" : "unresolved");
    EXPECT_EQ(count("dead_letter_jobs WHERE settled_at IS NOT NULL"), taken ? "1" : "0");
    EXPECT_EQ(decide(job.id, dead_letter_step::kind::retry).what,
              taken ? verdict_kind::conflict : verdict_kind::committed)
      << "what was not delivered may be sent again";
  }
}

TEST_F(jobs, that_failed_with_a_known_outcome_are_no_providers_to_settle) {
  enqueue();
  const auto job = claim().jobs.at(0);
  take(job, job_step::kind::begin_sending);
  report(job.id, true);
  take(job, job_step::kind::bury);
  report(job.id, true);
  EXPECT_EQ(ask("SELECT status FROM dead_letter_jobs"), "unresolved");
}

TEST_F(jobs, renewed_keep_their_lease_and_lost_ones_are_named) {
  enqueue();
  const auto job = claim().jobs.at(0);
  run("UPDATE jobs SET lease_until = now() + interval '1 second'");
  const held_claim stranger{fresh_id(), job.claim};
  const auto lost = store().renew({{job.id, job.claim}, stranger});
  ASSERT_TRUE(lost);
  EXPECT_THAT(*lost, ElementsAre(stranger));
  EXPECT_EQ(count("jobs WHERE lease_until > now() + interval '10 seconds'"), "1");
}

TEST_F(jobs, are_held_for_as_long_as_the_lease_is_set) {
  enqueue();
  const auto patient = make_job_store(connection_string(), keys_, seconds{120});
  ASSERT_TRUE(patient->connect());
  ASSERT_TRUE(patient->claim({.kind = job_kind::canary, .claim = fresh_id()}));
  EXPECT_EQ(count("jobs WHERE lease_until BETWEEN now() + interval '110 seconds' AND "
                  "now() + interval '121 seconds'"),
            "1");
}

TEST_F(jobs, given_back_count_no_attempt_unless_they_were_sending) {
  enqueue();
  enqueue();
  const auto claimed = claim();
  ASSERT_THAT(claimed.jobs, SizeIs(2));
  take(claimed.jobs[0], job_step::kind::begin_sending);
  ASSERT_TRUE(store().release(
    {{claimed.jobs[0].id, claimed.jobs[0].claim}, {claimed.jobs[1].id, claimed.jobs[1].claim}}));
  const auto again = claim();
  ASSERT_THAT(again.jobs, SizeIs(1));
  EXPECT_EQ(again.jobs[0].id, claimed.jobs[1].id);
  EXPECT_EQ(again.jobs[0].attempt, 1);
}

TEST_F(jobs, given_back_may_be_open_since_an_earlier_attempt) {
  enqueue();
  take(claim().jobs.at(0), job_step::kind::begin_sending);
  run("UPDATE jobs SET lease_until = now() - interval '1 second'");
  ASSERT_TRUE(store().free_expired());
  const auto open = claim().jobs.at(0);
  ASSERT_TRUE(open.sending_since);
  ASSERT_TRUE(store().release({{open.id, open.claim, open.sending_since}}));
  const auto again = claim();
  ASSERT_THAT(again.jobs, SizeIs(1));
  EXPECT_EQ(again.jobs[0].attempt, open.attempt);
  EXPECT_EQ(again.jobs[0].sending_since, open.sending_since);

  auto sends = stepping(again.jobs[0], job_step::kind::begin_sending);
  sends.at = at(seconds{1});
  commit(std::move(sends));
  ASSERT_TRUE(store().release({{open.id, again.jobs[0].claim, again.jobs[0].sending_since}}));
  EXPECT_THAT(claim().jobs, IsEmpty()) << "this one has begun to send by itself";
}

TEST_F(jobs, buried_keep_what_a_person_needs_and_nothing_personal) {
  auto what = with_job();
  what.jobs[0].args = R"({"text":"write to ana@example.org","ticket":"1"})";
  commit(std::move(what));
  const auto job = claim().jobs.at(0);
  auto step = stepping(job, job_step::kind::bury);
  step.step->shown_args = R"({"text":"write to [EMAIL]","ticket":"1"})";
  EXPECT_EQ(commit(std::move(step)).what, verdict_kind::committed);
  EXPECT_EQ(count("jobs"), "0");
  EXPECT_EQ(ask("SELECT status FROM dead_letter_jobs"), "unresolved");
  EXPECT_EQ(ask("SELECT job_class FROM dead_letter_jobs"), "CanaryJob");
  EXPECT_EQ(ask("SELECT error_message FROM dead_letter_jobs"), "the provider is away");
  EXPECT_EQ(ask("SELECT jsonb_array_length(attempts) FROM dead_letter_jobs"), "1");
  EXPECT_THAT(ask("SELECT backtrace FROM dead_letter_jobs"), HasSubstr("jobs_test.cpp:"));
  EXPECT_EQ(ask("SELECT count(*) FROM dead_letter_jobs d WHERE d::text LIKE '%ana@%'"), "0");
}

TEST_F(jobs, dead_letters_are_settled_once) {
  enqueue();
  const auto job = claim().jobs.at(0);
  take(job, job_step::kind::bury);
  EXPECT_EQ(decide(job.id, dead_letter_step::kind::resolve).what, verdict_kind::committed);
  const auto again = decide(job.id, dead_letter_step::kind::retry);
  EXPECT_EQ(again.what, verdict_kind::conflict);
  ASSERT_TRUE(again.why);
  EXPECT_EQ(again.why->code, errc::conflict);
  const auto nobody = decide(fresh_id(), dead_letter_step::kind::resolve);
  ASSERT_TRUE(nobody.why);
  EXPECT_EQ(nobody.why->code, errc::not_found);
}

TEST_F(jobs, dead_letters_are_listed_newest_first_and_read_whole) {
  std::vector<uuid> ids;
  for (int i = 0; i < 3; ++i) {
    auto what = with_job();
    what.jobs[0].args = R"({"text":"write to ana@example.org"})";
    commit(std::move(what));
    auto step = stepping(claim().jobs.at(0), job_step::kind::bury);
    step.at = at(seconds{i});
    ids.push_back(step.step->job);
    commit(std::move(step));
  }
  dead_letter_query query{.workspace = first_workspace, .status = "unresolved", .limit = 2};
  const auto list = [&] {
    return wait_for<dead_letter_page>(
      [&](auto done) { reads().list_dead_letters(query, std::move(done)); });
  };
  auto page = list();
  ASSERT_TRUE(page) << page.why().message;
  ASSERT_THAT(page->letters, SizeIs(2));
  EXPECT_EQ(page->letters[0].id, ids[2]);
  EXPECT_EQ(page->total, 3);
  EXPECT_TRUE(page->more);
  query.after = dead_letter_position{page->letters[1].failed_at, page->letters[1].id};
  page = list();
  ASSERT_TRUE(page);
  ASSERT_THAT(page->letters, SizeIs(1));
  EXPECT_EQ(page->letters[0].id, ids[0]);
  EXPECT_FALSE(page->more);
  query.job_class = "NotionSyncJob";
  EXPECT_THAT(list()->letters, IsEmpty());
  const auto one = wait_for<stored_dead_letter>(
    [&](auto done) { reads().dead_letter_of(first_workspace, ids[0], std::move(done)); });
  ASSERT_TRUE(one) << one.why().message;
  EXPECT_EQ(nlohmann::json::parse(one->args)["text"], "write to ana@example.org");
}

TEST_F(jobs, of_unknown_outcome_are_only_retried_by_somebody_who_says_so) {
  enqueue();
  const auto job = claim().jobs.at(0);
  auto step = stepping(job, job_step::kind::bury);
  step.step->outcome_unknown = true;
  commit(std::move(step));
  EXPECT_EQ(decide(job.id, dead_letter_step::kind::retry).what, verdict_kind::conflict);
  EXPECT_EQ(decide(job.id, dead_letter_step::kind::retry, true).what, verdict_kind::committed);
  EXPECT_EQ(ask("SELECT status FROM dead_letter_jobs"), "retried");
}

TEST_F(jobs, of_a_paused_kind_wait_until_it_resumes) {
  const auto id = enqueue();
  control(domain::job_kind_state::paused);
  EXPECT_THAT(claim().jobs, IsEmpty());
  EXPECT_THAT(claim(10, {id}).jobs, IsEmpty());
  control(domain::job_kind_state::running);
  EXPECT_THAT(claim().jobs, SizeIs(1));
  EXPECT_EQ(count("audit_log"), "2");
}

TEST_F(jobs, that_come_while_their_kind_drains_wait) {
  enqueue();
  control(domain::job_kind_state::draining);
  auto late = with_job();
  late.at = at(seconds{1});
  late.jobs[0].run_at = at() - seconds{1};
  commit(std::move(late));
  EXPECT_THAT(claim().jobs, SizeIs(1));
}

TEST_F(jobs, told_to_fail_fail_once) {
  control(std::nullopt, true);
  enqueue();
  enqueue();
  EXPECT_TRUE(claim(1).first_must_fail);
  EXPECT_FALSE(claim(1).first_must_fail);
}

TEST_F(jobs, are_counted_by_kind) {
  enqueue();
  enqueue({}, hours{1});
  const auto failed = enqueue();
  const auto buried = enqueue();
  take(claim(10, {failed}).jobs.at(0), job_step::kind::retry, hours{1});
  take(claim(10, {buried}).jobs.at(0), job_step::kind::bury);
  const auto running = enqueue();
  claim(10, {running});
  const auto backlog = store().backlog();
  ASSERT_TRUE(backlog) << backlog.why().message;
  ASSERT_THAT(*backlog, SizeIs(domain::job_kind_count));
  const auto& canary = (*backlog)[static_cast<std::size_t>(job_kind::canary)];
  EXPECT_EQ(canary.kind, job_kind::canary);
  EXPECT_EQ(canary.due, 1);
  EXPECT_EQ(canary.delayed, 2);
  EXPECT_EQ(canary.retrying, 1);
  EXPECT_EQ(canary.claimed, 1);
  EXPECT_EQ(canary.dead, 1);
  EXPECT_EQ(canary.state, domain::job_kind_state::running);
}

TEST_F(jobs, are_never_claimed_twice_by_many_at_once) {
  constexpr int wanted = 400;
  std::vector<change> batch;
  for (int i = 0; i < wanted; ++i)
    batch.push_back(with_job());
  commit(std::move(batch));
  std::mutex mutex;
  std::multiset<uuid> seen;
  std::latch start{4};
  std::vector<std::jthread> owners;
  for (unsigned owner = 0; owner < 4; ++owner)
    owners.emplace_back([&, owner] {
      auto mine = make_jobs();
      domain::uuid_generator ids{testing::printed_seed() + owner};
      start.arrive_and_wait();
      for (;;) {
        const auto claimed =
          mine->claim({.kind = job_kind::canary, .claim = ids.next(at()), .limit = 7});
        ASSERT_TRUE(claimed) << claimed.why().message;
        if (claimed->jobs.empty())
          return;
        const std::lock_guard lock{mutex};
        for (const auto& job : claimed->jobs)
          seen.insert(job.id);
      }
    });
  owners.clear();
  EXPECT_EQ(seen.size(), wanted);
  EXPECT_EQ(std::set<uuid>(seen.begin(), seen.end()).size(), wanted);
}

} // namespace
} // namespace hub::storage
