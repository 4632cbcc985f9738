#include "actors/outward/triage.hpp"

#include "actors/jobs/supervisor.hpp"
#include "domain/json_reading.hpp"
#include "tests/actors/fakes.hpp"
#include "tests/support/actor_fixture.hpp"

#include <gmock/gmock.h>

#include <utility>

namespace hub::actors {
namespace {

using namespace std::chrono_literals;
using domain::errc;
using domain::job_kind;
using domain::job_step;
using ::testing::HasSubstr;
using testing::id_of;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using testing::test_workspace;

using asker_script = testing::script<ask_model, model_answer>;

model_asker_actor::behavior_type fake_asker(model_asker_actor::pointer self,
                                            std::shared_ptr<asker_script> with) {
  self->set_error_handler([](caf::error&) {});
  return {
    [self, with](const ask_model& wanted) -> caf::result<model_answer> {
      return with->ask(self->make_response_promise<model_answer>(), wanted);
    },
    [](const model_asked&) {},
    [](const asking_tick&) {},
  };
}

/// Knows one ticket.
struct fake_reads final : storage::release_reads {
  domain::result<storage::writing_context> about = storage::writing_context{};

  void writing_context_of(domain::uuid,
                          domain::uuid,
                          storage::callback<storage::writing_context> done) override {
    done(about);
  }
  void list_changelog(storage::changelog_query,
                      storage::callback<storage::changelog_page>) override {}
  void list_notifications(storage::notification_query,
                          storage::callback<storage::notification_page>) override {}
  void notification_of(domain::uuid,
                       domain::uuid,
                       storage::callback<storage::notification_detail>) override {}
};

job_claimer_actor::behavior_type
one_triage(job_claimer_actor::pointer self,
           std::shared_ptr<std::optional<domain::claimed_job>> job) {
  self->set_error_handler([](caf::error&) {});
  return {
    [job](const claim_jobs& wanted) -> caf::result<jobs_claimed> {
      storage::claimed_jobs claimed;
      claimed.exhausted = true;
      claimed.looked_at = domain::time_point{};
      if (auto taken = std::exchange(*job, std::nullopt)) {
        taken->claim = wanted.what.claim;
        claimed.jobs.push_back(*taken);
      }
      return jobs_claimed{std::make_shared<const storage::claimed_jobs>(std::move(claimed))};
    },
    [](const renew_claims&) -> caf::result<claims_renewed> { return claims_renewed{}; },
    [](const release_claims&) -> caf::result<jobs_stopped> { return jobs_stopped{}; },
    [](claims_tick) {},
  };
}

const domain::time_point now{std::chrono::hours{24 * 365 * 50}}; // as the surroundings say

model_answer said(const std::string& text) {
  model_answer answer;
  answer.text = text;
  answer.model = "gpt-4o-mini-2024";
  answer.prompt_tokens = 100;
  answer.completion_tokens = 10;
  answer.latency = 40ms;
  return answer;
}

const std::string sound =
  R"({"suggested_type":"incident","suggested_priority":1,"summary":"All is down.","confidence":0.9})";

class triage_job : public testing::actor_fixture {
protected:
  triage_job() {
    reads_.about->ticket = id_of(7);
    reads_.about->title = "Export crashes";
    reads_.about->description = "Zoraida here: the export crashes, write to ana@example.com";
    reads_.about->names = {"Zoraida Quiñones"};
    choice_.local = false;
    choice_.triage_model = "gpt-4o-mini";
    answers({sound});
  }

  void answers(std::vector<domain::result<model_answer>> all) {
    auto left = std::make_shared<std::deque<domain::result<model_answer>>>(all.begin(), all.end());
    asked_->decide = [left](const ask_model&) {
      auto next = left->front();
      if (left->size() > 1)
        left->pop_front();
      return std::optional{next};
    };
  }
  void answers(std::initializer_list<std::string> texts) {
    std::vector<domain::result<model_answer>> all;
    for (const auto& text : texts)
      all.emplace_back(said(text));
    answers(std::move(all));
  }

  /// Runs one attempt of a job of that age.
  void attempt_it(std::chrono::milliseconds age = 0ms) {
    journal_->decide = [](const storage::change_ptr& change) {
      return std::optional{domain::result<domain::verdict>{testing::committed(*change)}};
    };
    domain::claimed_job job;
    job.workspace = test_workspace;
    job.id = id_of(1);
    job.kind = job_kind::ai_triage;
    job.args = R"({"ticket":")" + to_string(id_of(7)) + R"("})";
    job.created_at = now - age;
    *job_ = job;
    const auto around = std::make_shared<const surroundings>(
      testing::around_of(spawn(testing::fake_journal, journal_),
                         spawn(testing::fake_reader, std::make_shared<testing::reader_script>())));
    triage_options options;
    options.choice = [this](const domain::uuid&) { return choice_; };
    options.own = [](const domain::uuid&) { return domain::own_addresses{}; };
    options.within = 90s;
    options.shortest_wait = 10s;
    options.longest_wait = 10min;
    spawn(supervisor_behavior,
          supervisor_options{.rules = domain::rules_of(job.kind)},
          run_triage(spawn(fake_asker, asked_), reads_, options),
          spawn(one_triage, job_),
          around,
          std::make_shared<job_figures>());
    run();
    advance(10ms);
  }

  const domain::change& last() const { return *journal_->seen.back(); }
  const job_step& last_step() const { return *last().step; }

