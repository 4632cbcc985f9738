#include "tests/e2e/browser.hpp"
#include "tests/oidc/oidc_process.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/webhook_driver.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <pqxx/pqxx>

#include <memory>
#include <string>
#include <vector>

namespace hub::testing {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class oidc_sign_in : public ::testing::Test {
public:
  static void SetUpTestSuite() {
    hub_ = std::make_unique<hub_process>();
    provider_ = std::make_unique<oidc_process>(hub_->port());
    auto& settings = hub_->environment();
    settings.merge(provider_->hub_environment());
    settings["HUB_OIDC_PROVISION_DOMAINS"] = "Provisioned.example";
    settings["HUB_OIDC_PROVISION_ROLE"] = "agent";
    settings["HUB_TRUSTED_PROXIES"] = "127.0.0.1";
    hub_->start();
  }

  static void TearDownTestSuite() {
    EXPECT_EQ(hub_->terminate(), 0) << hub_->log();
    const auto audit = hub_->run({"doctor", "--recount"});
    EXPECT_EQ(audit.exit_code, 0) << audit.out << audit.err;
    hub_.reset();
    provider_.reset();
  }

protected:
  void TearDown() override {
    provider_->tell("tamper");
    provider_->tell("faults");
  }

  static hub_process& hub() { return *hub_; }
  static oidc_process& provider() { return *provider_; }
  static std::string hub_url(const std::string& path) {
    return "http://127.0.0.1:" + std::to_string(hub_->port()) + path;
  }
  static std::string callback() { return hub_url("/auth/oidc/callback?"); }

  /// Each from an address of its own: none is held up by the others' wrong tries.
  static browser fresh_browser() {
    static int count = 0;
    ++count;
    return browser{"198.51." + std::to_string(100 + count / 250) + '.'
                   + std::to_string(1 + count % 250)};
  }

  static std::string unique(const std::string& prefix) {
    static int count = 0;
    return prefix + std::to_string(++count);
  }

  /// Somebody the provider knows.
  static std::string at_provider(const json& claims, const std::string& sub = unique("sub-")) {
    provider().tell("people", {{sub, claims}});
    return sub;
  }

  std::string invite(const std::string& email, const std::string& role = "agent") {
    const auto made = api_.post("/api/users", {{"email", email}, {"role", role}});
    EXPECT_EQ(made.status, 201) << made.text;
    return made.at("id");
  }

  /// Somebody invited and known to the provider, with an email it vouches for.
  struct somebody {
    std::string sub;
    std::string email;
    std::string id;
  };
  somebody invited() {
    somebody who;
    who.email = unique("person") + "@example.com";
    who.sub = at_provider({{"email", who.email}, {"email_verified", true}, {"name", "Ana"}});
    who.id = invite(who.email);
    return who;
  }

  /// Up to where the provider sends the browser back with a code.
  static std::string return_of(browser& with, const std::string& sub) {
    return with.sign_in_at_provider(with.open(hub_url("/auth/oidc/start")), sub, callback());
  }

  static page sign_in(browser& with, const std::string& sub) {
    const auto back = return_of(with, sub);
    EXPECT_THAT(back, StartsWith(callback()));
    return with.open(back);
  }

  answer session_of(const browser& with) {
    return api_.get("/api/session", {{"Cookie", "hub_session=" + with.cookie("hub_session")}});
  }

  static bool is_in(const browser& with) { return !with.cookie("hub_session").empty(); }

  std::vector<std::string> actions_about(const std::string& action) {
    std::vector<std::string> found;
    const auto records = api_.get("/api/audit_log?limit=100").body.at("records");
    for (const auto& line : records)
      if (line.at("action") == action)
        found.push_back(line.dump());
    return found;
  }

  static void in_database(const std::string& sql) {
    pqxx::connection connection{hub().connection_string()};
    pqxx::work work{connection};
    work.exec(sql);
    work.commit();
  }

