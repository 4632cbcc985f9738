#include "actors/outward/notification.hpp"
#include "tests/actors/sending_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace hub::actors {
namespace {

using namespace std::chrono_literals;
using domain::errc;
using testing::id_of;
using testing::test_workspace;

using moment = caf::actor_clock::time_point;

/// Jobs as the database keeps them: each is claimed when it is due, and due again when its step
/// says so.
struct timed_queue {
  struct waiting_job {
    domain::claimed_job job;
    moment due;
  };
  std::vector<waiting_job> waiting;
  std::map<domain::uuid, domain::claimed_job> running;
  std::set<domain::uuid> done;
  std::set<domain::uuid> buried;
  std::function<moment()> now;

  storage::claimed_jobs claim(const storage::claim_request& wanted) {
    storage::claimed_jobs claimed;
    claimed.looked_at = domain::time_point{};
    claimed.exhausted = true;
    for (auto one = waiting.begin(); one != waiting.end();) {
      const bool asked_for = wanted.ids.empty() || std::ranges::count(wanted.ids, one->job.id) > 0;
      if (one->due > now() || !asked_for) {
        ++one;
        continue;
      }
      if (std::cmp_equal(claimed.jobs.size(), wanted.limit)) {
        claimed.exhausted = false;
        break;
      }
      one->job.claim = wanted.claim;
      claimed.jobs.push_back(one->job);
      running[one->job.id] = one->job;
      one = waiting.erase(one);
    }
    return claimed;
  }

  void step(const domain::change& what) {
    const auto& step = *what.step;
    auto job = running.at(step.job);
    switch (step.what) {
    case domain::job_step::kind::begin_sending:
      running.at(step.job).sending_since = what.at;
      return;
    case domain::job_step::kind::retry:
      ++job.attempt;
      [[fallthrough]];
    case domain::job_step::kind::hold_back:
      job.sending_since.reset();
      waiting.push_back({job, now() + (step.run_at - what.at)});
      break;
    case domain::job_step::kind::finish:
      done.insert(step.job);
      break;
    case domain::job_step::kind::bury:
      buried.insert(step.job);
      break;
    }
    running.erase(step.job);
  }
};

job_claimer_actor::behavior_type timed_claimer(job_claimer_actor::pointer self,
                                               timed_queue* queue) {
  self->set_error_handler([](caf::error&) {});
  return {
    [queue](const claim_jobs& wanted) -> caf::result<jobs_claimed> {
      return jobs_claimed{std::make_shared<const storage::claimed_jobs>(queue->claim(wanted.what))};
    },
    [](const renew_claims&) -> caf::result<claims_renewed> { return claims_renewed{}; },
    [](const release_claims&) -> caf::result<jobs_stopped> { return jobs_stopped{}; },
    [](claims_tick) {},
  };
}

/// The notification that each job sends, until it is sent.
struct many_notifications final : storage::release_reads {
  std::map<domain::uuid, storage::notification_detail> all;

  void writing_context_of(domain::uuid,
                          domain::uuid,
                          storage::callback<storage::writing_context> done) override {
    done(domain::fail(errc::internal, "nobody writes here"));
  }
  void list_changelog(storage::changelog_query,
                      storage::callback<storage::changelog_page> done) override {
    done(domain::fail(errc::internal, "nobody reads this here"));
  }
  void list_notifications(storage::notification_query,
                          storage::callback<storage::notification_page> done) override {
    done(domain::fail(errc::internal, "nobody reads this here"));
  }
  void notification_of(domain::uuid,
                       domain::uuid id,
                       storage::callback<storage::notification_detail> done) override {
    done(all.at(id));
  }
};

/// Supervisor, limiters with their breakers and the runner of notifications as they are; the clock,
/// the queue and the providers are the test's.
class outage : public testing::actor_fixture {
protected:
  outage() {
    queue_.now = [this] { return scheduler_.clock().now(); };
    journal_->decide = [this](const storage::change_ptr& change) {
      if (change->step)
        queue_.step(*change);
      return std::optional{domain::result<domain::verdict>{testing::committed(*change)}};
    };
    limiters_ = spawn(limiters_behavior,
                      limits_source{[](const domain::uuid&, domain::provider whom) {
                        return domain::default_limits(whom);
                      }},
                      std::make_shared<limiter_figures>());
  }

