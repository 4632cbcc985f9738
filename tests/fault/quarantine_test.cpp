#include "tests/support/hub_process.hpp"
#include "tests/support/process.hpp"
#include "tests/support/webhook_driver.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <pqxx/pqxx>
#include <signal.h>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr int most_crashes = 3; // domain::rules_of(canary)

/// A hub that has to be started again and again.
class quarantine : public ::testing::Test {
protected:
  /// The job's id; empty when the hub was gone before it answered.
  std::string enqueue(const json& args) {
    const auto got =
      hub_client{hub_.port()}.try_call("POST",
                                       "/api/jobs",
                                       json{{"job_class", "CanaryJob"}, {"args", args}}.dump(),
                                       {{"Content-Type", "application/json"}});
    if (!got)
      return {};
    EXPECT_EQ(got->status, 202) << got->text;
    return got->at("id");
  }

  int count(const char* table, const std::string& job) {
    pqxx::connection database{hub_.connection_string()};
    pqxx::nontransaction tx{database};
    return tx
      .exec_params1("SELECT count(*) FROM " + std::string{table} + " WHERE id = $1::uuid", job)[0]
      .as<int>();
  }

  /// Starts the hub again each time the job ends it, as an operating system would, until the job is
  /// buried; the exit codes. Enqueues innocent jobs in between.
  std::vector<int> outlive(const std::string& job) {
    std::vector<int> ends;
    std::optional<int> ended;
    while (tests::eventually(
      [&] {
        ended = hub_.wait(0ms);
        return ended.has_value() || count("dead_letter_jobs", job) == 1;
      },
      60s)) {
      if (!ended)
        return ends;
      ends.push_back(*ended);
      hub_.launch(); // it may end again before it answers
      if (auto other = enqueue(json::object()); !other.empty())
        others_.push_back(std::move(other));
    }
    ADD_FAILURE() << "neither buried nor ended again\n" << hub_.log();
    return ends;
  }

  hub_process hub_{
    {.environment = {{"HUB_SIMULATION", "on"}, {"HUB_JOBS_LEASE", "3s"}}, .arguments = {}}};
  std::vector<std::string> others_;
};

TEST_F(quarantine, takes_a_job_that_ends_its_process_and_lets_others_go_on) {
  hub_.start();
  const auto fatal = enqueue({{"fate", "abort"}});
  ASSERT_FALSE(fatal.empty());
  const auto ends = outlive(fatal);
  EXPECT_EQ(ends, std::vector<int>(most_crashes, 128 + SIGABRT)) << hub_.log();

  hub_.await_up();
  hub_client api{hub_.port()};
  others_.push_back(enqueue(json::object()));
  for (const auto& other : others_)
    EXPECT_TRUE(tests::eventually([&] { return count("finished_jobs", other) == 1; }, 30s))
      << other;
  const auto letters = api.get("/api/dead_letter_jobs");
  ASSERT_EQ(letters.body.size(), 1U) << letters.text << ": only the one that did it";
  EXPECT_EQ(letters.body[0]["id"], fatal);
  EXPECT_EQ(letters.body[0]["error_class"], "quarantined");
  EXPECT_EQ(api.post("/api/dead_letter_jobs/" + fatal + "/retry", json::object()).status, 409)
    << "it needs a person's word";
  EXPECT_EQ(hub_.terminate(), 0) << "it lives";
}

} // namespace
} // namespace hub::testing
