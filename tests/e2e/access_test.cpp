#include "tests/e2e/hub_suite.hpp"
#include "tests/support/process.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

namespace hub::testing {
namespace {

using nlohmann::json;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// One operation of openapi.json, with a path that can be called.
struct operation {
  std::string method;
  std::string path;
  std::string needs; // a permission; empty: to be known
  bool open = false;
};

std::vector<operation> operations_in(const json& described) {
  static const std::regex parameter{R"(\{[^}]+\})"};
  std::vector<operation> all;
  for (const auto& [path, methods] : described.at("paths").items())
    for (const auto& [method, what] : methods.items()) {
      operation one;
      one.method = method;
      std::ranges::transform(one.method, one.method.begin(), [](unsigned char c) {
        return static_cast<char>(std::toupper(c));
      });
      one.path = std::regex_replace(path, parameter, "01890a5d-ac96-774b-bcce-b302099a8057");
      one.needs = what.value("x-permission", "");
      // Webhooks prove themselves in their own way.
      one.open = what.contains("security");
      all.push_back(std::move(one));
    }
  return all;
}

class access : public hub_suite<access> {
public:
  static hub_options options() {
    hub_options chosen;
    chosen.environment["HUB_SIMULATION"] = "on";
    return chosen;
  }

protected:
  /// Calls that nobody vouches for.
  static headers nobody() { return {{"Authorization", ""}}; }
  static headers bearer(const std::string& key) { return {{"Authorization", "Bearer " + key}}; }

  answer call(const operation& what, headers with) {
    if (what.method != "GET" && what.method != "HEAD")
      with.emplace_back("Content-Type", "application/json");
    if (what.path == "/api/stream") // else the answer would have no end
      with.emplace_back("Last-Event-ID", "nonsense");
    return api_.call(what.method, what.path, what.method == "GET" ? "" : "{}", std::move(with));
  }

  std::vector<operation> all_operations() { return operations_in(api_.get("/openapi.json").body); }

  /// Made by somebody who may all of it themselves.
  std::string key_with(const std::vector<std::string>& scopes) {
    const bool personal = std::ranges::count(scopes, "pii:read") > 0;
    const auto made = api_.post("/api/api_keys",
                                {{"name", unique("key")}, {"scopes", scopes}},
                                personal ? pii_reader().changing() : headers{});
    EXPECT_EQ(made.status, 201) << made.text;
    return made.at("key");
  }

  /// Somebody who has signed in, as their browser calls.
  struct browser {
    std::string id;
    std::string cookie;
    std::string csrf;
    json session;

    [[nodiscard]] headers reading() const { return {{"Cookie", cookie}}; }
    [[nodiscard]] headers changing() const { return {{"Cookie", cookie}, {"X-CSRF-Token", csrf}}; }
  };

  static browser browser_of(const answer& entered) {
    EXPECT_EQ(entered.status, 201) << entered.text;
    const auto cookie = entered.header("set-cookie");
    return {
      entered.at("id"), cookie.substr(0, cookie.find(';')), entered.at("csrf_token"), entered.body};
  }

  static std::string token_in(const std::string& link) { return link.substr(link.find('#') + 1); }

  answer use_link(const std::string& token) {
    return api_.post("/api/session/link", {{"token", token}}, nobody());
  }

  /// Invited by the admin key and come by the link.
  browser somebody(const std::string& role, const std::string& email = {}) {
    const auto invited = api_.post(
      "/api/users",
      {{"email", email.empty() ? unique("person") + "@example.com" : email}, {"role", role}},
      role == "owner" ? owner().changing() : headers{});
    EXPECT_EQ(invited.status, 201) << invited.text;
    return browser_of(use_link(token_in(invited.at("sign_in_link"))));
  }

  /// The first owner, by the link that the command line gives.
  const browser& owner() {
    static const auto first = [this] {
      const auto made = hub().run({"users", "invite", "first@example.com", "--role", "owner"});
      EXPECT_EQ(made.exit_code, 0) << made.err;
      auto token = token_in(made.out);
      token.erase(token.find_last_not_of("\r\n") + 1);
      return browser_of(use_link(token));
    }();
    return first;
  }

