#include "tests/e2e/hub_suite.hpp"
#include "tests/support/process.hpp"
#include "tests/support/release_driver.hpp"
#include "tests/support/sandbox_process.hpp"

#include <gmock/gmock.h>
#include <pqxx/pqxx>

#include <array>
#include <set>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

const std::string by_hand = "**What happened:**\nThe export crashed.\n\n**How we fixed it:**\nIt "
                            "counts its rows.\n\n**Going forward:**\nWe watch it.";

/// From "resolved" to the message in the reporter's own channel.
class release : public hub_suite<release> {
public:
  static hub_options options() {
    sandbox_ = std::make_unique<sandbox_process>();
    auto environment = sandbox_->hub_environment();
    environment["HUB_AI_TRIAGE"] = "automatic";
    environment["HUB_RELEASE_UNDO_WITHIN"] = "1s";
    environment["HUB_RELEASE_BATCH_ABOVE"] = "1000";
    return {.environment = std::move(environment), .arguments = {}};
  }
  static void TearDownTestSuite() {
    hub_suite<release>::TearDownTestSuite();
    sandbox_.reset();
  }

protected:
  static sandbox_process& sandbox() { return *sandbox_; }
  hub_client api_{hub().port()};

  static release_driver fresh() {
    static std::int64_t next = 34'600'405'000;
    return {hub().port(), std::to_string(next++)};
  }
  /// A ticket that waits for a draft.
  static release_driver resolved() {
    auto ticket = fresh();
    ticket.report();
    ticket.resolve();
    return ticket;
  }
  std::string at(const release_driver& ticket, const std::string& rest = {}) const {
    return "/api/tickets/" + ticket.ticket() + rest;
  }
  std::vector<std::string> events_of(const release_driver& ticket) {
    std::vector<std::string> types;
    const auto detail = api_.get(at(ticket)).body;
    for (const auto& event : detail.at("events"))
      types.insert(types.begin(), event["event_type"]);
    return types;
  }
  static std::string status_of(const release_driver& ticket) {
    const auto one = ticket.notification();
    return one.is_null() ? "none" : one["status"].get<std::string>();
  }

private:
  static inline std::unique_ptr<sandbox_process> sandbox_;
};

TEST_F(release, goes_from_a_report_to_the_message_in_the_reporters_channel) {
  auto ticket = fresh();
  ticket.report();
  ticket.await_triage();
  ticket.accept();
  ticket.resolve();
  ticket.draft();
  ticket.edit();
  ticket.approve();
  ASSERT_TRUE(tests::eventually([&] { return status_of(ticket) == "sent"; }, 30s));
  EXPECT_EQ(sandbox().times_sent(ticket.words()), 1);
  EXPECT_THAT(events_of(ticket),
              IsSupersetOf({"created",
                            "ai_triaged",
                            "triage_accepted",
                            "status_changed",
                            "changelog_drafted",
                            "changelog_edited",
                            "changelog_approved",
                            "notification_sent"}));
  const auto messages = api_.get(at(ticket)).body.at("messages");
  EXPECT_EQ(messages.back()["direction"], "outbound");
  EXPECT_THAT(messages.back()["body"].get<std::string>(), HasSubstr(ticket.words()));
}

TEST_F(release, shows_to_the_byte_what_would_be_sent_to_a_model) {
  auto ticket = resolved();
  const auto preview =
    api_.get(at(ticket, "/preview_changelog?resolution_notes=ask%20Ana%20at%20ana%40example.org"));
  ASSERT_EQ(preview.status, 200) << preview.text;
  EXPECT_THAT(preview.at("original"), HasSubstr("ana@example.org"));
  EXPECT_THAT(preview.at("scrubbed"), Not(HasSubstr("ana@example.org")));
  std::set<std::string> types;
  for (const auto& taken : preview.body["redactions"])
    types.insert(taken["type"]);
  EXPECT_THAT(types, IsSupersetOf({"email", "name"})) << preview.text;
  const auto made = api_.post(at(ticket, "/generate_changelog"),
                              {{"resolution_notes", "ask Ana at ana@example.org"}});
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(made.at("ai_model"), "gpt-5.1");
  EXPECT_GT(made.body["ai_prompt_tokens"], 0);
  EXPECT_GT(made.body["ai_completion_tokens"], 0);
  bool sent_as_shown = false;
  for (const auto& message : sandbox().messages())
    sent_as_shown |=
      message.dump().find(json(preview.at("scrubbed")).dump().substr(1, 60)) != std::string::npos;
  EXPECT_TRUE(sent_as_shown);
}

