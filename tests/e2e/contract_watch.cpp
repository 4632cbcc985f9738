#include "tests/support/openapi_check.hpp"
#include "tests/support/secret_canary.hpp"
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
        look_for_secrets(method + ' ' + path, got);
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
  /// What an answer gives out, once and to whom it belongs, is a secret from then on.
  static void look_for_secrets(const std::string& what, const answer& got) {
    secret_canary::look_at_answer(what, got.text);
    for (const auto& [name, value] : got.head)
      secret_canary::look_at_answer(what, value);
    for (const auto* member : {"key", "csrf_token"})
      secret_canary::plant_in_answers(got.at(member));
    const auto link = got.at("sign_in_link");
    secret_canary::plant_in_answers(link.substr(link.find('#') + 1));
    const auto cookie = got.header("set-cookie");
    const auto begin = cookie.find('=') + 1;
    secret_canary::plant_in_answers(cookie.substr(begin, cookie.find(';') - begin));
  }

  std::mutex guard_;
  int seen_ = 0;
};

const auto* const watching = ::testing::AddGlobalTestEnvironment(new contract_watch);

} // namespace
} // namespace hub::testing