  /// An owner who is allowed personal data as well.
  const browser& pii_reader() {
    static const auto reader = [this] {
      auto who = somebody("owner");
      const auto changed =
        api_.patch("/api/users/" + who.id, {{"reads_pii", true}}, owner().changing());
      EXPECT_EQ(changed.status, 200) << changed.text;
      return who;
    }();
    return reader;
  }

  answer sign_in(const std::string& email, const std::string& password) {
    return api_.post("/api/session", {{"email", email}, {"password", password}}, nobody());
  }

  answer set_password(const browser& who, const json& body) {
    auto with = who.changing();
    with.emplace_back("Content-Type", "application/json");
    return api_.call("PUT", "/api/session/password", body.dump(), with);
  }

  hub_client api_{hub().port()};
};

// ---- every route

TEST_F(access, is_refused_to_whoever_is_not_known) {
  for (const auto& what : all_operations()) {
    if (what.open)
      continue;
    SCOPED_TRACE(what.method + ' ' + what.path);
    const auto got = call(what, nobody());
    EXPECT_EQ(got.status, 401) << got.text;
    EXPECT_EQ(got.header("www-authenticate"), "Bearer realm=\"feedback-hub\"");
    EXPECT_EQ(
      call(what, {{"Cookie", "hub_session=" + std::string(43, 'x')}, {"X-CSRF-Token", "x"}}).status,
      what.method == "GET" ? 401 : 403);
  }
}

TEST_F(access, to_each_operation_takes_its_permission_and_no_other) {
  std::vector<std::string> everything;
  for (const auto& what : all_operations())
    if (!what.needs.empty() && std::ranges::count(everything, what.needs) == 0)
      everything.push_back(what.needs);
  ASSERT_GT(everything.size(), 8U);
  for (const auto& permission : everything) {
    auto others = everything;
    std::erase(others, permission);
    const auto with_it = bearer(key_with({permission}));
    const auto without = bearer(key_with(others));
    for (const auto& what : all_operations()) {
      if (what.needs != permission)
        continue;
      SCOPED_TRACE(what.method + ' ' + what.path);
      EXPECT_THAT(call(what, with_it).status, Not(AnyOf(401, 403)));
      const auto refused = call(what, without);
      EXPECT_EQ(refused.status, 403);
      EXPECT_THAT(refused.at("error"), HasSubstr(permission));
    }
  }
}

TEST_F(access, follows_the_role_of_a_person) {
  for (const auto* role : {"viewer", "agent", "admin"}) {
    const auto who = somebody(role);
    const auto& may = who.session.at("permissions");
    for (const auto& what : all_operations()) {
      if (what.open || what.path.starts_with("/api/session"))
        continue;
      SCOPED_TRACE(std::string{role} + ": " + what.method + ' ' + what.path);
      const bool allowed = std::ranges::count(may, json(what.needs)) > 0;
      const auto got = call(what, who.changing());
      if (allowed)
        EXPECT_THAT(got.status, Not(AnyOf(401, 403))) << got.text;
      else
        EXPECT_EQ(got.status, 403) << got.text;
    }
  }
}

// ---- sessions

TEST_F(access, with_a_session_changes_nothing_without_its_second_token) {
  const auto who = somebody("agent");
  const json ticket{{"title", "From a browser"}};
  EXPECT_EQ(api_.post("/api/tickets", ticket, who.reading()).status, 403);
  auto wrong = who.reading();
  wrong.emplace_back("X-CSRF-Token", somebody("agent").csrf);
  EXPECT_EQ(api_.post("/api/tickets", ticket, wrong).status, 403);
  const auto made = api_.post("/api/tickets", ticket, who.changing());
  EXPECT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(made.body.at("events").at(0).at("actor_id"), who.id) << "who did it is kept";
}

TEST_F(access, by_a_link_works_once) {
  const auto invited = api_.post("/api/users", {{"email", unique("once") + "@example.com"}});
  const auto token = token_in(invited.at("sign_in_link"));
  EXPECT_EQ(use_link(token).status, 201);
  EXPECT_EQ(use_link(token).status, 401);
}

TEST_F(access, by_password_ends_every_session_before_it) {
  const auto email = unique("ana") + "@example.com";
  const auto who = somebody("agent", email);
  const auto changed = set_password(who, {{"password", "correct horse battery"}});
  ASSERT_EQ(changed.status, 201) << changed.text;
  EXPECT_EQ(api_.get("/api/tickets", who.reading()).status, 401);
  const auto now = browser_of(changed);
  EXPECT_EQ(api_.get("/api/tickets", now.reading()).status, 200);
  EXPECT_EQ(sign_in(email, "correct horse battery").status, 201);
  EXPECT_EQ(sign_in(email, "wrong horse battery").status, 401);
  EXPECT_EQ(set_password(now, {{"password", "another horse battery"}}).status, 422)
    << "who has one must know it";
  EXPECT_EQ(
    set_password(
      now, {{"password", "another horse battery"}, {"current_password", "correct horse battery"}})
      .status,
    201);
  EXPECT_EQ(sign_in(email, "correct horse battery").status, 401);
}

TEST_F(access, tells_nobody_which_emails_there_are) {
  const auto email = unique("known") + "@example.com";
  somebody("agent", email);
  auto known = sign_in(email, "wrong horse battery");
  auto unknown = sign_in(unique("unknown") + "@example.com", "wrong horse battery");
  EXPECT_EQ(known.status, 401);
  EXPECT_EQ(known.text, unknown.text);
  EXPECT_EQ(sign_in("not an email", "wrong horse battery").text, unknown.text);
}

TEST_F(access, is_closed_for_a_while_after_wrong_passwords) {
  const auto email = unique("locked") + "@example.com";
  const auto who = somebody("agent", email);
  ASSERT_EQ(set_password(who, {{"password", "correct horse battery"}}).status, 201);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(sign_in(email, "wrong horse battery").status, 401);
  // The fifth is written down after its answer.
  EXPECT_TRUE(
    tests::eventually([&] { return sign_in(email, "correct horse battery").status == 401; }));
}

TEST_F(access, ends_with_signing_out_here_and_everywhere) {
  const auto email = unique("many") + "@example.com";
  const auto first =
    browser_of(set_password(somebody("agent", email), {{"password", "correct horse battery"}}));
  const auto second = browser_of(sign_in(email, "correct horse battery"));
  const auto third = browser_of(sign_in(email, "correct horse battery"));
  EXPECT_EQ(api_.get("/api/sessions", first.reading()).body.size(), 3U);
  EXPECT_EQ(api_.call("DELETE", "/api/session", {}, third.changing()).status, 200);
  EXPECT_EQ(api_.get("/api/tickets", third.reading()).status, 401);
  EXPECT_EQ(api_.call("DELETE", "/api/sessions", {}, first.changing()).status, 200);
  EXPECT_EQ(api_.get("/api/tickets", second.reading()).status, 401);
  EXPECT_EQ(api_.get("/api/tickets", first.reading()).status, 200);
}

TEST_F(access, by_a_new_session_ends_the_one_the_browser_had) {
  const auto email = unique("again") + "@example.com";
  const auto first =
    browser_of(set_password(somebody("agent", email), {{"password", "correct horse battery"}}));
  const auto other = browser_of(sign_in(email, "correct horse battery"));
  auto with = first.reading();
  with.emplace_back("Authorization", "");
  const auto again = browser_of(
    api_.post("/api/session", {{"email", email}, {"password", "correct horse battery"}}, with));
  EXPECT_EQ(api_.get("/api/tickets", first.reading()).status, 401);
  EXPECT_EQ(api_.get("/api/tickets", other.reading()).status, 200) << "another browser's";
  EXPECT_EQ(api_.get("/api/tickets", again.reading()).status, 200);
}

// ---- people and keys

TEST_F(access, of_others_is_managed_by_those_who_are_no_less) {
  const auto admin = somebody("admin");
  const auto invite = [&](const char* role, const browser& by) {
    return api_
      .post(
        "/api/users", {{"email", unique("new") + "@example.com"}, {"role", role}}, by.changing())
      .status;
  };
  EXPECT_EQ(invite("admin", admin), 201);
  EXPECT_EQ(invite("owner", admin), 403);
  EXPECT_EQ(invite("owner", owner()), 201);
  const auto demote =
    api_.patch("/api/users/" + owner().id, {{"role", "viewer"}}, admin.changing());
  EXPECT_EQ(demote.status, 403);
  const auto link = api_.post("/api/users/" + owner().id + "/sign_in_link", {}, admin.changing());
  EXPECT_EQ(link.status, 403) << "else an admin could sign in as an owner";
}

TEST_F(access, ends_at_once_for_whoever_is_locked_out) {
  const auto who = somebody("agent");
  ASSERT_EQ(api_.get("/api/tickets", who.reading()).status, 200);
  ASSERT_EQ(api_.patch("/api/users/" + who.id, {{"disabled", true}}).status, 200);
  EXPECT_EQ(api_.get("/api/tickets", who.reading()).status, 401);
}

TEST_F(access, by_key_ends_with_its_revocation) {
  const auto key = key_with({"tickets:read"});
  ASSERT_EQ(api_.get("/api/tickets", bearer(key)).status, 200);
  const auto keys = api_.get("/api/api_keys");
  std::string id;
  for (const auto& each : keys.body)
    if (key.find(each.at("prefix").get<std::string>()) != std::string::npos)
      id = each.at("id");
  EXPECT_THAT(keys.text, Not(HasSubstr(key.substr(17)))) << "the secret is shown once";
  ASSERT_EQ(api_.call("DELETE", "/api/api_keys/" + id, {}, {}).status, 200);
  EXPECT_EQ(api_.get("/api/tickets", bearer(key)).status, 401);
}

TEST_F(access, by_key_is_never_more_than_its_makers) {
  const auto maker = bearer(key_with({"keys:write", "tickets:read"}));
  EXPECT_EQ(api_.post("/api/api_keys", {{"name", "k"}, {"scopes", {"tickets:read"}}}, maker).status,
            201);
  EXPECT_EQ(
    api_.post("/api/api_keys", {{"name", "k"}, {"scopes", {"tickets:write"}}}, maker).status, 422);
  EXPECT_EQ(api_.post("/api/api_keys", {{"name", "k"}, {"scopes", {"pii:read"}}}).status, 422);
}

TEST_F(access, by_a_key_from_the_command_line_works_beside_a_running_hub) {
  const auto made = hub().run({"keys", "create", "--name", "ci", "--scope", "tickets:read"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const auto key = made.out.substr(0, made.out.find('\n'));
  EXPECT_EQ(api_.get("/api/tickets", bearer(key)).status, 200);
  EXPECT_EQ(hub().run({"keys", "create", "--name", "ci", "--scope", "nonsense"}).exit_code, 2);
}

TEST_F(access, is_written_down_with_who_and_from_where) {
  const auto who = somebody("admin");
  ASSERT_EQ(api_.post("/api/jobs/CanaryJob/pause", json::object(), who.changing()).status, 200);
  ASSERT_EQ(api_.post("/api/jobs/CanaryJob/resume", json::object(), who.changing()).status, 200);
  const auto records = api_.get("/api/audit_log?actor=" + who.id).body.at("records");
  std::vector<std::string> actions;
  for (const auto& line : records) {
    actions.push_back(line.at("action"));
    EXPECT_EQ(line.at("address"), "127.0.0.1");
    EXPECT_EQ(line.at("actor_id"), who.id);
  }
  EXPECT_THAT(actions,
              ::testing::ElementsAre("job_kind_resumed", "job_kind_paused", "signed_in_by_link"));
}

TEST_F(access, that_changes_tickets_is_written_down_too) {
  const auto who = somebody("agent");
  const auto made = api_.post("/api/tickets",
                              {{"title", "it hangs"}, {"description", "call 555-123-4567 me"}},
                              who.changing());
  ASSERT_EQ(made.status, 201) << made.text;
  const auto path = "/api/tickets/" + made.at("id");
  ASSERT_EQ(
    api_.patch(path, {{"status", "in_progress"}, {"title", "mail ana@example.com"}}, who.changing())
      .status,
    200);
  ASSERT_EQ(api_.patch(path, {{"status", "in_progress"}}, who.changing()).status, 200)
    << "nothing changes, so nothing is recorded";
  const auto records = api_.get("/api/audit_log?actor=" + who.id).body.at("records");
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].at("action"), "ticket_changed");
  EXPECT_EQ(records[0].at("target"), made.at("id"));
  EXPECT_EQ(records[0].at("address"), "127.0.0.1");
  EXPECT_EQ(records[0].at("before"), (json{{"status", "open"}}));
  EXPECT_EQ(records[0].at("after"), (json{{"status", "in_progress"}, {"title", "mail [EMAIL]"}}));
  EXPECT_EQ(records[1].at("action"), "ticket_created");
  EXPECT_EQ(records[1].at("target"), made.at("id"));
}

TEST_F(access, to_personal_data_is_for_those_who_are_allowed_it_and_each_is_an_event) {
  const auto made = api_.post(
    "/api/tickets", {{"title", "it hangs"}, {"description", "mail me: zoe@example.org, soon"}});
  ASSERT_EQ(made.status, 201) << made.text;
  const auto path = "/api/tickets/" + made.at("id");
  const auto message = api_.get(path).body.at("messages").at(0);
  EXPECT_EQ(message.at("body"), "mail me: [EMAIL], soon");
  EXPECT_EQ(message.at("pii_redacted_types"), json{"email"});
  const auto reveal = path + "/messages/" + message.at("id").get<std::string>() + "/reveal";
  EXPECT_EQ(api_.post(reveal, {}).status, 403) << "HUB_ADMIN_TOKEN is no person";
  EXPECT_EQ(api_.post(reveal, {}, owner().changing()).status, 403) << "an owner as such neither";
  const auto& reader = pii_reader();
  const auto shown = api_.post(reveal, {}, reader.changing());
  ASSERT_EQ(shown.status, 200) << shown.text;
  EXPECT_EQ(shown.at("body"), "mail me: zoe@example.org, soon");
  const auto events = api_.get(path).body.at("events");
  ASSERT_EQ(events.at(0).at("event_type"), "pii_revealed");
  EXPECT_EQ(events[0].at("actor_id"), reader.id);
  EXPECT_EQ(events[0].at("data"), (json{{"message_id", message.at("id")}}));
  const auto records = api_.get("/api/audit_log?actor=" + reader.id).body.at("records");
  EXPECT_EQ(records.at(0).at("action"), "pii_revealed");
  EXPECT_EQ(records[0].at("target"), message.at("id"));
  // Of another ticket's message nothing is shown, nor of one that is known to nobody.
  const auto other = api_.post("/api/tickets", {{"title", "another"}});
  const auto id = message.at("id").get<std::string>();
  EXPECT_EQ(
    api_
      .post("/api/tickets/" + other.at("id") + "/messages/" + id + "/reveal", {}, reader.changing())
      .status,
    404);
  EXPECT_EQ(hub().log().find("zoe@example.org"), std::string::npos);
}

// ---- the page, and what must never be seen

TEST_F(access, has_a_page_that_no_other_may_frame_or_script) {
  const auto page = api_.get("/sign-in");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.header("content-security-policy"), HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(page.header("content-security-policy"), HasSubstr("script-src 'self'"));
  EXPECT_EQ(api_.get("/sign-in.js").status, 200);
}

TEST_F(access, leaves_no_secret_in_the_log) {
  const auto email = unique("secret") + "@example.com";
  const auto who = somebody("agent", email);
  set_password(who, {{"password", "canary horse battery"}});
  sign_in(email, "canary horse battery");
  const auto key = key_with({"tickets:read"});
  api_.get("/api/tickets", bearer(key));
  const auto log = hub().log();
  const std::vector<std::string> secrets{"canary horse",
                                         key.substr(17),
                                         who.cookie.substr(who.cookie.find('=') + 1),
                                         who.csrf,
                                         admin_token};
  for (const auto& secret : secrets)
    EXPECT_EQ(log.find(secret), std::string::npos);
}

} // namespace
} // namespace hub::testing
