#include "tests/http/routed_hub.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <mutex>

namespace hub::testing {
namespace {

using domain::errc;
using domain::fail;

class webhooks : public routed_hub {
protected:
  static delivery many(int count) {
    std::vector<whatsapp_words> said;
    for (int i = 0; i < count; ++i)
      said.push_back({.id = "wamid." + std::to_string(i)});
    return whatsapp(said);
  }
};

TEST_F(webhooks, ask_for_an_authentic_delivery_again_whatever_kept_it_out) {
  for (const auto code : {errc::malformed,
                          errc::invalid_input,
                          errc::forbidden,
                          errc::not_found,
                          errc::conflict,
                          errc::too_large,
                          errc::rate_limited,
                          errc::unavailable,
                          errc::unknown_outcome,
                          errc::timed_out}) {
    take_in = [code](const auto&) { return fail(code, "as the test wants it"); };
    const auto got = api().send(intercom({.conversation = "c1"}));
    EXPECT_EQ(got.status, 503) << to_string(code) << got.text;
    EXPECT_FALSE(got.header("retry-after").empty()) << to_string(code);
    EXPECT_EQ(got.at("error"), "the delivery is not stored yet; send it again");
    EXPECT_EQ(got.at("code"), "unavailable");
  }
  take_in = [](const auto&) {
    auto why = fail(errc::unavailable, "full");
    why.retry_after = std::chrono::seconds{17};
    return why;
  };
  EXPECT_EQ(api().send(intercom({.conversation = "c1"})).header("retry-after"), "17");
  take_in = [](const auto&) { return fail(errc::internal, "a bug"); };
  EXPECT_EQ(api().send(intercom({.conversation = "c1"})).status, 500);
}

TEST_F(webhooks, take_in_the_messages_of_one_call_in_their_order) {
  std::mutex guard;
  std::vector<std::string> arrived;
  take_in = [&](const auto& item) {
    const std::lock_guard lock{guard};
    arrived.push_back(item.delivery_id);
    return actors::taken_in{.outcome = domain::delivery_outcome::created};
  };
  const auto got = api().send(many(300));
  ASSERT_EQ(got.status, 200) << got.text;
  EXPECT_EQ(got.body.at("items").size(), 300U);
  std::vector<std::string> sent;
  for (int i = 0; i < 300; ++i)
    sent.push_back("wamid." + std::to_string(i));
  EXPECT_EQ(arrived, sent);
}

TEST_F(webhooks, send_no_more_of_a_call_that_will_come_again) {
  std::atomic<int> asked{0};
  take_in = [&](const auto&) {
    ++asked;
    return fail(errc::unavailable, "no room");
  };
  EXPECT_EQ(api().send(many(300)).status, 503);
  EXPECT_LT(asked, 100) << "no more than were on their way";
}

} // namespace
} // namespace hub::testing
