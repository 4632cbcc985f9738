#include "config/workspace_settings.hpp"

#include "config/ai_choice.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace hub::config {
namespace {

/// A hub that is told a token, and a rate.
configuration a_hub() {
  auto loaded = load({.directory = "/nowhere",
                      .settings_file = {},
                      .environment = {"SLACK_BOT_TOKEN=xoxb-hub", "HUB_SLACK_EVERY=5s"},
                      .overrides = {}});
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.why().message);
  return *std::move(loaded);
}

const workspace_value& of(const workspace_view& view, std::string_view key) {
  return *std::ranges::find_if(view.effective,
                               [&](const auto& each) { return each.of->key == key; });
}

TEST(a_workspace, goes_by_the_hubs_rates_until_it_sets_its_own) {
  const auto hub = a_hub();
  const auto before = view_of_workspace(hub, false, {});
  EXPECT_EQ(before.values.slack.limit.every, std::chrono::seconds{5});
  EXPECT_EQ(of(before, "slack.every").source, value_source::hub);
  EXPECT_EQ(of(before, "slack.burst").source, value_source::fallback);

  const auto after = view_of_workspace(hub, false, {{"slack.every", "250ms"}});
  EXPECT_EQ(after.values.slack.limit.every, std::chrono::milliseconds{250});
  EXPECT_EQ(of(after, "slack.every").source, value_source::workspace);
  EXPECT_EQ(of(after, "slack.every").shown, "250ms");
}

TEST(a_workspace, never_calls_with_the_tokens_of_the_hub) {
  const auto hub = a_hub();
  EXPECT_EQ(view_of_workspace(hub, true, {}).values.slack.bot_token, "xoxb-hub")
    << "the first does";
  const auto other = view_of_workspace(hub, false, {});
  EXPECT_EQ(other.values.slack.bot_token, "");
  EXPECT_FALSE(of(other, "slack.bot_token").set);
  const auto own = view_of_workspace(hub, false, {{"slack.bot_token", "xoxb-own"}});
  EXPECT_EQ(own.values.slack.bot_token, "xoxb-own");
  EXPECT_TRUE(of(own, "slack.bot_token").set);
  EXPECT_EQ(of(own, "slack.bot_token").shown, "") << "a secret is not shown";
}

TEST(a_workspace, inherits_nothing_that_names_an_account) {
  auto hub = a_hub();
  for (const auto& each : schema())
    if (each.scope == setting_scope::account)
      each.store(hub.values, value{std::string{"of-the-hub"}});
  const auto other = view_of_workspace(hub, false, {});
  for (const auto& text : {other.values.slack.signing_secret,
                           other.values.slack.bot_token,
                           other.values.intercom.webhook_secret,
                           other.values.intercom.api_token,
                           other.values.intercom.admin_id,
                           other.values.whatsapp.webhook_secret,
                           other.values.whatsapp.verify_token,
                           other.values.whatsapp.api_token,
                           other.values.whatsapp.phone_number_id,
                           other.values.notion.api_key,
                           other.values.notion.database_id,
                           other.values.openai.api_key,
                           other.values.smtp.url,
                           other.values.smtp.from})
    EXPECT_EQ(text, "");
  for (const auto& each : schema())
    EXPECT_TRUE(!each.secret || each.scope != setting_scope::workspace) << each.key;
}

TEST(a_workspace, whose_secret_does_not_open_has_none_in_its_place) {
  const auto view = view_of_workspace(a_hub(), true, {{"slack.bot_token", ""}});
  EXPECT_EQ(view.values.slack.bot_token, "");
  EXPECT_FALSE(of(view, "slack.bot_token").set);
}

TEST(a_workspace, is_not_moved_by_a_value_that_is_no_longer_allowed) {
  const auto view = view_of_workspace(a_hub(), false, {{"slack.every", "soon"}});
  EXPECT_EQ(view.values.slack.limit.every, std::chrono::seconds{5});
  EXPECT_EQ(of(view, "slack.every").source, value_source::hub);
}

