#include "tests/e2e/browser.hpp"
#include "tests/oidc/oidc_process.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/process.hpp"
#include "tests/support/webhook_driver.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace hub::testing {
namespace {

using nlohmann::json;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr auto audience = "https://hub.example/api";
constexpr auto shared_secret = "a secret of the tests that has more than 32 bytes";

std::int64_t seconds_from_now(int more) {
  return std::chrono::duration_cast<std::chrono::seconds>(
           std::chrono::system_clock::now().time_since_epoch())
           .count()
         + more;
}

/// A hub, and a provider whose tokens its API takes.
template <class Suite>
class token_suite : public ::testing::Test {
public:
  static void SetUpTestSuite() {
    hub_ = std::make_unique<hub_process>();
    provider_ = std::make_unique<oidc_process>(hub_->port());
    auto& settings = hub_->environment();
    settings.merge(provider_->hub_environment());
    settings["HUB_TRUSTED_PROXIES"] = "127.0.0.1";
    settings["HUB_JWT_AUDIENCE"] = audience;
    Suite::change(settings);
    hub_->start();
  }

  static void TearDownTestSuite() {
    EXPECT_EQ(hub_->terminate(), 0) << hub_->log();
    hub_.reset();
    provider_.reset();
  }

protected:
  void TearDown() override { provider_->tell("faults"); }

  static hub_process& hub() { return *hub_; }
  static oidc_process& provider() { return *provider_; }

  static std::string unique(const std::string& prefix) {
    static int count = 0;
    return prefix + std::to_string(++count);
  }

  /// Somebody invited, who has signed in and is linked.
  std::pair<std::string, std::string> linked(const std::string& role = "agent") {
    const auto email = unique("linked") + "@example.com";
    const auto sub = unique("sub-");
    provider().tell("people", {{sub, {{"email", email}, {"email_verified", true}}}});
    const auto made = api_.post("/api/users", {{"email", email}, {"role", role}});
    EXPECT_EQ(made.status, 201) << made.text;
    browser with{unique("198.51.100.")};
    const auto base = "http://127.0.0.1:" + std::to_string(hub().port());
    const auto back = with.sign_in_at_provider(
      with.open(base + "/auth/oidc/start"), sub, base + "/auth/oidc/callback?");
    EXPECT_EQ(with.open(back).status, 303);
    return {sub, made.at("id")};
  }

  /// Each call from an address of its own: none is held up by the others' wrong tries.
  answer get(const std::string& path, const std::string& token, const std::string& from = {}) {
    static int count = 0;
    ++count;
    const auto address =
      from.empty() ? "203.0." + std::to_string(count / 250) + '.' + std::to_string(1 + count % 250)
                   : from;
    return api_.get(path, {{"Authorization", "Bearer " + token}, {"X-Forwarded-For", address}});
  }

  static json claims(const std::string& sub, const std::string& scope) {
    return {{"iss", provider().issuer()},
            {"aud", audience},
            {"sub", sub},
            {"scope", scope},
            {"iat", seconds_from_now(0)},
            {"exp", seconds_from_now(300)}};
  }

  /// As a program's own tokens say it (RFC 9068).
  static json program(const std::string& name, const std::string& scope) {
    auto says = claims(name, scope);
    says["client_id"] = name;
    return says;
  }

  static std::string jwt(const json& says, json how = json::object()) {
    how["claims"] = says;
    if (!how.contains("header"))
      how["header"] = {{"typ", "at+jwt"}};
    return provider().jwt(how);
  }

  static std::string opaque(const std::string& sub, const std::string& scope) {
    return provider().tell("opaque", {{"sub", sub}, {"scope", scope}}).at("token");
  }

  static int questions() { return provider().calls("/token/introspection"); }

