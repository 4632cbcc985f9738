#include "http/server/webhooks/signature.hpp"
#include "tests/e2e/connected_workspaces.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <thread>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class workspace_settings : public connected_workspaces {
protected:
  json setting(const headers& there, const std::string& key) {
    const auto all = api_.get("/api/settings", there);
    EXPECT_EQ(all.status, 200) << all.text;
    for (const auto& each : all.body)
      if (each.at("key") == key)
        return each;
    return {};
  }
  answer set(const headers& there, const json& changes) {
    return api_.patch("/api/settings", changes, there);
  }

  /// Has a workspace send a message; the job's id.
  std::string send(const headers& there, const std::string& provider, const std::string& to) {
    const auto made = api_.post(
      "/api/jobs",
      {{"job_class", "ProviderCheckJob"},
       {"args", {{"provider", provider}, {"recipient", to}, {"text", "It is fixed " + to}}}},
      there);
    EXPECT_EQ(made.status, 202) << made.text;
    return made.at("id");
  }
  bool is_sent(const std::string& what, std::chrono::milliseconds within = 15s) {
    return tests::eventually([&] { return sandbox().times_sent(what) == 1; }, within);
  }
  /// The ends of the tokens that this recipient's messages came with.
  std::set<std::string> tokens_for(const std::string& words) {
    std::set<std::string> found;
    for (const auto& call : sandbox().calls())
      if (call.dump().find(words) != std::string::npos)
        found.insert(call.value("token_end", ""));
    return found;
  }
  json letter_of(const headers& there, const std::string& job) {
    json found;
    tests::eventually([&] {
      for (const auto& letter : api_.get("/api/dead_letter_jobs?per_page=100", there).body)
        if (letter["id"] == job)
          found = letter;
      return !found.is_null();
    });
    return found;
  }
};

TEST_F(workspace_settings, show_where_each_value_comes_from) {
  EXPECT_EQ(setting(in_north(), "slack.burst")["source"], "default");
  EXPECT_EQ(setting(in_north(), "slack.every")["source"], "hub");
  EXPECT_EQ(setting(in_north(), "slack.every")["value"], "0s");
  EXPECT_EQ(setting(in_home(), "slack.bot_token")["set"], true);
  EXPECT_EQ(setting(in_home(), "slack.bot_token")["source"], "hub");
  EXPECT_EQ(setting(in_south(), "slack.bot_token")["set"], false) << "it is the home workspace's";
  EXPECT_FALSE(setting(in_home(), "slack.bot_token").contains("value"));

  const auto changed = set(in_north(), {{"slack.burst", 7}, {"intake.reopen_resolved", false}});
  EXPECT_EQ(changed.status, 200) << changed.text;
  EXPECT_EQ(setting(in_north(), "slack.burst")["value"], "7");
  EXPECT_EQ(setting(in_north(), "slack.burst")["source"], "workspace");
  EXPECT_EQ(setting(in_north(), "intake.reopen_resolved")["value"], "off");
  EXPECT_EQ(setting(in_south(), "slack.burst")["source"], "default");
  EXPECT_EQ(set(in_north(), {{"slack.burst", nullptr}, {"intake.reopen_resolved", nullptr}}).status,
            200);
  EXPECT_EQ(setting(in_north(), "slack.burst")["source"], "default");
}

TEST_F(workspace_settings, are_set_all_or_none_and_faults_are_named) {
  const auto refused = set(in_north(),
                           {{"slack.every", "soon"},
                            {"no.such", "1"},
                            {"http.bind", "127.0.0.1:1"},
                            {"slack.bot_token", ""},
                            {"smtp.from", {{"a", 1}}},
                            {"whatsapp.burst", 9}});
  EXPECT_EQ(refused.status, 422) << refused.text;
  EXPECT_THAT(refused.text,
              AllOf(HasSubstr("slack.every"),
                    HasSubstr("no.such"),
                    HasSubstr("http.bind"),
                    HasSubstr("slack.bot_token"),
                    HasSubstr("smtp.from"),
                    Not(HasSubstr("whatsapp.burst"))));
  EXPECT_EQ(setting(in_north(), "whatsapp.burst")["source"], "default");
  EXPECT_EQ(set(in_north(), json::object()).status, 422);
}

