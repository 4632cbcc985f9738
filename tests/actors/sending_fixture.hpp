#pragma once

#include "actors/jobs/supervisor.hpp"
#include "actors/limiter/limiter.hpp"
#include "actors/outward/provider_check.hpp"
#include "tests/actors/fakes.hpp"
#include "tests/support/actor_fixture.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace hub::testing {

using namespace actors;
using domain::job_step;

/// A provider that answers when the test says so, or at once.
struct fake_desk final : provider_desk {
  std::vector<outgoing_message> sent;
  std::vector<outgoing_message> asked_for;
  std::vector<domain::failure> first_answers; // taken before the other
  std::optional<domain::result<sent_message>> answer = sent_message{"m1"};
  domain::result<found_message> finds = found_message::cannot_tell;
  bool can_be_asked = false;
  std::function<void(domain::result<sent_message>)> held;

  void send(outgoing_message what,
            std::function<void(domain::result<sent_message>)> done) override {
    sent.push_back(std::move(what));
    if (!first_answers.empty()) {
      auto first = std::move(first_answers.front());
      first_answers.erase(first_answers.begin());
      done(std::move(first));
    } else if (answer)
      done(*answer);
    else
      held = std::move(done);
  }
  bool can_find(const outgoing_message&) const override { return can_be_asked; }
  void find(outgoing_message what,
            domain::time_point,
            std::function<void(domain::result<found_message>)> done) override {
    asked_for.push_back(std::move(what));
    done(finds);
  }
};

inline job_claimer_actor::behavior_type
one_job(job_claimer_actor::pointer self, std::shared_ptr<std::optional<domain::claimed_job>> job) {
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

/// One attempt at a job that sends, by a supervisor and a limiter as they are; the journal, the
/// claims and the provider are the test's.
class sending_fixture : public actor_fixture {
protected:
  sending_fixture() {
    limiters_ = spawn(limiters_behavior,
                      limits_source{[](const domain::uuid&, domain::provider) {
                        return domain::default_limits(domain::provider::slack);
                      }},
                      providers_);
  }

  void attempt(const domain::claimed_job& job, job_runner runner) {
    if (!journal_->decide)
      journal_->decide = [](const storage::change_ptr& change) {
        return std::optional{domain::result<domain::verdict>{committed(*change)}};
      };
    *job_ = job;
    const auto around = std::make_shared<const surroundings>(around_of(
      spawn(fake_journal, journal_), spawn(fake_reader, std::make_shared<reader_script>())));
    spawn(supervisor_behavior,
          supervisor_options{.rules = domain::rules_of(job.kind)},
          std::move(runner),
          spawn(one_job, job_),
          around,
          std::make_shared<job_figures>());
    run();
    advance(std::chrono::milliseconds{10});
  }

  std::vector<job_step::kind> steps() const {
    std::vector<job_step::kind> all;
    for (const auto& change : journal_->seen)
      all.push_back(change->step->what);
    return all;
  }
  const job_step& last_step() const { return *journal_->seen.back()->step; }

  std::shared_ptr<journal_script> journal_ = std::make_shared<journal_script>();
  std::shared_ptr<std::optional<domain::claimed_job>> job_ =
    std::make_shared<std::optional<domain::claimed_job>>();
  std::shared_ptr<limiter_figures> providers_ = std::make_shared<limiter_figures>();
  limiters_actor limiters_;
  sending_rules rules_{.settled_after = std::chrono::seconds{30}, .most_attempts = 5};
  fake_desk desk_;
};

} // namespace hub::testing