  hub_client api_{hub_->port()};

private:
  static inline std::unique_ptr<hub_process> hub_;
  static inline std::unique_ptr<oidc_process> provider_;
};

class access_tokens : public token_suite<access_tokens> {
public:
  static void change(std::map<std::string, std::string>& settings) {
    settings["HUB_INTROSPECTION_CACHE"] = "2s";
    settings["HUB_TOKENS_CLIENTS"] = "on";
  }
};

// ---- signed by the provider

TEST_F(access_tokens, give_what_is_both_the_tokens_and_the_persons) {
  const auto [sub, id] = linked("agent");
  const auto token = jwt(claims(sub, "openid tickets:read operations:write pii:read nonsense"));
  const auto session = get("/api/session", token);
  ASSERT_EQ(session.status, 200) << session.text;
  EXPECT_EQ(session.at("type"), "user");
  EXPECT_EQ(session.at("id"), id);
  EXPECT_THAT(session.body.at("permissions"), ElementsAre("tickets:read"))
    << "an agent neither steers operations nor was given personal data to read";
  EXPECT_EQ(get("/api/tickets", token).status, 200);
  EXPECT_EQ(get("/api/users", token).status, 403) << "an agent may, the token may not";
  EXPECT_EQ(get("/api/sessions", token).status, 403) << "sessions are nobody's by token";
}

TEST_F(access_tokens, follow_the_person_with_the_next_call) {
  const auto [sub, id] = linked("admin");
  const auto token = jwt(claims(sub, "tickets:read audit:read"));
  EXPECT_EQ(get("/api/audit_log", token).status, 200);
  ASSERT_EQ(api_.patch("/api/users/" + id, {{"role", "viewer"}}).status, 200);
  EXPECT_EQ(get("/api/audit_log", token).status, 403);
  ASSERT_EQ(api_.patch("/api/users/" + id, {{"disabled", true}}).status, 200);
  EXPECT_EQ(get("/api/tickets", token).status, 401)
    << "who is locked out does not come back as a program either";
}

TEST_F(access_tokens, find_a_person_by_an_email_that_is_verified) {
  const auto email = unique("mailed") + "@example.com";
  const auto made = api_.post("/api/users", {{"email", email}, {"role", "viewer"}});
  auto says = claims("not-linked", "tickets:read");
  says["email"] = email;
  EXPECT_EQ(get("/api/session", jwt(says)).status, 401);
  says["email_verified"] = "true";
  EXPECT_EQ(get("/api/session", jwt(says)).status, 401);
  says["email_verified"] = true;
  EXPECT_EQ(get("/api/session", jwt(says)).at("id"), made.at("id"));
  says["email"] = unique("nobody") + "@example.com";
  EXPECT_EQ(get("/api/session", jwt(says)).status, 401) << "people are no programs";
}

TEST_F(access_tokens, let_programs_do_what_does_not_outlast_the_token) {
  const auto session = get(
    "/api/session",
    jwt(program("billing-service", "tickets:read pii:read people:write keys:write tickets:write")));
  ASSERT_EQ(session.status, 200) << session.text;
  EXPECT_EQ(session.at("type"), "client");
  EXPECT_EQ(session.at("name"), "billing-service");
  EXPECT_THAT(session.body.at("permissions"),
              UnorderedElementsAre("tickets:read", "tickets:write"));
  auto listed = program("billing-service", "");
  listed["permissions"] = {"tickets:read", 7, "root"};
  const auto again = get("/api/session", jwt(listed));
  EXPECT_THAT(again.body.at("permissions"), ElementsAre("tickets:read"));
  EXPECT_EQ(again.at("id"), session.at("id")) << "one name for the record";
  const auto job =
    api_.call("POST",
              "/api/tickets",
              json{{"title", "By a program"}}.dump(),
              {{"Authorization", "Bearer " + jwt(program("billing-service", "tickets:write"))},
               {"Content-Type", "application/json"}});
  EXPECT_EQ(job.status, 201) << job.text;
}

TEST_F(access_tokens, of_people_nobody_knows_are_no_programs) {
  auto says = claims("stranger", "tickets:read");
  EXPECT_EQ(get("/api/tickets", jwt(says)).status, 401);
  says["client_id"] = "some-app"; // that they use
  EXPECT_EQ(get("/api/tickets", jwt(says)).status, 401);
  says["azp"] = "stranger";
  EXPECT_EQ(get("/api/tickets", jwt(says)).status, 401);
}

TEST_F(access_tokens, are_written_down_as_whose_they_were) {
  const auto name = unique("operator-");
  const auto token = jwt(program(name, "operations:write operations:read"));
  const headers with{{"Authorization", "Bearer " + token}, {"Content-Type", "application/json"}};
  ASSERT_EQ(api_.call("POST", "/api/jobs/CanaryJob/pause", "{}", with).status, 200);
  ASSERT_EQ(api_.call("POST", "/api/jobs/CanaryJob/resume", "{}", with).status, 200);
  const auto records =
    api_.get("/api/audit_log?actor=" + get("/api/session", token).at("id")).body.at("records");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records.at(0).at("actor_type"), "client");
  EXPECT_EQ(records.at(0).at("actor"), name);
}

TEST_F(access_tokens, of_a_program_called_like_somebody_are_not_theirs) {
  const auto [sub, id] = linked("admin");
  auto says = claims(sub, "tickets:read audit:read");
  says["sub"] = nullptr;
  says["client_id"] = sub;
  const auto session = get("/api/session", jwt(says));
  ASSERT_EQ(session.status, 200) << session.text;
  EXPECT_EQ(session.at("type"), "client");
  EXPECT_NE(session.at("id"), id);
}