TEST(a_workspace, sets_what_the_settings_file_would_allow) {
  const auto fits = [](std::string_view key, const std::string& written) {
    return check_for_workspace(*find_for_workspace(key), written).has_value();
  };
  EXPECT_TRUE(fits("slack.every", "1s"));
  EXPECT_FALSE(fits("slack.every", "2h")) << "beyond the bounds";
  EXPECT_FALSE(fits("slack.burst", "many"));
  EXPECT_TRUE(fits("smtp.url", "smtps://user:secret@mail.example.com:465"));
  EXPECT_FALSE(fits("smtp.url", "http://mail.example.com"));
  EXPECT_FALSE(fits("slack.bot_token", ""));
  EXPECT_FALSE(fits("slack.bot_token", "  "));
  EXPECT_FALSE(fits("slack.bot_token", "xoxb\r\nX-Other: 1"));
  EXPECT_FALSE(fits("slack.bot_token", std::string(5000, 'x')));
  for (const auto& each : schema())
    for (const auto* bad : {"http://user:hunter2@mail.example.com", "hunter2\n", " hunter2 \x7F"})
      if (each.secret && each.scope != setting_scope::hub)
        if (const auto fit = check_for_workspace(each, bad); !fit) {
          EXPECT_EQ(fit.why().message.find("hunter2"), std::string::npos) << each.key;
        }
  for (const auto* key : {"http.bind", "database.url", "slack.api_url", "admin_token", "no.such"})
    EXPECT_EQ(find_for_workspace(key), nullptr) << key;
}

// ---- which models it asks

domain::ai_choice choice(const own_values& own) {
  return ai_choice_of(view_of_workspace(a_hub(), false, own).values);
}

TEST(a_workspace, asks_nobody_until_it_has_a_key) {
  EXPECT_TRUE(choice({}).local);
  EXPECT_FALSE(choice({{"openai.api_key", "sk-own"}}).local);
  EXPECT_TRUE(choice({{"openai.api_key", "sk-own"}, {"ai.provider", "local"}}).local);
  EXPECT_FALSE(choice({{"ai.provider", "openai"}}).local) << "then it fails, and says why";
}

TEST(a_workspace, needs_no_key_for_a_server_that_is_not_openais) {
  auto hub = a_hub();
  for (const auto& [url, local] : {std::pair{"http://127.0.0.1:11434/v1", false},
                                   std::pair{"https://models.example.com/openai.com", false},
                                   std::pair{"https://notopenai.com/v1", false},
                                   std::pair{"https://api.openai.com/v1", true},
                                   std::pair{"https://eu.api.openai.com/v1", true},
                                   std::pair{"https://api.openai.com:443/v1", true}}) {
    hub.values.openai.base_url = url;
    EXPECT_EQ(ai_choice_of(view_of_workspace(hub, false, {}).values).local, local) << url;
  }
}

TEST(a_workspace, chooses_when_to_triage_and_which_models_to_ask) {
  EXPECT_EQ(choice({}).triage, domain::triage_mode::automatic);
  EXPECT_EQ(choice({{"ai.triage", "manual"}}).triage, domain::triage_mode::manual);
  EXPECT_EQ(choice({{"ai.triage", "off"}}).triage, domain::triage_mode::off);
  EXPECT_EQ(choice({}).triage_model, "gpt-4o-mini");
  EXPECT_EQ(choice({}).changelog_model, "gpt-5.1");
  EXPECT_EQ(choice({}).embedding_model, "text-embedding-3-small");
  EXPECT_EQ(choice({{"ai.triage_model", "llama3.1:8b"}}).triage_model, "llama3.1:8b");
}

TEST(a_workspace, names_its_own_addresses) {
  const auto& of = *find_for_workspace("privacy.own_addresses");
  for (const auto* bad :
       {"example", "@example.com", "a@", ".example.com", "a b@example.com", "x@y"})
    EXPECT_FALSE(check_for_workspace(of, bad)) << bad;
  const auto own = own_addresses_of(
    view_of_workspace(a_hub(), false, {{"privacy.own_addresses", "Example.com, Help@Example.ORG"}})
      .values);
  EXPECT_EQ(own.domains, std::vector<std::string>{"example.com"});
  EXPECT_EQ(own.mailboxes, std::vector<std::string>{"help@example.org"});
}

} // namespace
} // namespace hub::config
