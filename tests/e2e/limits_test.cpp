#include "tests/e2e/hub_suite.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <string>
#include <thread>

namespace hub::testing {
namespace {

using nlohmann::json;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// One call a second for each key, ten at once; nothing else bounds.
class limits : public hub_suite<limits> {
public:
  static hub_options options() {
    hub_options chosen;
    chosen.environment["HUB_KEY_CALLS_PER_SECOND"] = "1";
    chosen.environment["HUB_KEY_BODY_BYTES_PER_SECOND"] = "1KiB";
    return chosen;
  }

protected:
  static headers bearer(const std::string& key) { return {{"Authorization", "Bearer " + key}}; }

  /// By the command line, whose calls are nobody's key.
  std::string fresh_key(const std::string& name = "key") {
    const auto made = hub().run({"keys",
                                 "create",
                                 "--name",
                                 unique(name),
                                 "--scope",
                                 "tickets:read",
                                 "--scope",
                                 "tickets:write",
                                 "--scope",
                                 "audit:read",
                                 "--scope",
                                 "operations:read"});
    EXPECT_EQ(made.exit_code, 0) << made.err;
    return made.out.substr(0, made.out.find('\n'));
  }

  hub_client api_{hub().port()};
};

TEST_F(limits, tell_a_key_that_calls_too_often_when_to_come_back) {
  const auto key = bearer(fresh_key());
  int through = 0;
  answer last;
  while (through < 100 && (last = api_.get("/api/tickets", key)).status == 200)
    ++through;
  EXPECT_GE(through, 11);
  EXPECT_LT(through, 60) << "a slow machine gives time back, but not so much";
  ASSERT_EQ(last.status, 429);
  EXPECT_EQ(last.at("code"), "rate_limited");
  EXPECT_THAT(last.at("error"), HasSubstr("1 a second"));
  const auto wait = std::stoi(last.header("retry-after"));
  EXPECT_GE(wait, 1);

  const auto other = bearer(fresh_key());
  EXPECT_EQ(api_.get("/api/tickets", other).status, 200) << "nobody else pays for it";
  const auto metrics = api_.get("/metrics", other).text;
  EXPECT_THAT(metrics, HasSubstr("hub_http_limited_total{by=\"key\"}"));

  std::this_thread::sleep_for(std::chrono::seconds{wait + 1});
  EXPECT_EQ(api_.get("/api/tickets", key).status, 200) << "after the time it was told";
}

TEST_F(limits, count_what_bodies_weigh) {
  const auto key = bearer(fresh_key());
  const json large{{"title", "a"}, {"description", std::string(9'000, 'x')}};
  EXPECT_EQ(api_.post("/api/tickets", large, key).status, 201);
  EXPECT_EQ(api_.post("/api/tickets", large, key).status, 201);
  const auto refused = api_.post("/api/tickets", large, key);
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.at("error"), HasSubstr("bytes a second"));
  EXPECT_EQ(api_.get("/api/tickets", key).status, 200);
}

TEST_F(limits, hold_no_webhook_back) {
  for (int i = 0; i < 30; ++i) {
    const auto sent = slack({.event_id = unique("Ev"), .ts = fresh_ts()});
    EXPECT_EQ(api_.send(sent).status, 200);
  }
}

// ---- what every answer says

TEST_F(limits, let_every_answer_say_that_it_is_no_page) {
  const auto key = bearer(fresh_key());
  for (const auto* path : {"/api/tickets", "/up", "/nowhere", "/openapi.json", "/sign-in"}) {
    SCOPED_TRACE(path);
    const auto got = api_.get(path, key);
    EXPECT_EQ(got.header("x-content-type-options"), "nosniff");
    EXPECT_EQ(got.header("referrer-policy"), "no-referrer");
    EXPECT_EQ(got.header("x-frame-options"), "DENY");
    EXPECT_THAT(got.header("content-security-policy"), HasSubstr("default-src 'none'"));
    EXPECT_THAT(got.header("content-security-policy"), HasSubstr("frame-ancestors 'none'"));
    EXPECT_THAT(got.header("cache-control"), AnyOf("no-store", "no-cache"));
    EXPECT_EQ(got.header("strict-transport-security"), "");
  }
  auto proxied = key;
  proxied.emplace_back("X-Forwarded-Proto", "https");
  EXPECT_THAT(api_.get("/api/tickets", proxied).header("strict-transport-security"),
              StartsWith("max-age=31536000"));
}

// ---- the record as a file

TEST_F(limits, do_not_keep_anybody_from_the_whole_record_as_a_file) {
  const auto key = bearer(fresh_key("=1+1 "));
  ASSERT_EQ(api_.post("/api/tickets", {{"title", "=2+2"}, {"description", "a"}}, key).status, 201);
  const auto file = api_.get("/api/audit_log/export", key);
  ASSERT_EQ(file.status, 200) << file.text;
  EXPECT_THAT(file.header("content-type"), StartsWith("text/csv"));
  EXPECT_THAT(file.header("content-disposition"), StartsWith("attachment; filename=\"audit-"));
  EXPECT_THAT(file.text, StartsWith("\"id\",\"created_at\",\"actor_type\""));
  EXPECT_THAT(file.text, HasSubstr("\"api_key_created\""));
  EXPECT_THAT(file.text, HasSubstr(",\"'=1+1 "));
  EXPECT_THAT(file.text, Not(HasSubstr(",\"=")));
  const auto only = api_.get("/api/audit_log/export?action=nothing_like_it", key);
  EXPECT_EQ(only.status, 200);
  EXPECT_EQ(std::count(only.text.begin(), only.text.end(), '\n'), 1) << "the names alone";
}

} // namespace
} // namespace hub::testing
