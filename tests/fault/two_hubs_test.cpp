#include "tests/fault/fault_rounds.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sandbox_process.hpp"

#include <gtest/gtest.h>
#include <pqxx/pqxx>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <random>
#include <thread>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr int jobs_a_round = 40; // more than one hub runs at once
constexpr auto all_settled_within = 90s;

/// Two hubs on the first one's database, which outlives it, and one sandbox for both.
class two_hubs : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    sandbox_ = std::make_unique<sandbox_process>();
    hubs_ = std::make_unique<std::array<hub_process, 2>>();
    for (auto& hub : *hubs_) {
      hub.environment() = sandbox_->hub_environment();
      hub.environment()["HUB_JOBS_LEASE"] = "4s";
      hub.environment()["HUB_WHATSAPP_EVERY"] = "30ms"; // two of them stay below the provider's
    }
    first().start();
    second().environment()["DATABASE_URL"] = first().serving_connection();
    second().start();
  }
  static void TearDownTestSuite() {
    hubs_.reset(); // the second before its database
    sandbox_.reset();
  }
  static hub_process& first() { return (*hubs_)[0]; }
  static hub_process& second() { return (*hubs_)[1]; }

  static void command(const hub_process& hub, const std::string& what) {
    const auto done =
      hub_client{hub.port()}.post("/api/jobs/ProviderCheckJob/" + what, json::object());
    EXPECT_EQ(done.status, 200) << done.text;
  }

  /// Lets a round of jobs wait, then both hubs loose on them at the same time.
  void let_loose() {
    command(first(), "pause");
    sandbox_->misbehave({{"provider", "whatsapp"}, {"kind", "delay"}, {"ms", 400}});
    for (int i = 0; i < jobs_a_round; ++i) {
      const auto enqueued = hub_client{(*hubs_)[static_cast<std::size_t>(i % 2)].port()}.post(
        "/api/jobs",
        {{"job_class", "ProviderCheckJob"},
         {"args",
          {{"provider", "whatsapp"},
           {"recipient", std::to_string(next_recipient_++)},
           {"text", "It is fixed"}}}});
      ASSERT_EQ(enqueued.status, 202) << enqueued.text;
      jobs_.push_back(enqueued.at("id"));
    }
    for (const auto& hub : *hubs_)
      command(hub, "resume");
  }

  /// How many of this test's jobs are in a table.
  [[nodiscard]] int count(const std::string& table, const std::string& more = "true") const {
    std::string ids;
    for (const auto& job : jobs_)
      ids.append(ids.empty() ? "{" : ",").append(job);
    pqxx::connection database{first().connection_string()};
    pqxx::nontransaction tx{database};
    const auto sql =
      "SELECT count(*) FROM " + table + " WHERE id = ANY($1::uuid[]) AND (" + more + ")";
    return tx.exec_params1(sql, ids + "}")[0].as<int>();
  }

  [[nodiscard]] bool all_settled() const {
    return tests::eventually([&] { return count("jobs") == 0; }, all_settled_within);
  }

  /// Attempts that a hub began since it was started.
  static int started(const hub_process& hub) {
    const auto kinds = hub_client{hub.port()}.get("/api/jobs");
    for (const auto& kind : kinds.body)
      if (kind["job_class"] == "ProviderCheckJob")
        return kind["started"];
    return 0;
  }

  /// How often the sandbox was called for each job. Two calls that overlap are two calls.
  std::vector<int> calls_of_each() {
    const auto messages = sandbox_->messages().dump();
    std::vector<int> times;
    for (const auto& job : jobs_) {
      int found = 0;
      for (auto at = messages.find(job); at != std::string::npos; at = messages.find(job, at + 1))
        ++found;
      times.push_back(found);
    }
    return times;
  }

  std::vector<std::string> jobs_;

private:
  static inline std::unique_ptr<sandbox_process> sandbox_;
  static inline std::unique_ptr<std::array<hub_process, 2>> hubs_;
  static inline std::int64_t next_recipient_ = 34'600'205'000;
};

TEST_F(two_hubs, share_one_queue_and_each_job_is_run_by_one) {
  const std::array before{started(first()), started(second())};
  let_loose();
  ASSERT_TRUE(all_settled());
  const std::array began{started(first()) - before[0], started(second()) - before[1]};
  EXPECT_GT(began[0], 0);
  EXPECT_GT(began[1], 0) << "both take part";
  EXPECT_EQ(began[0] + began[1], jobs_a_round) << "and no job is begun twice";
  EXPECT_EQ(count("finished_jobs"), jobs_a_round);
  EXPECT_EQ(calls_of_each(), std::vector<int>(jobs_a_round, 1));
}

TEST_F(two_hubs, lose_no_job_and_send_none_twice_when_one_is_killed) {
  std::mt19937_64 random{test_seed()};
  const int kills = std::max(1, fault_rounds(2) / 2); // each costs a lease
  for (int round = 0; round < kills; ++round) {
    let_loose();
    std::this_thread::sleep_for(std::chrono::milliseconds{random() % 800}); // the moment
    auto& victim = random() % 2 == 0 ? first() : second();
    victim.kill9();
    victim.start();
  }
  ASSERT_TRUE(all_settled()) << count("jobs") << " jobs are still unfinished";
  const auto finished = count("finished_jobs");
  const auto unknown = count("dead_letter_jobs", "outcome_unknown");
  std::printf("%zu jobs: %d finished, %d for a person\n", jobs_.size(), finished, unknown);
  EXPECT_EQ(finished + unknown, static_cast<int>(jobs_.size())) << "none is lost";
  EXPECT_EQ(count("dead_letter_jobs"), unknown) << "only what cannot be known needs a person";
  const auto calls = calls_of_each();
  EXPECT_LE(std::ranges::max(calls), 1) << "one was sent twice";
  EXPECT_GE(std::ranges::count(calls, 1), finished) << "one counts as sent and was not";
}

} // namespace
} // namespace hub::testing