  std::shared_ptr<testing::journal_script> journal_ = std::make_shared<testing::journal_script>();
  std::shared_ptr<asker_script> asked_ = std::make_shared<asker_script>();
  std::shared_ptr<std::optional<domain::claimed_job>> job_ =
    std::make_shared<std::optional<domain::claimed_job>>();
  fake_reads reads_;
  domain::ai_choice choice_;
};

TEST_F(triage_job, keeps_what_the_model_suggests) {
  attempt_it();
  ASSERT_THAT(journal_->seen, SizeIs(1));
  EXPECT_EQ(last_step().what, job_step::kind::finish);
  ASSERT_TRUE(last().triage && last().triage->suggested);
  EXPECT_EQ(last().triage->ticket, id_of(7));
  EXPECT_EQ(last().triage->suggested->type, domain::ticket_type::incident);
  EXPECT_EQ(last().triage->suggested->summary, "All is down.");
  EXPECT_EQ(last().triage->by.model, "gpt-4o-mini-2024");
  EXPECT_EQ(last().triage->by.prompt_tokens, 100);
  ASSERT_THAT(last().events, SizeIs(1));
  EXPECT_EQ(last().events[0].type, "ai_triaged");
  EXPECT_EQ(last().events[0].actor_type, "ai");
  EXPECT_EQ(
    domain::json::parse(last().events[0].data),
    (domain::json{
      {"type", "incident"}, {"priority", 1}, {"confidence", 0.9}, {"model", "gpt-4o-mini-2024"}}))
    << "and nothing that anybody said";
}

TEST_F(triage_job, tells_the_model_nobodys_name_and_address) {
  reads_.about->cooling_until = now + 5s;
  attempt_it();
  ASSERT_THAT(asked_->seen, SizeIs(1));
  const auto& question = asked_->seen[0];
  EXPECT_THAT(question.what.what.user, HasSubstr("[NAME]"));
  EXPECT_THAT(question.what.what.user, Not(HasSubstr("Zoraida")));
  EXPECT_THAT(question.what.what.user, Not(HasSubstr("ana@")));
  EXPECT_EQ(question.what.model, "gpt-4o-mini");
  EXPECT_EQ(question.what.schema_name, "ticket_triage");
  EXPECT_EQ(question.cooling_until, now + 5s);
  EXPECT_EQ(question.within, 40s) << "there is time to ask again";
}

TEST_F(triage_job, asks_once_more_after_a_wrong_answer) {
  answers({"I would rather talk about Zoraida.", sound});
  attempt_it();
  ASSERT_THAT(asked_->seen, SizeIs(2));
  EXPECT_THAT(asked_->seen[1].what.what.system, HasSubstr("could not be used"));
  EXPECT_THAT(asked_->seen[1].what.what.system, Not(HasSubstr("Zoraida")));
  EXPECT_EQ(last_step().what, job_step::kind::finish);
  EXPECT_EQ(last().triage->by.prompt_tokens, 200) << "both cost something";
  EXPECT_EQ(last().triage->by.latency, 80ms);
}

TEST_F(triage_job, fails_for_good_after_two_wrong_answers) {
  answers({"no", R"({"suggested_type":"bug"})"});
  attempt_it();
  EXPECT_THAT(asked_->seen, SizeIs(2));
  EXPECT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_EQ(last_step().why->code, errc::invalid_input);
  EXPECT_FALSE(last().triage);
}

TEST_F(triage_job, waits_for_a_model_that_is_away_without_losing_an_attempt) {
  answers({domain::result<model_answer>{domain::fail(errc::unavailable, "away")}});
  for (const auto& [age, wait] :
       {std::pair{0min, 10s}, std::pair{1min, 60s}, std::pair{60min, 600s}}) {
    attempt_it(age);
    EXPECT_EQ(last_step().what, job_step::kind::hold_back);
    EXPECT_EQ(last_step().run_at - last().at, wait);
  }
}

TEST_F(triage_job, comes_back_when_the_provider_says) {
  auto why = domain::fail(errc::rate_limited, "429");
  why.retry_after = 17s;
  answers({domain::result<model_answer>{why}});
  attempt_it();
  EXPECT_EQ(last_step().what, job_step::kind::hold_back);
  EXPECT_EQ(last_step().run_at - last().at, 17s);
}

TEST_F(triage_job, fails_for_good_where_the_key_is_wrong) {
  answers({domain::result<model_answer>{domain::fail(errc::unauthorized, "wrong key")}});
  attempt_it();
  EXPECT_EQ(last_step().what, job_step::kind::bury);
}

TEST_F(triage_job, comes_back_when_nobody_answers_at_all) {
  asked_->decide = nullptr;
  attempt_it();
  advance(50s);
  ASSERT_THAT(journal_->seen, SizeIs(1));
  EXPECT_EQ(last_step().what, job_step::kind::hold_back);
}

TEST_F(triage_job, goes_by_rules_where_nobody_is_to_be_asked) {
  choice_.local = true;
  attempt_it();
  EXPECT_THAT(asked_->seen, IsEmpty());
  ASSERT_TRUE(last().triage && last().triage->suggested);
  EXPECT_EQ(last().triage->by.model, "local");
  EXPECT_THAT(last().triage->suggested->summary, Not(HasSubstr("Zoraida")));
}

TEST_F(triage_job, does_nothing_once_it_is_switched_off) {
  choice_.triage = domain::triage_mode::off;
  attempt_it();
  EXPECT_THAT(asked_->seen, IsEmpty());
  EXPECT_EQ(last_step().what, job_step::kind::finish);
  EXPECT_FALSE(last().triage);
}

TEST_F(triage_job, fails_for_good_without_its_ticket) {
  reads_.about = domain::fail(errc::not_found, "no such ticket");
  attempt_it();
  EXPECT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_THAT(asked_->seen, IsEmpty());
}

} // namespace
} // namespace hub::actors
