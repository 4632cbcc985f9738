#include "domain/time.hpp"
#include "tests/e2e/hub_suite.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sandbox_process.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// What reporters are told on each channel, and what becomes of it.
class notifications : public hub_suite<notifications> {
public:
  static hub_options options() {
    sandbox_ = std::make_unique<sandbox_process>();
    auto environment = sandbox_->hub_environment();
    environment["HUB_RELEASE_UNDO_WITHIN"] = "0s";
    environment["HUB_WHATSAPP_RECIPIENT_EVERY"] = "0s";
    environment["HUB_ADDRESS_CALLS_PER_SECOND"] = "0"; // tests ask again and again
    environment["HUB_KEY_CALLS_PER_SECOND"] = "0";
    environment["HUB_WORKSPACE_CALLS_PER_SECOND"] = "0";
    environment["HUB_RELEASE_BATCH_ABOVE"] = "100000";
    environment["WHATSAPP_TEMPLATE_LANGUAGES"] = "en_US,es";
    return {.environment = std::move(environment), .arguments = {}};
  }
  static void TearDownTestSuite() {
    hub_suite<notifications>::TearDownTestSuite();
    sandbox_.reset();
  }

protected:
  static sandbox_process& sandbox() { return *sandbox_; }
  hub_client api_{hub().port()};

  /// The ticket that a report has opened.
  std::string opened_by(const delivery& what) {
    const auto got = api_.send(what);
    EXPECT_EQ(got.status, 200) << got.text;
    return got.at("ticket_id");
  }
  static std::string number(const char* ending) { return "34" + unique("600") + ending; }
  std::string opened_on_whatsapp(const std::string& from, std::int64_t at = 0) {
    return opened_by(whatsapp({{.id = unique("wamid.in-"), .from = from, .at = at}}));
  }

  void resolve(const std::string& ticket) {
    const auto resolved = api_.patch("/api/tickets/" + ticket, {{"status", "resolved"}});
    ASSERT_EQ(resolved.status, 200) << resolved.text;
  }
  /// Has the words of a person approved; they hold the ticket's id.
  void announce(const std::string& ticket) {
    const auto at = "/api/tickets/" + ticket;
    const auto words = "**What happened:**\nThe export crashed.\n\n**How we fixed it:**\nIt counts "
                       "again, see "
                       + ticket + ".\n\n**Going forward:**\nWe watch it.";
    const auto drafted = api_.post(at + "/manual_changelog", {{"content", words}});
    ASSERT_EQ(drafted.status, 201) << drafted.text;
    const auto approved =
      api_.patch(at + "/approve_changelog", json::object(), {{"If-Match", drafted.header("etag")}});
    ASSERT_EQ(approved.status, 200) << approved.text;
  }
  json notification_of(const std::string& ticket) {
    const auto all = api_.get("/api/notifications?ticket_id=" + ticket);
    EXPECT_EQ(all.status, 200) << all.text;
    EXPECT_LE(all.body.size(), 1U) << all.text;
    return all.body.empty() ? json::object() : all.body.front();
  }
  json told(const std::string& ticket) {
    resolve(ticket);
    announce(ticket);
    return notification_of(ticket);
  }
  /// The notification once it has come to that status, with what was tried.
  json await(const std::string& ticket, const std::string& status) {
    json now;
    tests::eventually(
      [&] {
        now = notification_of(ticket);
        return now.value("status", "") == status;
      },
      30s);
    EXPECT_EQ(now.value("status", "none"), status) << now.dump(2);
    const auto shown = api_.get("/api/notifications/" + now.value("id", ""));
    EXPECT_EQ(shown.status, 200) << shown.text;
    return shown.body;
  }
  /// What the provider got that names the ticket, or was sent to that recipient.
  std::vector<json> received(const std::string& mark) {
    std::vector<json> all;
    for (const auto& message : sandbox().messages())
      if (message.dump().find(mark) != std::string::npos)
        all.push_back(message);
    return all;
  }
  json only_one_received(const std::string& mark) {
    const auto all = received(mark);
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? json::object() : all.front();
  }