TEST_F(workspace_settings, are_recorded_without_their_secrets) {
  const auto secret = unique("xoxb-recorded-");
  ASSERT_EQ(set(in_south(), {{"slack.bot_token", secret}, {"slack.burst", 4}}).status, 200);
  const auto record = api_.get("/api/audit_log?action=settings_changed&per_page=1", in_south());
  EXPECT_THAT(record.text,
              AllOf(HasSubstr(R"("slack.bot_token":"changed")"),
                    HasSubstr(R"("slack.burst":"4")"),
                    Not(HasSubstr(secret))));
  EXPECT_THAT(hub().log(), Not(HasSubstr(secret)));
  ASSERT_EQ(set(in_south(), {{"slack.bot_token", nullptr}, {"slack.burst", nullptr}}).status, 200);
}

TEST_F(workspace_settings, decide_as_whom_providers_are_called) {
  ASSERT_EQ(set(in_north(), {{"slack.bot_token", "xoxb-of-north-AAAA0001"}}).status, 200);
  ASSERT_EQ(set(in_south(), {{"slack.bot_token", "xoxb-of-south-BBBB0001"}}).status, 200);
  const auto to_north = unique("CNORTH");
  const auto to_south = unique("CSOUTH");
  const auto to_home = unique("CHOME");
  send(in_north(), "slack", to_north);
  send(in_south(), "slack", to_south);
  send(in_home(), "slack", to_home);
  for (const auto& each : {to_north, to_south, to_home})
    ASSERT_TRUE(is_sent(each)) << each;
  EXPECT_EQ(tokens_for(to_north), std::set<std::string>{"AAAA0001"});
  EXPECT_EQ(tokens_for(to_south), std::set<std::string>{"BBBB0001"});
  EXPECT_EQ(tokens_for(to_home), std::set<std::string>{""});

  ASSERT_EQ(set(in_north(), {{"slack.bot_token", "xoxb-of-north-AAAA0002"}}).status, 200);
  const auto next = unique("CNORTH");
  send(in_north(), "slack", next);
  ASSERT_TRUE(is_sent(next));
  EXPECT_EQ(tokens_for(next), std::set<std::string>{"AAAA0002"}) << "the very next call";
  for (const auto* token : {"AAAA0001", "AAAA0002", "BBBB0001"})
    EXPECT_THAT(hub().log(), Not(HasSubstr(token)));
}

TEST_F(workspace_settings, change_tokens_while_jobs_send) {
  constexpr int jobs = 40;
  const auto words = unique("CROTATING");
  std::set<std::string> given;
  std::thread sending{[&] {
    for (int i = 0; i < jobs; ++i)
      send(in_north(), "slack", words + "N" + std::to_string(i) + "N");
  }};
  hub_client administers{hub().port()};
  for (int i = 0; i < 20; ++i) {
    const auto end = "R" + std::to_string(1000000 + i);
    const auto changed =
      administers.patch("/api/settings", {{"slack.bot_token", "xoxb-of-north-" + end}}, in_north());
    EXPECT_EQ(changed.status, 200) << changed.text;
    given.insert(end);
  }
  sending.join();
  for (int i = 0; i < jobs; ++i)
    EXPECT_TRUE(is_sent(words + "N" + std::to_string(i) + "N")) << i;
  for (const auto& end : tokens_for(words + "N"))
    EXPECT_TRUE(given.contains(end) || end.starts_with("AAAA")) << end;
}

TEST_F(workspace_settings, reach_hubs_that_did_not_change_them) {
  // Another process changes them; this hub finds out by itself.
  const auto file = hub().directory() / "north-token";
  std::ofstream{file} << "xoxb-of-north-FILE0001\n";
  const auto done = hub().run(
    {"settings", "set", "slack.bot_token", "--workspace", "north", "--file", file.string()});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_TRUE(tests::eventually([&] {
    const auto to = unique("CFILE");
    send(in_north(), "slack", to);
    return is_sent(to) && tokens_for(to) == std::set<std::string>{"FILE0001"};
  }));
}

TEST_F(workspace_settings, that_lack_a_token_send_nothing_with_anybody_elses) {
  for (const auto& [provider, to, missing] :
       {std::tuple{"intercom", unique("1"), "intercom.api_token"},
        std::tuple{"whatsapp", "34600" + unique(""), "whatsapp.api_token"},
        std::tuple{"smtp", std::string{"ana@example.org"}, "smtp.url"}}) {
    const auto job = send(in_north(), provider, to);
    const auto letter = letter_of(in_north(), job);
    ASSERT_FALSE(letter.is_null()) << provider;
    EXPECT_THAT(letter["error_message"].dump(), HasSubstr(missing)) << letter.dump();
    EXPECT_EQ(sandbox().times_sent(job), 0);
  }
}

