#include "tests/fault/fault_rounds.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sandbox_process.hpp"

#include <gtest/gtest.h>
#include <pqxx/pqxx>

#include <cstdio>
#include <random>
#include <thread>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr int jobs_a_round = 12;
// A claim that died with its node is free after its lease; a look every few seconds finds it. Half
// of the jobs write to one place in Slack, one a second.
std::chrono::seconds all_settled_within(std::size_t jobs) {
  return 90s + std::chrono::seconds{jobs};
}

/// How the jobs of all rounds stand in the database.
struct standing {
  int unfinished = 0;
  int finished = 0;
  int dead = 0;
  int dead_and_unknown = 0;
};

standing look(const hub_process& hub) {
  pqxx::connection database{hub.connection_string()};
  pqxx::nontransaction tx{database};
  const auto row =
    tx.exec1("SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM finished_jobs), "
             "(SELECT count(*) FROM dead_letter_jobs), "
             "(SELECT count(*) FROM dead_letter_jobs WHERE outcome_unknown)");
  return {row[0].as<int>(), row[1].as<int>(), row[2].as<int>(), row[3].as<int>()};
}

bool is_finished(const hub_process& hub, const std::string& job) {
  pqxx::connection database{hub.connection_string()};
  pqxx::nontransaction tx{database};
  return tx.exec_params1("SELECT count(*) FROM finished_jobs WHERE id = $1::uuid", job)[0].as<int>()
         == 1;
}

/// Half of the jobs answer in a Slack thread, which can be asked afterwards, half write on
/// WhatsApp, which cannot.
std::string enqueue(std::uint16_t port, int number, const std::string& thread) {
  json args{{"text", "It is fixed"}};
  if (number % 2 == 0)
    args.update({{"provider", "slack"}, {"recipient", "CTHREAD"}, {"thread", thread}});
  else
    args.update({{"provider", "whatsapp"}, {"recipient", std::to_string(34'600'105'000 + number)}});
  const auto answer =
    hub_client{port}.post("/api/jobs", {{"job_class", "ProviderCheckJob"}, {"args", args}});
  EXPECT_EQ(answer.status, 202) << answer.text;
  return answer.at("id");
}

TEST(jobs_audit, a_hub_killed_while_it_sends_loses_no_message_and_sends_none_twice) {
  std::mt19937_64 random{test_seed()};
  sandbox_process sandbox;
  const auto thread = sandbox.open_thread("CTHREAD");
  hub_process hub{{.environment = sandbox.hub_environment(), .arguments = {}}};
  hub.environment()["HUB_SLACK_RECIPIENT_EVERY"] = "1s";
  std::vector<std::string> jobs;
  for (int round = 0; round < fault_rounds(2); ++round) {
    hub.start();
    // Half of the answers take their time, so that some sends are under way whenever it dies.
    sandbox.misbehave(
      {{"provider", "whatsapp"}, {"kind", "delay"}, {"ms", 150}, {"probability", 0.5}});
    sandbox.misbehave(
      {{"provider", "slack"}, {"kind", "delay"}, {"ms", 150}, {"probability", 0.5}});
    for (int i = 0; i < jobs_a_round; ++i)
      jobs.push_back(enqueue(hub.port(), static_cast<int>(jobs.size()), thread));
    std::this_thread::sleep_for(std::chrono::milliseconds{random() % 500}); // the moment it dies
    hub.kill9();
    sandbox.behave();
  }
  hub.start();
  ASSERT_TRUE(
    tests::eventually([&] { return look(hub).unfinished == 0; }, all_settled_within(jobs.size())))
    << look(hub).unfinished << " jobs are still unfinished";
  const auto end = look(hub);
  std::printf("%zu jobs: %d finished, %d for a person\n", jobs.size(), end.finished, end.dead);
  EXPECT_EQ(end.finished + end.dead, static_cast<int>(jobs.size())) << "none is lost";
  EXPECT_EQ(end.dead, end.dead_and_unknown)
    << "only what cannot be known needs a person\n"
    << hub_client{hub.port()}.get("/api/dead_letter_jobs?per_page=100").text;
  for (const auto& job : jobs) {
    const auto times = sandbox.times_sent(job);
    EXPECT_LE(times, 1) << job << " was sent twice";
    if (is_finished(hub, job)) {
      EXPECT_EQ(times, 1) << job << " counts as sent and was not";
    }
  }
  EXPECT_EQ(hub.terminate(), 0);
}

} // namespace
} // namespace hub::testing