  /// Has WhatsApp say what became of a message, by its own id for it alone.
  void say(const std::string& message, const std::string& status, int error = 0) {
    json said{{"id", message},
              {"status", status},
              {"timestamp", std::to_string(unix_now())},
              {"recipient_id", "34600000101"}};
    if (error != 0)
      said["errors"] = json::array({{{"code", error}}});
    const json value{{"messaging_product", "whatsapp"},
                     {"metadata", {{"phone_number_id", "106540352242922"}}},
                     {"statuses", json::array({said})}};
    const json change{{"field", "messages"}, {"value", value}};
    const json entry{{"id", "102290129340398"}, {"changes", json::array({change})}};
    auto what = whatsapp({});
    what.body =
      json{{"object", "whatsapp_business_account"}, {"entry", json::array({entry})}}.dump();
    EXPECT_EQ(api_.send(what).status, 200);
  }
  void set(const json& values) {
    const auto changed = api_.patch("/api/settings", values);
    ASSERT_EQ(changed.status, 200) << changed.text;
  }

private:
  static inline std::unique_ptr<sandbox_process> sandbox_;
};

// ---- WhatsApp

TEST_F(notifications, go_to_whatsapp_as_they_are_within_a_day_and_move_on_with_its_word) {
  const auto ticket = opened_on_whatsapp(number("11"));
  told(ticket);
  const auto sent = await(ticket, "sent");
  const auto message = only_one_received(ticket);
  EXPECT_EQ(message["text"], sent["content"]) << "to the byte what the row shows";
  EXPECT_EQ(sent["attempts"].size(), 1U);
  EXPECT_EQ(sent["attempts"][0]["outcome"], "sent");
  EXPECT_EQ(sent["ticket"]["id"], ticket);
  EXPECT_TRUE(sent["delivered_at"].is_null());

  const std::string id = message["id"];
  say(id, "read");
  const auto read = await(ticket, "delivered");
  EXPECT_FALSE(read["delivered_at"].is_null());
  EXPECT_FALSE(read["read_at"].is_null());
  say(id, "sent"); // late, and once more
  say(id, "delivered");
  say(id, "failed", 131'026);
  EXPECT_EQ(notification_of(ticket)["status"], "delivered") << "who has it has it";
}

TEST_F(notifications, go_to_whatsapp_as_a_template_after_a_day) {
  const auto from = number("12");
  const auto ticket = opened_on_whatsapp(from, unix_now() - 25 * 3600);
  told(ticket);
  await(ticket, "sent");
  const std::string text = only_one_received(from)["text"];
  EXPECT_THAT(text, StartsWith("template issue_resolved (en_US)\n*What happened:* The export"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << "one parameter on one line";
}

TEST_F(notifications, become_a_template_at_once_where_whatsapp_knows_better) {
  const auto from = number("0000");
  const auto ticket = opened_on_whatsapp(from);
  told(ticket);
  const auto sent = await(ticket, "sent");
  EXPECT_THAT(only_one_received(from)["text"].get<std::string>(), StartsWith("template "));
  EXPECT_EQ(sent["attempts"].size(), 1U) << "in the same attempt";
  EXPECT_EQ(sent["retry_count"], 0);
}

TEST_F(notifications, become_a_template_when_whatsapp_says_so_later) {
  const auto from = number("13");
  const auto ticket = opened_on_whatsapp(from);
  told(ticket);
  await(ticket, "sent");
  say(only_one_received(from)["id"], "failed", 131'047);
  ASSERT_TRUE(tests::eventually([&] { return received(from).size() == 2; }, 30s));
  EXPECT_THAT(received(from)[1]["text"].get<std::string>(), StartsWith("template "));
  await(ticket, "sent");
  // What is heard of the first message now is about nothing.
  say(received(from)[0]["id"], "failed", 131'047);
  say(received(from)[1]["id"], "delivered");
  await(ticket, "delivered");
  EXPECT_EQ(received(from).size(), 2U);
}

TEST_F(notifications, are_shut_out_where_there_is_no_template_and_sent_once_there_is) {
  const auto from = number("0000");
  const auto ticket = opened_on_whatsapp(from);
  set({{"whatsapp.template", "missing_here"}});
  told(ticket);
  const auto shut = await(ticket, "channel_restricted");
  set({{"whatsapp.template", nullptr}});
  EXPECT_THAT(shut["last_error"].get<std::string>(), HasSubstr("132001"));
  EXPECT_TRUE(received(from).empty());
  const auto again =
    api_.post("/api/notifications/" + shut["id"].get<std::string>() + "/retry", json::object());
  ASSERT_EQ(again.status, 202) << again.text;
  await(ticket, "sent");
  EXPECT_EQ(received(from).size(), 1U);
}

TEST_F(notifications, wait_for_a_person_where_nobody_knows_whether_they_were_sent) {
  const auto from = number("14");
  const auto ticket = opened_on_whatsapp(from);
  sandbox().misbehave({{"provider", "whatsapp"}, {"kind", "drop_after_work"}, {"times", 1}});
  told(ticket);
  const auto open = await(ticket, "uncertain");
  EXPECT_EQ(open["attempts"][0]["outcome"], "unknown");
  const auto retry = "/api/notifications/" + open["id"].get<std::string>() + "/retry";
  EXPECT_EQ(api_.post(retry, json::object()).status, 409);
  EXPECT_EQ(received(from).size(), 1U);
  const headers key{{"Idempotency-Key", unique("retry-")}};
  EXPECT_EQ(api_.post(retry, {{"although_unknown", true}}, key).status, 202);
  EXPECT_EQ(api_.post(retry, {{"although_unknown", true}}, key).status, 202) << "the kept answer";
  await(ticket, "sent");
  EXPECT_EQ(received(from).size(), 2U);
}

TEST_F(notifications, that_fail_for_good_can_be_sent_again_by_a_person) {
  const auto from = number("15");
  const auto ticket = opened_on_whatsapp(from);
  told(ticket);
  const auto sent = await(ticket, "sent");
  const auto retry = "/api/notifications/" + sent["id"].get<std::string>() + "/retry";
  EXPECT_EQ(api_.post(retry, json::object()).status, 409) << "it did not fail";
  say(only_one_received(from)["id"], "failed", 131'026);
  await(ticket, "permanently_failed");
  ASSERT_EQ(api_.post(retry, json::object()).status, 202) << "its job left no dead letter";
  await(ticket, "sent");
  EXPECT_EQ(received(from).size(), 2U);

  const auto nowhere = number("0002");
  const auto other = opened_on_whatsapp(nowhere);
  told(other);
  const auto failed = await(other, "permanently_failed");
  const auto letters = api_.get("/api/dead_letter_jobs?job_class=NotificationDispatchJob");
  EXPECT_THAT(letters.text, HasSubstr(failed["id"].get<std::string>()));
  ASSERT_EQ(
    api_.call("POST", "/api/notifications/" + failed["id"].get<std::string>() + "/retry", {}, {})
      .status,
    202);
  tests::eventually([&] { return notification_of(other)["status"] == "permanently_failed"; }, 30s);
  EXPECT_EQ(await(other, "permanently_failed")["attempts"].size(), 2U);
}

// ---- the other channels

TEST_F(notifications, answer_in_the_thread_on_slack) {
  const auto channel = unique("C");
  const auto ts = fresh_ts();
  const auto ticket = opened_by(slack({.event_id = unique("Ev"), .ts = ts, .channel = channel}));
  told(ticket);
  await(ticket, "sent");
  const auto message = only_one_received(ticket);
  EXPECT_EQ(message["recipient"], channel);
  EXPECT_EQ(message["details"]["thread_ts"], ts);
  EXPECT_THAT(message["text"].get<std::string>(), HasSubstr("*What happened:*"));
}

TEST_F(notifications, reach_who_wrote_by_a_command_on_slack_directly) {
  const auto user = unique("U");
  const auto ticket = opened_by(
    {domain::channel::slack,
     "team_id=T1&channel_id=C1&user_id=" + user
       + "&user_name=ana&command=%2Ffeedback&text=It+crashes&trigger_id=" + unique("13345."),
     "application/x-www-form-urlencoded"});
  told(ticket);
  await(ticket, "sent");
  const auto message = only_one_received(ticket);
  EXPECT_EQ(message["recipient"], "D" + user.substr(1)) << "Slack opens the direct message itself";
  EXPECT_EQ(message["details"]["thread_ts"], "");
}

TEST_F(notifications, answer_in_the_conversation_on_intercom) {
  const auto conversation = unique("7");
  const auto ticket = opened_by(intercom({.conversation = conversation}));
  told(ticket);
  await(ticket, "sent");
  const auto message = only_one_received(ticket);
  EXPECT_EQ(message["provider"], "intercom");
  EXPECT_EQ(message["recipient"], conversation);
}

TEST_F(notifications, go_by_mail_to_who_is_known_by_an_address) {
  const auto address = unique("ana") + "@example.org";
  const auto made = api_.post("/api/tickets",
                              {{"title", "Exports crash"},
                               {"description", "Every time."},
                               {"original_channel", "email"},
                               {"reporter", {{"name", "Ana"}, {"email", address}}}});
  ASSERT_EQ(made.status, 201) << made.text;
  told(made.at("id"));
  await(made.at("id"), "sent");
  const auto letter = only_one_received(address);
  EXPECT_EQ(letter["details"]["subject"], "Re: Exports crash");
  EXPECT_EQ(letter["details"]["headers"]["auto-submitted"], "auto-generated");
}

TEST_F(notifications, are_listed_by_status_channel_and_ticket) {
  const auto ticket = opened_on_whatsapp(number("16"));
  told(ticket);
  const auto one = await(ticket, "sent");
  const auto listed = api_.get("/api/notifications?channel=whatsapp&status=sent&per_page=1");
  ASSERT_EQ(listed.body.size(), 1U) << listed.text;
  EXPECT_EQ(listed.body[0]["id"], one["id"]) << "newest first";
  EXPECT_FALSE(listed.header("x-total-count").empty());
  EXPECT_TRUE(api_.get("/api/notifications?status=rejected&ticket_id=" + ticket).body.empty());
  EXPECT_EQ(api_.get("/api/notifications?status=lost").status, 400);
  EXPECT_EQ(api_.get("/api/notifications?channel=pigeon").status, 400);
  EXPECT_EQ(api_.get("/api/notifications/" + ticket).status, 404);
}

// ---- many at once

TEST_F(notifications, of_an_outage_wait_for_a_person_and_leave_at_the_rate_of_their_channel) {
  constexpr int many = 50;
  set({{"release.batch_above", 5}, {"whatsapp.every", "60ms"}, {"whatsapp.burst", 1}});
  std::vector<std::string> tickets;
  for (int each = 0; each < many; ++each)
    tickets.push_back(opened_on_whatsapp(number("17")));
  for (const auto& ticket : tickets)
    resolve(ticket);
  for (const auto& ticket : tickets)
    announce(ticket);
  const auto pending = api_.get("/api/batch_reviews/pending?per_page=100");
  ASSERT_EQ(pending.body.size(), static_cast<std::size_t>(many)) << pending.text;
  for (const auto& ticket : tickets)
    EXPECT_TRUE(received(ticket).empty());

  const auto first = notification_of(tickets[0]);
  EXPECT_EQ(first["status"], "pending_batch_review");
  const auto chosen =
    api_.post("/api/batch_reviews/approve_selected", {{"notification_ids", {first["id"]}}});
  EXPECT_EQ(chosen.body["approved"], 1);
  await(tickets[0], "sent");
  const headers key{{"Idempotency-Key", unique("all-")}};
  const auto all = api_.post("/api/batch_reviews/approve_all", json::object(), key);
  ASSERT_EQ(all.body["approved"], many - 1) << all.text;
  EXPECT_EQ(api_.post("/api/batch_reviews/approve_all", json::object(), key).body["approved"],
            many - 1)
    << "the kept answer";
  EXPECT_EQ(api_.post("/api/batch_reviews/approve_all", json::object()).body["approved"], 0);
  for (const auto& ticket : tickets)
    await(ticket, "sent");
  set({{"release.batch_above", nullptr}, {"whatsapp.every", nullptr}, {"whatsapp.burst", nullptr}});

  std::vector<domain::time_point> sent;
  for (const auto& message : sandbox().messages())
    for (const auto& ticket : tickets)
      if (message.dump().find(ticket) != std::string::npos)
        sent.push_back(*domain::parse_rfc3339(message["at"].get<std::string>()));
  ASSERT_EQ(sent.size(), static_cast<std::size_t>(many)) << "each once";
  EXPECT_GE(sent.back() - sent[1], (many - 3) * 60ms) << "as the limit says";
}

TEST_F(notifications, that_are_rejected_are_never_sent) {
  set({{"release.batch_above", 0}});
  const auto ticket = opened_on_whatsapp(number("18"));
  told(ticket);
  EXPECT_EQ(notification_of(ticket)["status"], "pending_batch_review");
  const auto rejected = api_.call("POST", "/api/batch_reviews/reject_all", {}, {});
  set({{"release.batch_above", nullptr}});
  ASSERT_EQ(rejected.status, 200) << rejected.text;
  EXPECT_EQ(rejected.body["rejected"], 1);
  const auto one = await(ticket, "rejected");
  EXPECT_EQ(
    api_.post("/api/notifications/" + one["id"].get<std::string>() + "/retry", json::object())
      .status,
    409);
  EXPECT_TRUE(received(ticket).empty());
  for (const auto* body : {R"({})",
                           R"({"notification_ids":[]})",
                           R"({"notification_ids":["x"]})",
                           R"({"notification_ids":[1]})"})
    EXPECT_EQ(api_
                .call("POST",
                      "/api/batch_reviews/approve_selected",
                      body,
                      {{"Content-Type", "application/json"}})
                .status,
              422)
      << body;
}

} // namespace
} // namespace hub::testing
