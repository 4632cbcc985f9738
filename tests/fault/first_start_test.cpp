#include "tests/support/hub_process.hpp"
#include "tests/support/webhook_driver.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <random>
#include <thread>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;

TEST(first_start, succeeds_after_it_was_killed_at_any_moment) {
  std::mt19937_64 random{test_seed() + 2};
  for (int hub_number = 0; hub_number < 3; ++hub_number) {
    hub_process hub;
    // Making a cluster, starting it and migrating it take a second or two; each kill falls into
    // some part of that, and the next start has to make the best of what it finds.
    for (int kills = 0; kills < 4; ++kills) {
      const auto after = std::chrono::milliseconds{random() % 1800};
      std::printf("hub %d, killed after %lld ms%s\n",
                  hub_number + 1,
                  static_cast<long long>(after.count()),
                  kills % 2 == 1 ? ", with its PostgreSQL" : "");
      hub.launch();
      std::this_thread::sleep_for(after);
      hub.kill9();
      if (kills % 2 == 1)
        hub.kill9_postgres();
    }
    hub.start();
    hub_client to{hub.port()};
    EXPECT_EQ(to.send(slack({.event_id = "Ev1", .ts = std::to_string(unix_now()) + ".1"})).status,
              200);
    EXPECT_EQ(hub.terminate(), 0) << hub.log();
    const auto audit = hub.run({"doctor", "--recount"});
    EXPECT_EQ(audit.exit_code, 0) << audit.out << audit.err;
  }
}

} // namespace
} // namespace hub::testing