TEST_F(workspace_settings, limit_each_workspace_by_its_own_rates_from_the_moment_they_change) {
  ASSERT_EQ(
    set(in_north(),
        {{"slack.bot_token", "xoxb-of-north-AAAA0003"}, {"slack.every", "25s"}, {"slack.burst", 1}})
      .status,
    200);
  ASSERT_EQ(set(in_south(), {{"slack.bot_token", "xoxb-of-south-BBBB0003"}}).status, 200);
  const auto first = unique("CLIMITED");
  const auto second = unique("CLIMITED");
  send(in_north(), "slack", first);
  ASSERT_TRUE(is_sent(first));
  send(in_north(), "slack", second);
  for (int i = 0; i < 5; ++i) {
    const auto to = unique("CFREE");
    send(in_south(), "slack", to);
    EXPECT_TRUE(is_sent(to, 10s)) << "another workspace's rate is its own";
  }
  EXPECT_EQ(sandbox().times_sent(second), 0);
  ASSERT_EQ(set(in_north(), {{"slack.every", nullptr}, {"slack.burst", nullptr}}).status, 200);
  EXPECT_TRUE(is_sent(second, 12s));
}

TEST_F(workspace_settings, are_set_on_the_command_line_and_secrets_not_in_it) {
  const auto run = [](std::vector<std::string> more) {
    more.insert(more.begin(), "settings");
    more.insert(more.end(), {"--workspace", "south"});
    return hub().run(more);
  };
  const auto shown = run({"set", "notion.api_key", "secret_everybody_sees"});
  EXPECT_EQ(shown.exit_code, 2);
  EXPECT_THAT(shown.err, HasSubstr("standard input"));
  const auto file = hub().directory() / "notion-key";
  std::ofstream{file} << "secret_of_south_0815\n";
  const auto kept = run({"set", "notion.api_key", "--file", file.string()});
  EXPECT_EQ(kept.exit_code, 0) << kept.err;
  EXPECT_EQ(run({"set", "slack.burst", "12"}).exit_code, 0);
  EXPECT_EQ(run({"set", "slack.burst", "lots"}).exit_code, 2);
  EXPECT_EQ(run({"set", "http.bind", "x"}).exit_code, 2);
  EXPECT_THAT(run({"list"}).out,
              AllOf(HasSubstr("notion.api_key  (set)  (workspace)"),
                    HasSubstr("slack.burst  12  (workspace)"),
                    Not(HasSubstr("secret_of_south_0815"))));
  EXPECT_EQ(setting(in_south(), "notion.api_key")["set"], true);
  EXPECT_EQ(setting(in_north(), "notion.api_key")["set"], false);
  EXPECT_EQ(run({"unset", "notion.api_key"}).exit_code, 0);
  EXPECT_EQ(run({"unset", "slack.burst"}).exit_code, 0);
  EXPECT_EQ(setting(in_south(), "notion.api_key")["set"], false);
}

// ---- addresses of one workspace

class webhook_paths : public workspace_settings {
protected:
  static std::string make(const std::string& workspace, const std::string& platform) {
    auto made = hub().run({"sources", "path", "--workspace", workspace, "--platform", platform});
    EXPECT_EQ(made.exit_code, 0) << made.err;
    made.out.erase(made.out.find_last_not_of("\r\n") + 1);
    return made.out.substr(made.out.find("/webhooks/"));
  }

  answer deliver(const std::string& path, const delivery& what, const std::string& secret) {
    headers with{{"Content-Type", what.content_type}};
    if (what.channel == channel::slack) {
      const auto now = std::to_string(unix_now());
      with.emplace_back("X-Slack-Request-Timestamp", now);
      with.emplace_back("X-Slack-Signature", http::slack_signature(secret, now, what.body));
    } else if (what.channel == channel::intercom) {
      with.emplace_back("X-Hub-Signature", "sha1=" + http::hmac_sha1_hex(secret, what.body));
    } else {
      with.emplace_back("X-Hub-Signature-256",
                        "sha256=" + http::hmac_sha256_hex(secret, what.body));
    }
    return api_.call("POST", path, what.body, with);
  }
  bool is_open(const std::string& path, channel platform, const std::string& secret) {
    return tests::eventually([&] { return deliver(path, idle(platform), secret).status == 200; });
  }
};