  hub_client api_{hub_->port()};

private:
  static inline std::unique_ptr<hub_process> hub_;
  static inline std::unique_ptr<oidc_process> provider_;
};

TEST_F(oidc_sign_in, lets_in_who_was_invited_and_links_them) {
  const auto who = invited();
  auto with = fresh_browser();
  const auto shown = sign_in(with, who.sub);
  EXPECT_EQ(shown.status, 303) << shown.body;
  EXPECT_EQ(shown.location, hub_url("/"));
  EXPECT_EQ(with.cookie("hub_oidc"), "") << "the attempt's cookie has done its work";
  const auto session = session_of(with);
  EXPECT_EQ(session.at("id"), who.id);
  EXPECT_EQ(session.at("email"), who.email);
  std::vector<std::string> actions;
  const auto records = api_.get("/api/audit_log?actor=" + who.id).body.at("records");
  for (const auto& line : records)
    actions.push_back(line.at("action"));
  EXPECT_THAT(actions, ElementsAre("signed_in_by_provider", "identity_linked"));
}

TEST_F(oidc_sign_in, knows_them_by_their_identity_from_then_on) {
  const auto who = invited();
  auto first = fresh_browser();
  sign_in(first, who.sub);
  at_provider({{"email", "renamed@example.org"}, {"email_verified", false}}, who.sub);
  auto second = fresh_browser();
  EXPECT_EQ(sign_in(second, who.sub).status, 303);
  EXPECT_EQ(session_of(second).at("id"), who.id);
}

TEST_F(oidc_sign_in, goes_on_to_where_the_person_was_but_never_elsewhere) {
  const auto who = invited();
  auto with = fresh_browser();
  const auto back = with.sign_in_at_provider(
    with.open(hub_url("/auth/oidc/start?return_to=%2Fapi%2Ftickets%3Fstatus%3Dopen")),
    who.sub,
    callback());
  EXPECT_EQ(with.open(back).location, hub_url("/api/tickets?status=open"));
  for (const auto* elsewhere : {"https%3A%2F%2Fevil.example",
                                "%2F%2Fevil.example",
                                "%2F%5Cevil.example",
                                "%2F%09%2Fevil.example",
                                "javascript%3Aalert(1)",
                                ""}) {
    const auto shown = with.open(hub_url("/auth/oidc/start?return_to=") + elsewhere);
    EXPECT_EQ(shown.status, 400) << elsewhere;
    EXPECT_THAT(shown.body, Not(HasSubstr("evil")));
  }
}

TEST_F(oidc_sign_in, works_once_for_each_code_and_state) {
  const auto who = invited();
  auto with = fresh_browser();
  const auto back = return_of(with, who.sub);
  const auto cookie = with.cookie("hub_oidc");
  ASSERT_EQ(with.open(back).status, 303);
  with.set_cookie("hub_oidc", cookie);
  EXPECT_EQ(with.open(back).status, 400);
}

TEST_F(oidc_sign_in, cannot_be_finished_in_another_browser) {
  const auto who = invited();
  auto mine = fresh_browser();
  const auto back = return_of(mine, who.sub);
  auto theirs = fresh_browser();
  EXPECT_EQ(theirs.open(back).status, 400);
  theirs.open(hub_url("/auth/oidc/start")); // has a sign-in of its own under way
  EXPECT_EQ(theirs.open(back).status, 400);
  EXPECT_FALSE(is_in(theirs));
  EXPECT_EQ(mine.open(back).status, 303) << "nobody else's try uses it up";
}

TEST_F(oidc_sign_in, takes_no_code_of_another_sign_in) {
  const auto who = invited();
  auto attacker = fresh_browser();
  const auto stolen = return_of(attacker, who.sub);
  auto victim = fresh_browser();
  const auto own = return_of(victim, invited().sub);
  const auto parameter = [](const std::string& url, const std::string& name) {
    const auto begin = url.find(name + '=') + name.size() + 1;
    return url.substr(begin, url.find('&', begin) - begin);
  };
  auto mixed = own;
  mixed.replace(
    mixed.find(parameter(own, "code")), parameter(own, "code").size(), parameter(stolen, "code"));
  EXPECT_EQ(victim.open(mixed).status, 403) << "the code verifier is another";
  EXPECT_FALSE(is_in(victim));
}

TEST_F(oidc_sign_in, ends_after_ten_minutes) {
  const auto who = invited();
  auto with = fresh_browser();
  const auto back = return_of(with, who.sub);
  in_database("UPDATE oidc_attempts SET expires_at = now() - interval '1 second'");
  EXPECT_EQ(with.open(back).status, 400);
  EXPECT_FALSE(is_in(with));
}

TEST_F(oidc_sign_in, believes_no_id_token_that_is_not_right_in_every_way) {
  const auto who = invited();
  const std::vector<json> lies{{{"claims", {{"nonce", "another"}}}},
                               {{"claims", {{"nonce", nullptr}}}},
                               {{"claims", {{"iss", "https://evil.example"}}}},
                               {{"claims", {{"aud", "another"}}}},
                               {{"claims", {{"aud", {"hub", "another"}}}}},
                               {{"claims", {{"azp", "another"}}}},
                               {{"claims", {{"exp", 1'000'000'000}}}},
                               {{"claims", {{"exp", nullptr}}}},
                               {{"claims", {{"iat", 4'000'000'000}}}},
                               {{"claims", {{"sub", ""}}}},
                               {{"claims", {{"at_hash", "AAAAAAAAAAAAAAAAAAAAAA"}}}},
                               {{"by", "none"}, {"claims", json::object()}},
                               {{"by", "HS256"},
                                {"secret", "the hub: its secret of the provider"},
                                {"claims", json::object()}},
                               {{"by", "stranger"}, {"claims", json::object()}},
                               {{"header", {{"kid", "unknown"}}}, {"claims", json::object()}}};
  for (const auto& lie : lies) {
    provider().tell("tamper", lie);
    auto with = fresh_browser();
    const auto shown = sign_in(with, who.sub);
    EXPECT_EQ(shown.status, 403) << lie << shown.body;
    EXPECT_FALSE(is_in(with)) << lie;
  }
  provider().tell("tamper", {{"by", "ES256"}, {"claims", json::object()}});
  auto with = fresh_browser();
  EXPECT_EQ(sign_in(with, who.sub).status, 303) << "else the lies were refused for another reason";
}

TEST_F(oidc_sign_in, believes_no_email_that_the_provider_does_not_vouch_for) {
  const auto email = unique("unverified") + "@example.com";
  invite(email);
  for (const json& verified : {json(false), json(nullptr), json("true"), json(1)}) {
    const auto sub = at_provider({{"email", email}, {"email_verified", verified}});
    auto with = fresh_browser();
    const auto shown = sign_in(with, sub);
    EXPECT_EQ(shown.status, 403) << verified;
    EXPECT_THAT(shown.body, HasSubstr("vouch"));
    EXPECT_FALSE(is_in(with));
  }
}

TEST_F(oidc_sign_in, refuses_strangers_and_writes_that_down) {
  const auto email = unique("stranger") + "@example.com";
  auto with = fresh_browser();
  const auto shown =
    sign_in(with, at_provider({{"email", email}, {"email_verified", true}, {"name", "<script>"}}));
  EXPECT_EQ(shown.status, 403);
  EXPECT_THAT(shown.body, HasSubstr("invited"));
  EXPECT_THAT(shown.body, Not(HasSubstr("script")));
  EXPECT_FALSE(is_in(with));
  const auto refusals = actions_about("sign_in_refused");
  ASSERT_FALSE(refusals.empty());
  EXPECT_THAT(refusals.front(), HasSubstr(email));
  EXPECT_THAT(refusals.front(), HasSubstr("not_invited"));
}

TEST_F(oidc_sign_in, makes_people_of_the_allowed_domains_what_the_settings_say) {
  const auto email = unique("new") + "@provisioned.example";
  auto with = fresh_browser();
  EXPECT_EQ(
    sign_in(with, at_provider({{"email", email}, {"email_verified", true}, {"name", "New"}}))
      .status,
    303);
  const auto session = session_of(with);
  EXPECT_EQ(session.at("email"), email);
  EXPECT_EQ(session.at("role"), "agent");
  EXPECT_EQ(session.at("name"), "New");
  for (const auto* odd :
       {"x@sub.provisioned.example", "x@provisioned.example.evil", "x@evilprovisioned.example"}) {
    auto other = fresh_browser();
    EXPECT_EQ(sign_in(other, at_provider({{"email", odd}, {"email_verified", true}})).status, 403);
  }
}

TEST_F(oidc_sign_in, is_closed_for_who_is_locked_out) {
  const auto who = invited();
  auto with = fresh_browser();
  ASSERT_EQ(sign_in(with, who.sub).status, 303);
  ASSERT_EQ(api_.patch("/api/users/" + who.id, {{"disabled", true}}).status, 200);
  EXPECT_EQ(session_of(with).status, 401);
  auto again = fresh_browser();
  const auto shown = sign_in(again, who.sub);
  EXPECT_EQ(shown.status, 403);
  EXPECT_FALSE(is_in(again));
}

TEST_F(oidc_sign_in, takes_another_account_with_the_same_email_for_another_person) {
  const auto who = invited();
  auto with = fresh_browser();
  ASSERT_EQ(sign_in(with, who.sub).status, 303);
  const auto successor = at_provider({{"email", who.email}, {"email_verified", true}});
  auto other = fresh_browser();
  EXPECT_EQ(sign_in(other, successor).status, 403);
  EXPECT_FALSE(is_in(other));
  EXPECT_EQ(api_.call("DELETE", "/api/users/" + who.id + "/identities", "", {}).status, 200);
  EXPECT_EQ(sign_in(other, successor).status, 303) << "an administrator has said that it is them";
  EXPECT_EQ(session_of(other).at("id"), who.id);
}

TEST_F(oidc_sign_in, asks_who_is_known_in_several_workspaces_which_they_mean) {
  const auto who = invited();
  const auto made =
    hub().run({"workspaces", "create", "--name", "Zebra Works", "--owner", who.email});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  auto with = fresh_browser();
  const auto shown = sign_in(with, who.sub);
  EXPECT_EQ(shown.status, 409);
  EXPECT_THAT(shown.body, HasSubstr("href=\"/sign-in?which\""));
  EXPECT_FALSE(is_in(with));
  const auto into = [&](const std::string& workspace) {
    const auto start = with.open(hub_url("/auth/oidc/start?workspace=") + workspace);
    const auto back = with.sign_in_at_provider(start, who.sub, callback());
    EXPECT_EQ(with.open(back).status, 303) << workspace;
    return session_of(with);
  };
  const auto there = into("zebra%20works");
  EXPECT_EQ(there.at("role"), "owner");
  EXPECT_NE(there.at("id"), who.id);
  const auto here = into("default");
  EXPECT_EQ(here.at("id"), who.id);
  EXPECT_NE(here.at("workspace_id"), there.at("workspace_id"));
  EXPECT_EQ(sign_in(with, who.sub).status, 303) << "linked in both: where they were last";
  EXPECT_EQ(session_of(with).at("id"), who.id);
  const auto nowhere = with.open(hub_url("/auth/oidc/start?workspace=no-such"));
  EXPECT_EQ(with.open(with.sign_in_at_provider(nowhere, who.sub, callback())).status, 403);
  for (const auto& odd : {std::string(1025, 'x'), std::string{"a%FF"}, std::string{"a%00"}})
    EXPECT_EQ(with.open(hub_url("/auth/oidc/start?workspace=") + odd).status, 400);
}

TEST_F(oidc_sign_in, shows_in_the_metrics_what_the_provider_was_asked) {
  auto with = fresh_browser();
  ASSERT_EQ(sign_in(with, invited().sub).status, 303);
  EXPECT_THAT(
    api_.get("/metrics").text,
    HasSubstr("hub_provider_call_duration_seconds_count{provider=\"oidc\",outcome=\"2xx\"}"));
}

TEST_F(oidc_sign_in, shows_a_refusal_of_the_provider_without_repeating_it) {
  auto with = fresh_browser();
  const auto start = with.open(hub_url("/auth/oidc/start"));
  const auto begin = start.location.find("state=") + 6;
  const auto state = start.location.substr(begin, 43);
  const auto shown = with.open(
    callback() + "error=access_denied&error_description=%3Cscript%3Ealert(1)%3C%2Fscript%3E"
    + "&iss=http%3A%2F%2F127.0.0.1%3A" + std::to_string(provider().port()) + "&state=" + state);
  EXPECT_EQ(shown.status, 403);
  EXPECT_THAT(shown.body, Not(HasSubstr("script")));
  EXPECT_THAT(shown.body, HasSubstr("did not let you in"));
}

TEST_F(oidc_sign_in, takes_no_answer_that_is_not_said_to_be_the_providers) {
  const auto who = invited();
  for (const bool another : {false, true}) {
    auto with = fresh_browser();
    auto back = return_of(with, who.sub);
    const auto begin = back.find("&iss=");
    ASSERT_NE(begin, std::string::npos);
    const auto end = std::min(back.find('&', begin + 1), back.size());
    back.replace(begin, end - begin, another ? "&iss=https%3A%2F%2Fevil.example" : "");
    EXPECT_EQ(with.open(back).status, 403);
    EXPECT_FALSE(is_in(with));
  }
}

TEST_F(oidc_sign_in, waits_for_a_provider_that_is_away) {
  const auto who = invited();
  auto with = fresh_browser();
  const auto back = return_of(with, who.sub);
  provider().tell("faults", {{"/token", true}});
  const auto shown = with.open(back);
  EXPECT_EQ(shown.status, 503);
  EXPECT_THAT(shown.head, HasSubstr("Retry-After"));
  EXPECT_FALSE(is_in(with));
  provider().tell("faults");
  EXPECT_EQ(sign_in(with, who.sub).status, 303);
}

TEST_F(oidc_sign_in, goes_on_when_the_provider_changes_its_keys) {
  const auto who = invited();
  auto before = fresh_browser();
  ASSERT_EQ(sign_in(before, who.sub).status, 303);
  provider().tell("rotate", {{"generation", unique("generation-")}});
  // New keys are not looked for more often than every ten seconds.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  int status = 0;
  while (status != 303 && std::chrono::steady_clock::now() < end) {
    auto after = fresh_browser();
    status = sign_in(after, who.sub).status;
  }
  EXPECT_EQ(status, 303);
}

TEST_F(oidc_sign_in, ends_with_signing_out) {
  const auto who = invited();
  auto with = fresh_browser();
  ASSERT_EQ(sign_in(with, who.sub).status, 303);
  const auto cookie = "hub_session=" + with.cookie("hub_session");
  const auto csrf = session_of(with).at("csrf_token");
  EXPECT_EQ(
    api_.call("DELETE", "/api/session", {}, {{"Cookie", cookie}, {"X-CSRF-Token", csrf}}).status,
    200);
  EXPECT_EQ(session_of(with).status, 401);
}

TEST_F(oidc_sign_in, is_shown_on_the_page_and_keeps_its_cookie_to_itself) {
  auto with = fresh_browser();
  EXPECT_THAT(with.open(hub_url("/sign-in")).body, HasSubstr("data-offered=\"yes\""));
  const auto start = with.open(hub_url("/auth/oidc/start"));
  EXPECT_THAT(start.head, HasSubstr("hub_oidc="));
  EXPECT_THAT(start.head, HasSubstr("HttpOnly; SameSite=Lax; Max-Age=600"));
  EXPECT_THAT(start.location, HasSubstr("code_challenge_method=S256"));
  EXPECT_THAT(start.location, HasSubstr("response_type=code"));
}

TEST_F(oidc_sign_in, cannot_be_begun_without_end_from_one_address) {
  auto with = fresh_browser();
  int refused = 0;
  for (int i = 0; i < 40; ++i)
    refused += with.open(hub_url("/auth/oidc/start")).status == 429 ? 1 : 0;
  EXPECT_GT(refused, 10);
}

TEST_F(oidc_sign_in, leaves_no_secret_in_log_and_database) {
  const auto who = invited();
  auto with = fresh_browser();
  const auto back = return_of(with, who.sub);
  const auto state_begin = back.find("state=") + 6;
  const auto state = back.substr(state_begin, 43);
  const auto browser_secret = with.cookie("hub_oidc");
  pqxx::connection connection{hub().connection_string()};
  pqxx::work work{connection};
  const auto rows = work.exec("SELECT a::text FROM oidc_attempts a");
  EXPECT_FALSE(rows.empty());
  for (const auto& row : rows)
    for (const auto& secret : {state, browser_secret})
      EXPECT_EQ(std::string{row[0].c_str()}.find(secret), std::string::npos);
  ASSERT_EQ(with.open(back).status, 303);
  const auto log = hub().log();
  for (const auto& secret :
       {state, browser_secret, with.cookie("hub_session"), std::string{"the hub: its secret"}})
    EXPECT_EQ(log.find(secret), std::string::npos);
}

} // namespace
} // namespace hub::testing