  void notify(unsigned number, const std::string& channel) {
    auto& about = reads_.all[id_of(number)];
    about.row.id = id_of(number);
    about.row.status = "pending";
    about.row.channel = channel;
    about.row.content = "*What happened:*\nIt broke.";
    about.row.platform_user_id =
      channel == "slack" ? "T1:U" + std::to_string(number) : std::to_string(34'600'000 + number);
    about.thread_id = channel == "slack" ? "T1:C" + std::to_string(number) + ":1714060800.123456"
                                         : "thread" + std::to_string(number);
    about.job = id_of(number);
    about.last_message_at = domain::time_point{std::chrono::hours{24 * 365 * 50}};
    domain::claimed_job job;
    job.workspace = test_workspace;
    job.id = id_of(number);
    job.kind = domain::job_kind::notification_dispatch;
    job.args = R"({"notification":")" + to_string(id_of(number)) + R"("})";
    job.attempt = 1;
    job.created_at = domain::time_point{std::chrono::hours{24 * 365 * 50}};
    queue_.waiting.push_back({job, scheduler_.clock().now()});
  }

  void start() {
    const auto around = std::make_shared<const surroundings>(
      testing::around_of(spawn(testing::fake_journal, journal_),
                         spawn(testing::fake_reader, std::make_shared<testing::reader_script>())));
    spawn(supervisor_behavior,
          supervisor_options{.rules = domain::rules_of(domain::job_kind::notification_dispatch)},
          run_notification(limiters_,
                           desk_,
                           reads_,
                           [](const domain::uuid&) { return domain::release_rules{}; },
                           {.settled_after = 30s, .most_attempts = 5}),
          spawn(timed_claimer, &queue_),
          around,
          std::make_shared<job_figures>());
    run();
  }

  timed_queue queue_;
  many_notifications reads_;
  testing::fake_desk desk_;
  limiters_actor limiters_;
  std::shared_ptr<testing::journal_script> journal_ = std::make_shared<testing::journal_script>();
};

TEST_F(outage, of_an_hour_loses_no_notification_and_sends_none_twice) {
  constexpr unsigned messages = 60;
  for (const auto* channel : {"slack", "intercom", "whatsapp"})
    for (unsigned i = 0; i < messages / 3; ++i)
      notify(static_cast<unsigned>(reads_.all.size()) + 1, channel);
  desk_.answer = domain::fail(errc::unavailable, "the provider is down");
  start();
  advance(1h, 1s);
  EXPECT_THAT(queue_.done, ::testing::IsEmpty());
  EXPECT_THAT(queue_.buried, ::testing::IsEmpty()) << "nobody has to be asked for an hour's outage";
  const auto asked_meanwhile = desk_.sent.size();
  EXPECT_LT(asked_meanwhile, 3U * 200U) << "a provider that is down is left alone";
  desk_.answer = sent_message{"m1"};
  desk_.sent.clear();
  for (int minutes = 0; minutes < 120 && queue_.done.size() < messages; ++minutes)
    advance(1min, 1s);
  EXPECT_EQ(queue_.done.size(), messages);
  EXPECT_THAT(queue_.buried, ::testing::IsEmpty());
  std::set<domain::uuid> reached;
  for (const auto& sent : desk_.sent)
    EXPECT_TRUE(reached.insert(sent.id).second) << "sent twice";
  EXPECT_EQ(reached.size(), messages);
}

} // namespace
} // namespace hub::actors