TEST_F(webhook_paths, take_in_for_their_workspace_what_its_own_secret_signs) {
  ASSERT_EQ(set(in_north(),
                {{"slack.signing_secret", "north-slack-secret"},
                 {"intercom.webhook_secret", "north-intercom-secret"},
                 {"whatsapp.webhook_secret", "north-whatsapp-secret"}})
              .status,
            200);
  connect("south", channel::slack, "TPATH");
  ASSERT_TRUE(is_known(in_south(), channel::slack, "TPATH"));
  for (const auto platform : domain::channels_with_accounts) {
    const std::string name{to_string(platform)};
    SCOPED_TRACE(name);
    const auto path = make("north", name);
    const auto secret = "north-" + name + "-secret";
    ASSERT_TRUE(is_open(path, platform, secret));
    const auto words = word();
    const auto what = from_account(said(platform, words), "TPATH");
    const auto taken = deliver(path, what, secret);
    EXPECT_EQ(taken.status, 200) << taken.text;
    EXPECT_EQ(tickets(in_north(), words), 1U) << "whatever account it names";
    EXPECT_TRUE(deliver(path, what, secret).is("duplicate"));
    EXPECT_EQ(tickets(in_north(), words), 1U);
    EXPECT_EQ(tickets(in_south(), words) + tickets(in_home(), words), 0U);
  }
}

TEST_F(webhook_paths, tell_nobody_whether_they_are_there) {
  ASSERT_EQ(set(in_north(), {{"slack.signing_secret", "north-slack-secret"}}).status, 200);
  ASSERT_EQ(set(in_south(), {{"slack.signing_secret", "south-slack-secret"}}).status, 200);
  const auto path = make("north", "slack");
  ASSERT_TRUE(is_open(path, channel::slack, "north-slack-secret"));
  const auto unknown = "/webhooks/slack/" + std::string(43, 'x');
  const auto what = said(channel::slack, "words");
  std::string first;
  for (const auto& [where, secret] : {std::pair{path, "south-slack-secret"},
                                      std::pair{path, slack_secret},
                                      std::pair{path, ""},
                                      std::pair{unknown, "north-slack-secret"},
                                      std::pair{unknown, slack_secret}}) {
    const auto refused = deliver(where, what, secret);
    EXPECT_EQ(refused.status, 401);
    first = first.empty() ? refused.text : first;
    EXPECT_EQ(refused.text, first) << "all the same";
  }
  for (const auto& where : {path, unknown})
    EXPECT_EQ(
      api_.call("POST", where, what.body, {{"Content-Type", "application/json"}}).at("code"),
      "missing_signature");
  auto other = path;
  other.replace(other.find("slack"), 5, "intercom");
  EXPECT_EQ(deliver(other, said(channel::intercom, "words"), "north-slack-secret").status, 401)
    << "it is an address of another platform";
}

TEST_F(webhook_paths, are_shut_without_a_secret_and_once_removed) {
  ASSERT_EQ(set(in_south(), {{"intercom.webhook_secret", nullptr}}).status, 200);
  const auto path = make("south", "intercom");
  for (const auto* secret : {"", intercom_secret})
    EXPECT_EQ(deliver(path, idle(channel::intercom), secret).status, 401);
  ASSERT_EQ(set(in_south(), {{"intercom.webhook_secret", "south-intercom-secret"}}).status, 200);
  ASSERT_TRUE(is_open(path, channel::intercom, "south-intercom-secret"));
  const auto listed = hub().run({"sources", "paths", "--workspace", "south"});
  const auto line = listed.out.substr(0, listed.out.find("  intercom"));
  const auto id = line.substr(line.rfind('\n') + 1);
  const auto removed = hub().run({"sources", "remove-path", "--workspace", "south", id});
  ASSERT_EQ(removed.exit_code, 0) << removed.err;
  EXPECT_TRUE(tests::eventually(
    [&] { return deliver(path, idle(channel::intercom), "south-intercom-secret").status == 401; }));
}

TEST_F(webhook_paths, are_verified_by_meta_with_the_workspaces_token) {
  ASSERT_EQ(set(in_north(),
                {{"whatsapp.webhook_secret", "north-whatsapp-secret"},
                 {"whatsapp.verify_token", "north-verifies"}})
              .status,
            200);
  const auto path = make("north", "whatsapp");
  ASSERT_TRUE(is_open(path, channel::whatsapp, "north-whatsapp-secret"));
  const auto verify = [&](const std::string& where, const std::string& token) {
    return api_.get(where + "?hub.mode=subscribe&hub.challenge=42&hub.verify_token=" + token);
  };
  EXPECT_EQ(verify(path, "north-verifies").text, "42");
  EXPECT_EQ(verify(path, whatsapp_verify_token).status, 403);
  const auto unknown = verify("/webhooks/whatsapp/" + std::string(43, 'x'), "north-verifies");
  EXPECT_EQ(unknown.status, 403);
  EXPECT_EQ(unknown.text, verify(path, "wrong").text);
}

