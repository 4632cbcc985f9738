#include "tests/fault/fault_rounds.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/process.hpp"
#include "tests/support/release_driver.hpp"
#include "tests/support/sandbox_process.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <future>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

struct named_step {
  const char* name;
  std::function<void(release_driver&)> take;
};

/// The way of a ticket; the last step only waits.
const std::vector<named_step>& steps() {
  static const std::vector<named_step> all{
    {"report", [](auto& ticket) { ticket.report(); }},
    {"triage", [](auto& ticket) { ticket.await_triage(); }},
    {"accept", [](auto& ticket) { ticket.accept(); }},
    {"resolve", [](auto& ticket) { ticket.resolve(); }},
    {"draft", [](auto& ticket) { ticket.draft(); }},
    {"edit", [](auto& ticket) { ticket.edit(); }},
    {"approve", [](auto& ticket) { ticket.approve(); }},
    {"deliver",
     [](auto& ticket) {
       EXPECT_TRUE(tests::eventually(
         [&] {
           const auto one = ticket.notification();
           return !one.is_null() && one["status"] != "pending" && one["status"] != "failed";
         },
         90s));
     }},
  };
  return all;
}

class release_audit : public ::testing::Test {
protected:
  release_audit() {
    auto& environment = hub_.environment();
    environment = sandbox_.hub_environment();
    environment["HUB_AI_TRIAGE"] = "automatic";
    environment["HUB_RELEASE_UNDO_WITHIN"] = "300ms";
    environment["HUB_RELEASE_BATCH_ABOVE"] = "1000";
    environment["HUB_JOBS_LEASE"] = "3s";
    // What is sent takes its time, so that a kill can hit it.
    sandbox_.misbehave(
      {{"provider", "whatsapp"}, {"kind", "delay"}, {"ms", 60}, {"probability", 0.5}});
    hub_.start();
  }

  /// Walks a ticket to its end and kills the hub while it takes one of the steps.
  release_driver walk(std::size_t killed_at) {
    release_driver ticket{hub_.port(), std::to_string(next_reporter_++)};
    for (std::size_t at = 0; at < steps().size(); ++at) {
      if (at != killed_at) {
        steps()[at].take(ticket);
        continue;
      }
      auto taken = std::async(std::launch::async, [&] { steps()[at].take(ticket); });
      const bool sends = at + 1 == steps().size();
      std::this_thread::sleep_for(
        std::chrono::milliseconds{random_() % 25 + (sends ? 250 + random_() % 250 : 0)});
      hub_.kill9();
      hub_.start();
      taken.get();
    }
    return ticket;
  }

  sandbox_process sandbox_;
  hub_process hub_;
  std::mt19937_64 random_{test_seed()};
  std::int64_t next_reporter_ = 34'600'305'000;
};

TEST_F(release_audit, a_hub_killed_at_any_step_tells_everybody_once_or_asks_a_person) {
  int delivered = 0;
  int uncertain = 0;
  for (int round = 0; round < fault_rounds(1); ++round)
    for (std::size_t killed_at = 0; killed_at < steps().size(); ++killed_at) {
      SCOPED_TRACE(std::string{"killed while: "} + steps()[killed_at].name);
      const auto ticket = walk(killed_at);
      const auto one = ticket.notification();
      ASSERT_FALSE(one.is_null());
      const auto arrived = sandbox_.times_sent(ticket.words());
      const auto status = one["status"].get<std::string>();
      if (status == "uncertain") {
        EXPECT_LE(arrived, 1);
        ++uncertain;
      } else {
        EXPECT_EQ(arrived, 1) << one;
        EXPECT_TRUE(status == "sent" || status == "delivered") << one;
        ++delivered;
      }
      const auto all = ticket.persist("GET", "/api/notifications?ticket_id=" + ticket.ticket());
      EXPECT_EQ(all.body.size(), 1U) << "one approval, one reporter";
    }
  std::printf("%d told, %d for a person\n", delivered, uncertain);
  EXPECT_GT(delivered, 0);
  EXPECT_EQ(hub_.terminate(), 0);
  const auto audit = hub_.run({"doctor", "--recount"});
  EXPECT_EQ(audit.exit_code, 0) << audit.out << audit.err;
}

} // namespace
} // namespace hub::testing
