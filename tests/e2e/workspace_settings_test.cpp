#include "tests/e2e/connected_workspaces.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <fstream>
#include <set>
#include <string>

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
  EXPECT_EQ(tokens_for(to_home), std::set<std::string>{" sandbox"});

  ASSERT_EQ(set(in_north(), {{"slack.bot_token", "xoxb-of-north-AAAA0002"}}).status, 200);
  const auto next = unique("CNORTH");
  send(in_north(), "slack", next);
  ASSERT_TRUE(is_sent(next));
  EXPECT_EQ(tokens_for(next), std::set<std::string>{"AAAA0002"}) << "the very next call";
  for (const auto* token : {"AAAA0001", "AAAA0002", "BBBB0001"})
    EXPECT_THAT(hub().log(), Not(HasSubstr(token)));
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

} // namespace
} // namespace hub::testing
