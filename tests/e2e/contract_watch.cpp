#include "tests/support/openapi_check.hpp"
#include "tests/support/webhook_driver.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <mutex>
#include <string>

namespace hub::testing {
namespace {

/// Holds whatever the hub answers in these tests to the contract it publishes.
class contract_watch : public ::testing::Environment {
public:
  void SetUp() override {
    hub_client::show_answers_to(
      [this](const std::string& method, const std::string& path, const answer& got) {
        const std::lock_guard lock{guard_}; // the check is not made for threads
        ++seen_;
        if (const auto fault =
              openapi_fault(method, path, got.status, got.header("content-type"), got.text))
          ADD_FAILURE() << method << ' ' << path << " answered " << got.status
                        << " against the contract: " << *fault << '\n'
                        << got.text.substr(0, 1000);
      });
  }

  void TearDown() override {
    hub_client::show_answers_to({});
    std::printf("%d answers held to openapi.json\n", seen_);
  }

private:
  std::mutex guard_;
  int seen_ = 0;
};

const auto* const watching = ::testing::AddGlobalTestEnvironment(new contract_watch);

} // namespace
} // namespace hub::testing
