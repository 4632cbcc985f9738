#include "http/sandbox/ledger.hpp"

#include "http/sandbox/page.hpp"
#include "http/sandbox/world.hpp"
#include "tests/http/sandbox/requests.hpp"

#include <gmock/gmock.h>

namespace hub::tests {
namespace {

using sandbox::provider;
using testing::HasSubstr;
using testing::Not;

TEST(sandbox_ledger, forgets_the_oldest_when_there_are_too_many) {
  sandbox::ledger kept;
  for (std::size_t i = 0; i < sandbox::ledger::most_records + 5; ++i)
    kept.add_call(provider::slack, noon, {{"operation", "x"}});
  EXPECT_EQ(kept.all_calls().size(), sandbox::ledger::most_records);
  EXPECT_EQ(kept.all_calls().front().number, 6U);
}

TEST(sandbox_ledger, forgets_the_oldest_when_they_are_too_large) {
  sandbox::ledger kept;
  const std::string large(1024UL * 1024, 'x');
  for (int i = 0; i < 40; ++i)
    kept.add_message(provider::smtp, noon, {"id", "to", large}, 0);
  EXPECT_LT(kept.all_messages().size(), 33U);
  EXPECT_GT(kept.all_messages().size(), 28U);
}

TEST(sandbox_ledger, selects_by_provider_number_and_time) {
  sandbox::ledger kept;
  kept.add_call(provider::slack, noon, json::object());
  const auto second = kept.add_call(provider::notion, noon + 1s, json::object());
  kept.add_call(provider::slack, noon + 2s, json::object());
  EXPECT_EQ(kept.calls({}).size(), 3U);
  EXPECT_EQ(kept.calls({.of = provider::slack}).size(), 2U);
  EXPECT_EQ(kept.calls({.after_number = second}).size(), 1U);
  EXPECT_EQ(kept.calls({.from = noon + 1s}).size(), 2U);
}

class sandbox_world : public testing::Test {
protected:
  void post(const std::string& text) {
    const json body{{"channel", "C024BE91L"}, {"text", text}};
    world_.call(provider::slack,
                make_request("POST",
                             "/slack/api/chat.postMessage",
                             {{"authorization", "Bearer t"}, {"content-type", "application/json"}},
                             body.dump()),
                noon);
  }
  json state(const std::string& query = {}) {
    const auto got = world_.state(make_request("GET", "/sandbox/state" + query, {}), noon);
    return got.status == 200 ? json::parse(got.body) : json(got.status);
  }

  sandbox::world world_;
};

TEST_F(sandbox_world, shows_what_was_sent_without_the_token) {
  post("It is fixed.");
  post("");
  const auto all = state();
  ASSERT_EQ(all["messages"].size(), 1U);
  EXPECT_EQ(all["messages"][0]["text"], "It is fixed.");
  EXPECT_EQ(all["messages"][0]["recipient"], "C024BE91L");
  ASSERT_EQ(all["calls"].size(), 2U);
  EXPECT_EQ(all["calls"][0]["operation"], "chat.postMessage");
  EXPECT_EQ(all["messages"][0]["call"], all["calls"][0]["number"]);
  EXPECT_EQ(all["calls"][1]["answer"]["error"], "no_text");
  EXPECT_EQ(all["counters"]["slack"]["chat.postMessage"]["calls"], 2);
  EXPECT_EQ(all["counters"]["slack"]["chat.postMessage"]["delivered"], 1);
  EXPECT_EQ(all["counters"]["slack"]["chat.postMessage"]["refused"], 1);
  EXPECT_THAT(all.dump(), Not(HasSubstr("Bearer")));
  EXPECT_TRUE(state("?provider=notion")["messages"].empty());
  EXPECT_TRUE(state("?since=2026-03-01T10:00:00Z")["messages"].empty());
  EXPECT_EQ(state("?provider=myspace"), 422);
  EXPECT_EQ(state("?since=tuesday"), 422);
}

TEST_F(sandbox_world, forgets_when_told_to) {
  post("x");
  world_.forget();
  EXPECT_TRUE(state()["messages"].empty());
  EXPECT_TRUE(state()["counters"].empty());
}

TEST_F(sandbox_world, shows_people_text_not_markup) {
  post("<script>alert('pwned')</script> & \"quotes\"");
  const auto page = world_.page(noon);
  EXPECT_THAT(page.body, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page.body, HasSubstr("&lt;script&gt;alert(&#39;pwned&#39;)"));
  std::string policy;
  for (const auto& [name, value] : page.headers)
    if (name == "Content-Security-Policy")
      policy = value;
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
}

TEST_F(sandbox_world, shows_the_newest_message_first) {
  post("the older one");
  post("the newer one");
  const auto page = world_.page(noon).body;
  EXPECT_LT(page.find("the newer one"), page.find("the older one"));
}

TEST_F(sandbox_world, takes_control_in_json_alone) {
  const auto as = [&](const header_list& headers, const std::string& body) {
    return world_.set_fault(make_request("POST", "/sandbox/faults", headers, body)).status;
  };
  const std::string good = R"({"provider":"slack","kind":"reset"})";
  EXPECT_EQ(as({{"content-type", "text/plain"}}, good), 415);
  EXPECT_EQ(as({{"content-type", "application/json"}}, "{"), 400);
  EXPECT_EQ(as({{"content-type", "application/json"}}, good), 201);
  EXPECT_EQ(world_.clear_fault("1").status, 200);
  EXPECT_EQ(world_.clear_fault("1").status, 404);
  EXPECT_EQ(world_.clear_fault("x").status, 404);
}

TEST(sandbox_page, escapes_everything_that_means_something_in_html) {
  EXPECT_EQ(sandbox::escape_html("<a href=\"x\" b='y'>&"),
            "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;");
}

} // namespace
} // namespace hub::tests