TEST_F(release, drafts_once_unless_it_is_told_to) {
  auto ticket = resolved();
  const auto first = api_.post(at(ticket, "/generate_changelog"), {{"model", "local"}});
  ASSERT_EQ(first.status, 201) << first.text;
  EXPECT_EQ(first.at("ai_model"), "local");
  const auto second = api_.post(at(ticket, "/generate_changelog"), json::object());
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.at("id"), first.at("id"));
  EXPECT_EQ(second.body["version"], 1);
  const auto forced = api_.post(at(ticket, "/generate_changelog"), {{"force", true}});
  ASSERT_EQ(forced.status, 201) << forced.text;
  EXPECT_EQ(forced.at("id"), first.at("id"));
  EXPECT_EQ(forced.body["version"], 2);
  EXPECT_EQ(forced.at("ai_model"), "gpt-5.1");
}

TEST_F(release, answers_a_repeated_call_as_it_did_whatever_has_become_of_the_draft) {
  auto ticket = resolved();
  const headers key{{"Idempotency-Key", "drafted-" + ticket.reporter()}};
  const auto first = api_.post(at(ticket, "/generate_changelog"), {{"force", true}}, key);
  ASSERT_EQ(first.status, 201) << first.text;
  ASSERT_EQ(api_.patch(at(ticket, "/approve_changelog"), {{"version", 1}}).status, 200);
  const auto calls = sandbox().calls().size();
  const auto again = api_.post(at(ticket, "/generate_changelog"), {{"force", true}}, key);
  EXPECT_EQ(again.status, 201) << again.text;
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(sandbox().calls().size(), calls) << "nobody was asked again";
  EXPECT_EQ(api_.post(at(ticket, "/generate_changelog"), json::object(), key).status, 422);
}

TEST_F(release, takes_personal_data_out_of_what_people_write) {
  auto ticket = resolved();
  const auto made = api_.post(
    at(ticket, "/manual_changelog"),
    {{"content",
      "**What happened:**\nWrite to bob@other.example.\n\n**How we fixed it:**\nCard 4111 1111 "
      "1111 1111.\n\n**Going forward:**\nAll is well."}});
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_THAT(made.at("content"),
              AllOf(HasSubstr("[EMAIL]"), Not(HasSubstr("bob@")), Not(HasSubstr("4111"))));
}

TEST_F(release, says_which_model_nobody_knows) {
  auto ticket = resolved();
  const auto answer = api_.post(at(ticket, "/generate_changelog"), {{"model", "missing-model"}});
  EXPECT_EQ(answer.status, 422) << answer.text;
}

TEST_F(release, wants_a_resolved_ticket_and_three_sections) {
  auto ticket = fresh();
  ticket.report();
  EXPECT_EQ(api_.get(at(ticket, "/changelog")).status, 404);
  EXPECT_EQ(api_.post(at(ticket, "/generate_changelog"), json::object()).status, 422);
  EXPECT_EQ(api_.post(at(ticket, "/manual_changelog"), {{"content", by_hand}}).status, 422);
  ticket.resolve();
  EXPECT_EQ(api_.patch(at(ticket, "/approve_changelog"), {{"version", 1}}).status, 422);
  const auto bare = api_.post(at(ticket, "/manual_changelog"), {{"content", "It is fixed."}});
  EXPECT_EQ(bare.status, 422);
  EXPECT_THAT(bare.text, HasSubstr("**What happened:**"));
  const auto made = api_.post(at(ticket, "/manual_changelog"), {{"content", by_hand}});
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_TRUE(made.body["ai_model"].is_null());
  const auto unread = api_.patch(at(ticket, "/approve_changelog"), json::object());
  EXPECT_EQ(unread.status, 422) << "it does not say which version was read";
  EXPECT_EQ(api_.patch(at(ticket, "/update_changelog_draft"), {{"content", "x"}}).status, 422);
  EXPECT_EQ(
    api_
      .patch(at(ticket, "/update_changelog_draft"), {{"content", by_hand}}, {{"If-Match", "\"9\""}})
      .status,
    409);
}

TEST_F(release, has_one_winner_where_two_approve_at_once) {
  auto ticket = resolved();
  ASSERT_EQ(api_.post(at(ticket, "/manual_changelog"), {{"content", by_hand}}).status, 201);
  std::array<int, 2> said{};
  in_parallel(2, [&](int who) {
    said[static_cast<std::size_t>(who)] =
      hub_client{hub().port()}.patch(at(ticket, "/approve_changelog"), {{"version", 1}}).status;
  });
  EXPECT_THAT((std::multiset<int>{said[0], said[1]}), ElementsAre(200, 409));
  EXPECT_EQ(api_.get("/api/notifications?ticket_id=" + ticket.ticket()).body.size(), 1U);
  EXPECT_EQ(api_.patch(at(ticket, "/update_changelog_draft"), {{"content", by_hand}}).status, 422)
    << "what is approved stays as it is";
}