TEST_F(webhook_paths, appear_in_no_log_record_or_figure) {
  ASSERT_EQ(set(in_north(), {{"slack.signing_secret", "north-slack-secret"}}).status, 200);
  const auto path = make("north", "slack");
  const auto secret = path.substr(path.rfind('/') + 1);
  ASSERT_EQ(secret.size(), 43U);
  ASSERT_TRUE(is_open(path, channel::slack, "north-slack-secret"));
  deliver(path, said(channel::slack, "words"), "wrong");
  deliver(path, {channel::slack, "not json"}, "north-slack-secret");
  api_.call("POST", path + "/more", "{}", {{"Content-Type", "application/json"}});
  api_.call("DELETE", path, "", {});
  for (const auto& text : {hub().log(),
                           api_.get("/metrics").text,
                           api_.get("/api/audit_log?per_page=100", in_north()).text,
                           api_.get("/api/webhook_deliveries?per_page=100", in_north()).text})
    EXPECT_THAT(text, Not(HasSubstr(secret)));
  EXPECT_TRUE(tests::eventually(
    [&] { return hub().log().find("/webhooks/slack/:path_secret") != std::string::npos; }))
    << "calls are logged by their route";
}

// ---- what concerns all workspaces

const std::regex parameter{R"(\{[^}]+\})"};
constexpr auto concerns_all = "only members of its first one may";

TEST_F(connected_workspaces, leave_what_concerns_all_of_them_to_the_first) {
  int walked = 0;
  const auto described = api_.get("/openapi.json").body;
  for (const auto& [path, methods] : described.at("paths").items())
    for (const auto& [method, what] : methods.items()) {
      if (!what.value("x-hub-wide", false))
        continue;
      ++walked;
      SCOPED_TRACE(method + ' ' + path);
      const auto at = std::regex_replace(path, parameter, "CanaryJob");
      const bool reads = method == "get";
      auto with = in_north();
      with.emplace_back("Content-Type", "application/json");
      const auto refused =
        api_.call(reads ? "GET" : "POST", at, reads ? "" : R"({"job_class":"CanaryJob"})", with);
      EXPECT_EQ(refused.status, 403) << refused.text;
      EXPECT_THAT(refused.text, HasSubstr(concerns_all));
      if (reads) {
        EXPECT_THAT(api_.get(at).status, ::testing::AnyOf(200, 404));
      }
    }
  EXPECT_GE(walked, 10);
}

TEST_F(connected_workspaces, may_use_whatever_does_not_say_that_it_concerns_all) {
  int walked = 0;
  const auto described = api_.get("/openapi.json").body;
  for (const auto& [path, methods] : described.at("paths").items())
    for (const auto& [method, what] : methods.items()) {
      if (what.value("x-hub-wide", false) || what.contains("security"))
        continue;
      ++walked;
      auto name = method;
      std::ranges::transform(
        name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      auto with = in_south();
      with.emplace_back("Content-Type", "application/json");
      with.emplace_back("Last-Event-ID", "nonsense"); // the live stream has no end otherwise
      const auto got = api_.call(
        name, std::regex_replace(path, parameter, "CanaryJob"), name == "GET" ? "" : "{}", with);
      EXPECT_THAT(got.text, Not(HasSubstr(concerns_all))) << name << ' ' << path;
    }
  EXPECT_GE(walked, 15);
}

// ---- where a workspace's mail may go

TEST(mail_of_a_workspace, goes_to_no_server_that_only_this_machine_reaches) {
  sandbox_process sandbox;
  hub_process hub{{.environment = {{"HUB_SIMULATION", "on"}}, .arguments = {}}}; // and no sandbox
  hub.start();
  hub_client api{hub.port()};
  const auto set = api.patch(
    "/api/settings",
    {{"smtp.url", sandbox.hub_environment().at("SMTP_URL")}, {"smtp.from", "hub@example.org"}});
  ASSERT_EQ(set.status, 200) << set.text;
  const auto made = api.post(
    "/api/jobs",
    {{"job_class", "ProviderCheckJob"},
     {"args", {{"provider", "smtp"}, {"recipient", "ana@example.org"}, {"text", "hello"}}}});
  ASSERT_EQ(made.status, 202) << made.text;
  json letters;
  EXPECT_TRUE(tests::eventually([&] {
    letters = api.get("/api/dead_letter_jobs").body;
    return !letters.empty();
  }));
  EXPECT_THAT(letters.dump(), HasSubstr("forbidden"));
  EXPECT_THAT(sandbox.messages().dump(), Not(HasSubstr("hello")));
  EXPECT_EQ(hub.terminate(), 0);
}

} // namespace
} // namespace hub::testing
