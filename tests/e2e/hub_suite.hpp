#pragma once

#include "tests/support/hub_process.hpp"
#include "tests/support/webhook_driver.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

namespace hub::testing {

/// A suite whose tests share one running hub. When they are done it must stop cleanly, and what it
/// counted must agree with what it stored: every suite ends with that audit.
template <class Suite>
class hub_suite : public ::testing::Test {
public:
  static void SetUpTestSuite() {
    hub_ = std::make_unique<hub_process>(Suite::options());
    hub_->start();
  }

  static void TearDownTestSuite() {
    if (!hub_->running())
      ADD_FAILURE() << "the hub died:\n" << hub_->log();
    else
      hub_client{hub_->port()}.get("/metrics"); // seen by those who watch answers
    hub_->run({"config"});
    EXPECT_EQ(hub_->terminate(), 0) << hub_->log();
    const auto audit = hub_->run({"doctor", "--recount"});
    EXPECT_EQ(audit.exit_code, 0) << audit.out << audit.err;
    hub_.reset();
  }

  static hub_options options() { return hub_options{}; }

protected:
  static hub_process& hub() { return *hub_; }

  /// A name no other test of this process uses; also a sound Slack timestamp's fraction.
  static std::string unique(const std::string& prefix) {
    static std::atomic<int> counter{100'000};
    return prefix + std::to_string(counter.fetch_add(1));
  }

  /// A Slack timestamp of its own, now.
  static std::string fresh_ts() { return std::to_string(unix_now()) + unique("."); }

  void TearDown() override {
    if (!HasFailure())
      return;
    const auto log = hub_->log();
    const auto length = std::min<std::size_t>(log.size(), 4000);
    std::fprintf(stderr, "-- the hub said:\n%s\n", log.substr(log.size() - length).c_str());
  }

private:
  static inline std::unique_ptr<hub_process> hub_;
};

} // namespace hub::testing