TEST_F(release, is_taken_back_before_it_is_sent_and_not_after) {
  auto ticket = resolved();
  ASSERT_EQ(api_.post(at(ticket, "/manual_changelog"), {{"content", by_hand}}).status, 201);
  ASSERT_EQ(api_.patch(at(ticket, "/approve_changelog"), {{"version", 1}}).status, 200);
  const auto before = sandbox().times_sent(ticket.reporter());
  const auto back = api_.post(at(ticket, "/take_back_changelog"), json::object());
  ASSERT_EQ(back.status, 200) << back.text;
  EXPECT_EQ(back.at("status"), "draft");
  EXPECT_EQ(back.at("content"), by_hand);
  EXPECT_EQ(status_of(ticket), "rejected");
  // Its job runs when it is due, finds that, and sends nothing.
  ASSERT_TRUE(tests::eventually([&] {
    pqxx::connection database{hub().connection_string()};
    pqxx::nontransaction tx{database};
    return tx.exec_params1("SELECT count(*) FROM finished_jobs WHERE id = $1::uuid",
                           ticket.notification()["id"].get<std::string>())[0]
             .as<int>()
           == 1;
  }));
  EXPECT_EQ(sandbox().times_sent(ticket.reporter()), before);

  const auto again = api_.patch(at(ticket, "/approve_changelog"), {{"version", 1}});
  ASSERT_EQ(again.status, 200) << again.text;
  ASSERT_TRUE(tests::eventually([&] { return status_of(ticket) == "sent"; }, 30s));
  EXPECT_EQ(ticket.persist("POST", at(ticket, "/take_back_changelog")).status, 409);
}

TEST_F(release, warns_of_a_newer_message) {
  auto ticket = resolved();
  ASSERT_EQ(api_.post(at(ticket, "/manual_changelog"), {{"content", by_hand}}).status, 201);
  const auto more = api_.send(whatsapp({{.id = unique("wamid.more-"),
                                         .from = ticket.reporter(),
                                         .text = "It crashes again!",
                                         .quotes = "wamid.report-" + ticket.reporter()}}));
  ASSERT_EQ(more.at("ticket_id"), ticket.ticket()) << more.text;
  EXPECT_EQ(api_.patch(at(ticket, "/approve_changelog"), {{"version", 1}}).status, 422)
    << "it was reopened";
  ASSERT_EQ(api_.patch(at(ticket), {{"status", "resolved"}}).status, 200);
  const auto warned = api_.patch(at(ticket, "/approve_changelog"), {{"version", 1}});
  EXPECT_EQ(warned.status, 409);
  EXPECT_THAT(warned.at("error"), HasSubstr("although_newer"));
  EXPECT_EQ(
    api_.patch(at(ticket, "/approve_changelog"), {{"version", 1}, {"although_newer", true}}).status,
    200);
}

TEST_F(release, says_that_the_model_is_away_and_loses_nothing) {
  auto ticket = resolved();
  sandbox().misbehave({{"provider", "openai"}, {"kind", "status_500"}});
  const auto away = api_.post(at(ticket, "/generate_changelog"), json::object());
  EXPECT_EQ(away.status, 503) << away.text;
  EXPECT_FALSE(away.header("retry-after").empty());
  sandbox().behave();
  EXPECT_TRUE(tests::eventually(
    [&] { return api_.post(at(ticket, "/generate_changelog"), json::object()).status == 201; },
    60s));
}

TEST_F(release, lists_entries_with_their_tickets) {
  auto ticket = resolved();
  const auto made = api_.post(at(ticket, "/manual_changelog"), {{"content", by_hand}});
  const auto drafts = api_.get("/api/changelog_entries?status=draft&per_page=1");
  ASSERT_EQ(drafts.status, 200) << drafts.text;
  ASSERT_EQ(drafts.body.size(), 1U);
  EXPECT_EQ(drafts.body[0]["id"], made.at("id"));
  EXPECT_EQ(drafts.body[0]["ticket"]["id"], ticket.ticket());
  EXPECT_EQ(drafts.body[0]["ticket"]["reporter"]["name"], "Ana");
  EXPECT_FALSE(drafts.header("x-total-count").empty());
  EXPECT_EQ(api_.get("/api/changelog_entries?status=wrong").status, 400);
}

} // namespace
} // namespace hub::testing