TEST_F(access_tokens, in_any_wrong_form_all_read_alike) {
  const auto fine = program("service", "tickets:read");
  const auto with = [&](const char* name, const json& value) {
    auto changed = fine;
    changed[name] = value; // null: without it
    return changed;
  };
  ASSERT_EQ(get("/api/tickets", jwt(fine)).status, 200);
  ASSERT_EQ(get("/api/tickets", jwt(fine, {{"by", "ES256"}})).status, 200);
  ASSERT_EQ(get("/api/tickets", jwt(fine, {{"header", json::object()}})).status, 200);
  const std::string good = jwt(fine);
  const std::vector<std::pair<const char*, std::string>> wrong{
    {"expired", jwt(with("exp", seconds_from_now(-120)))},
    {"without end", jwt(with("exp", nullptr))},
    {"not yet", jwt(with("nbf", seconds_from_now(600)))},
    {"of another issuer", jwt(with("iss", "https://evil.example"))},
    {"for another", jwt(with("aud", "another"))},
    {"for the client that signs people in", jwt(with("aud", "hub"))},
    {"for nobody", jwt(with("aud", nullptr))},
    {"of nobody's program", jwt(with("client_id", nullptr))},
    {"of another's program", jwt(with("client_id", "another"))},
    {"bound to a key", jwt(with("cnf", {{"jkt", "x"}}))},
    {"of another type", jwt(fine, {{"header", {{"typ", "logout+jwt"}}}})},
    {"critical", jwt(fine, {{"header", {{"kid", "RS256-1"}, {"typ", "JWT"}, {"b64", true}}}})},
    {"unsigned", jwt(fine, {{"by", "none"}})},
    {"by the client secret", jwt(fine, {{"by", "HS256"}, {"secret", "the hub: its secret"}})},
    {"by a stranger", jwt(fine, {{"by", "stranger"}})},
    {"by an unknown key", jwt(fine, {{"header", {{"kid", "unknown"}}}})},
    {"by another kind of key", jwt(fine, {{"header", {{"kid", "ES256-1"}}}})},
    {"cut", good.substr(0, good.size() - 8)},
    {"without signature", good.substr(0, good.rfind('.') + 1)},
    {"longer", good + ".e30"},
    {"huge", "ey" + std::string(9'000, 'A') + ".e30.AAAA"}};
  const auto unknown = get("/api/tickets", "no-such-token-at-all");
  EXPECT_EQ(unknown.status, 401);
  for (const auto& [name, token] : wrong) {
    const auto got = get("/api/tickets", token);
    EXPECT_EQ(got.status, 401) << name << ": " << got.text;
    EXPECT_EQ(got.text, unknown.text) << name;
    EXPECT_EQ(got.header("www-authenticate"), unknown.header("www-authenticate")) << name;
  }
}

TEST_F(access_tokens, that_are_wrong_too_often_hold_up_their_address_alone) {
  const auto fine = jwt(program("service", "tickets:read"));
  const auto wrong = jwt(program("service", "tickets:read"), {{"by", "stranger"}});
  int held_up = 0;
  for (int i = 0; i < 40; ++i)
    held_up += get("/api/tickets", wrong, "192.0.2.66").status == 429 ? 1 : 0;
  EXPECT_GT(held_up, 10);
  EXPECT_EQ(get("/api/tickets", fine, "192.0.2.66").status, 200) << "a good one needs no guess";
  EXPECT_EQ(get("/api/tickets", wrong, "192.0.2.67").status, 401);
}

TEST_F(access_tokens, leave_the_hubs_own_keys_alone) {
  EXPECT_EQ(get("/api/tickets", admin_token).status, 200);
  const auto made = api_.post("/api/api_keys", {{"name", "k"}, {"scopes", {"tickets:read"}}});
  const auto before = questions();
  EXPECT_EQ(get("/api/tickets", made.at("key")).status, 200);
  EXPECT_EQ(get("/api/tickets", "fbh_000000000000_" + std::string(43, 'x')).status, 401);
  EXPECT_EQ(questions(), before) << "nobody else sees them, right or wrong";
}

// ---- that the provider is asked about

TEST_F(access_tokens, are_asked_about_once_in_a_while) {
  const auto [sub, id] = linked();
  const auto token = opaque(sub, "tickets:read");
  const auto before = questions();
  std::mutex mutex;
  std::vector<int> got;
  in_parallel(12, [&](int thread) {
    hub_client client{hub().port()};
    const auto answered = client.get("/api/tickets",
                                     {{"Authorization", "Bearer " + token},
                                      {"X-Forwarded-For", "203.0.113." + std::to_string(thread)}});
    const std::lock_guard lock{mutex};
    got.push_back(answered.status);
  });
  EXPECT_EQ(got, std::vector<int>(12, 200));
  // On a slow machine the answer may be forgotten in between.
  EXPECT_LE(questions(), before + 4);
  EXPECT_EQ(get("/api/session", token).at("id"), id);
}

TEST_F(access_tokens, that_are_revoked_hold_no_longer_than_their_answer) {
  const auto token = opaque("", "tickets:read");
  ASSERT_EQ(get("/api/tickets", token).status, 200);
  provider().tell("revoke", {{"token", token}});
  EXPECT_TRUE(tests::eventually([&] { return get("/api/tickets", token).status == 401; },
                                std::chrono::seconds{15}));
}

TEST_F(access_tokens, are_never_good_while_nobody_can_say_so) {
  const auto token = opaque("", "tickets:read");
  provider().tell("faults", {{"/token/introspection", true}});
  const auto got = get("/api/tickets", token);
  EXPECT_EQ(got.status, 503);
  EXPECT_EQ(got.header("retry-after"), "2");
  provider().tell("faults");
  EXPECT_TRUE(tests::eventually([&] { return get("/api/tickets", token).status == 200; }));
  provider().tell("faults", {{"/token/introspection", true}});
  EXPECT_TRUE(tests::eventually([&] { return get("/api/tickets", token).status == 503; },
                                std::chrono::seconds{15}))
    << "what was good is not good for ever";
}

TEST_F(access_tokens, of_programs_are_limited_however_they_came) {
  const auto session = get("/api/session", opaque("", "tickets:read pii:read keys:write"));
  EXPECT_EQ(session.at("type"), "client") << session.text;
  EXPECT_THAT(session.body.at("permissions"), ElementsAre("tickets:read"));
}

TEST_F(access_tokens, of_a_new_key_are_taken_once_it_is_published) {
  ASSERT_EQ(get("/api/tickets", jwt(program("service", "tickets:read"))).status, 200);
  provider().tell("rotate", {{"generation", unique("generation-")}});
  const auto token = jwt(program("service", "tickets:read"));
  EXPECT_TRUE(tests::eventually([&] { return get("/api/tickets", token).status == 200; },
                                std::chrono::seconds{60}));
}

TEST_F(access_tokens, are_never_logged) {
  const auto signed_one = jwt(program("service", "tickets:read"));
  const auto asked_one = opaque("", "tickets:read");
  get("/api/tickets", signed_one);
  get("/api/tickets", asked_one);
  const auto log = hub().log();
  EXPECT_EQ(log.find(signed_one), std::string::npos);
  EXPECT_EQ(log.find(asked_one), std::string::npos);
  EXPECT_EQ(log.find("another secret"), std::string::npos);
}

// ---- signed with a secret, for people alone

class secret_tokens : public token_suite<secret_tokens> {
public:
  static void change(std::map<std::string, std::string>& settings) {
    std::erase_if(settings,
                  [](const auto& one) { return one.first.starts_with("HUB_INTROSPECTION"); });
    settings["HUB_JWT_SECRET"] = shared_secret;
    settings["HUB_KEY_CALLS_PER_SECOND"] = "1";
  }

protected:
  static std::string by_secret(const json& says, const std::string& secret = shared_secret) {
    return jwt(says, {{"by", "HS256"}, {"secret", secret}});
  }
};

TEST_F(secret_tokens, are_taken_from_those_who_know_it) {
  const auto [sub, id] = linked();
  EXPECT_EQ(get("/api/session", by_secret(claims(sub, "tickets:read"))).at("id"), id);
  EXPECT_EQ(get("/api/session",
                by_secret(claims(sub, "tickets:read"),
                          "another secret, just as "
                          "long as the right one"))
              .status,
            401);
  EXPECT_EQ(get("/api/session", jwt(claims(sub, "tickets:read"))).status, 401)
    << "the provider's keys are not what these are checked with";
}

TEST_F(secret_tokens, are_counted_by_their_person_however_many_there_are) {
  const auto ana = linked().first;
  const auto ben = linked().first;
  int through = 0;
  int made = 0;
  const auto call = [&](const std::string& sub) {
    auto says = claims(sub, "tickets:read");
    says["jti"] = std::to_string(++made);
    return get("/api/tickets", by_secret(says)).status;
  };
  while (through < 100 && call(ana) == 200)
    ++through;
  EXPECT_GE(through, 10);
  EXPECT_LT(through, 60) << "a slow machine gives time back, but not so much";
  EXPECT_EQ(call(ben), 200) << "nobody else pays for it";
}

TEST_F(secret_tokens, of_nobody_here_are_refused) {
  EXPECT_EQ(get("/api/tickets", by_secret(program("service", "tickets:read"))).status, 401);
}

TEST_F(secret_tokens, are_the_only_ones_where_nobody_can_be_asked) {
  const auto before = questions();
  EXPECT_EQ(get("/api/tickets", "some-opaque-token-of-somebody").status, 401);
  EXPECT_EQ(questions(), before);
}

} // namespace
} // namespace hub::testing
