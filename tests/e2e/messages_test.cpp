#include "tests/e2e/hub_suite.hpp"

#include <gmock/gmock.h>

namespace hub::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

template <class Suite>
class message_rules : public hub_suite<Suite> {
protected:
  using base = hub_suite<Suite>;

  static nlohmann::json detail(const std::string& ticket) {
    hub_client api{base::hub().port()};
    const auto got = api.get("/api/tickets/" + ticket);
    EXPECT_EQ(got.status, 200) << got.text;
    return got.body;
  }

  static std::vector<std::string> bodies(const std::string& ticket) {
    std::vector<std::string> all;
    const auto shown = detail(ticket);
    for (const auto& message : shown.at("messages"))
      all.push_back(message.at("body").get<std::string>());
    return all;
  }

  static std::string status(const std::string& ticket) {
    return detail(ticket).at("status").get<std::string>();
  }

  static void resolve(const std::string& ticket) {
    hub_client api{base::hub().port()};
    const auto got = api.patch("/api/tickets/" + ticket, {{"status", "resolved"}});
    ASSERT_EQ(got.status, 200) << got.text;
    ASSERT_EQ(got.at("status"), "resolved");
  }

  /// Sends and expects to be taken as new; the ticket it went to.
  static std::string take(const delivery& what) {
    hub_client to{base::hub().port()};
    const auto got = to.send(what);
    EXPECT_EQ(got.status, 200) << got.text;
    EXPECT_FALSE(got.is("duplicate")) << got.text;
    EXPECT_FALSE(got.at("ticket_id").empty()) << got.text;
    return got.at("ticket_id");
  }

  static std::string reporter(const std::string& ticket) {
    const auto body = detail(ticket);
    return body.at("reporter").is_null() ? "" : body.at("reporter").at("id").get<std::string>();
  }
};

class messages : public message_rules<messages> {};

// ---- Slack

TEST_F(messages, take_a_mention_told_twice_as_one_message) {
  const auto ts = fresh_ts();
  const auto before = ledger_total(hub().port());
  hub_client to{hub().port()};
  const auto first = to.send(slack({.event_id = unique("Ev"), .ts = ts}));
  const auto second = to.send(slack({.event_id = unique("Ev"), .ts = ts, .type = "app_mention"}));
  EXPECT_FALSE(first.is("duplicate"));
  EXPECT_TRUE(second.is("duplicate")) << second.text;
  EXPECT_EQ(second.at("ticket_id"), first.at("ticket_id"));
  EXPECT_EQ(bodies(first.at("ticket_id")).size(), 1U);
  const auto after = ledger_total(hub().port());
  EXPECT_EQ(after.received - before.received, 2);
  EXPECT_EQ(after.created - before.created, 1);
  EXPECT_EQ(after.duplicate - before.duplicate, 1);
}

TEST_F(messages, take_a_mention_told_twice_at_once_as_one_message) {
  for (int i = 0; i < 20; ++i) {
    const auto ts = fresh_ts();
    std::vector<std::string> tickets(2);
    std::atomic<int> duplicates{0};
    in_parallel(2, [&](int teller) {
      hub_client to{hub().port()};
      const auto got = to.send(slack(
        {.event_id = unique("Ev"), .ts = ts, .type = teller == 0 ? "message" : "app_mention"}));
      tickets[static_cast<std::size_t>(teller)] = got.at("ticket_id");
      duplicates += got.is("duplicate") ? 1 : 0;
    });
    EXPECT_EQ(duplicates, 1);
    EXPECT_EQ(tickets[0], tickets[1]);
    EXPECT_EQ(bodies(tickets[0]).size(), 1U);
  }
}

TEST_F(messages, attach_a_reply_to_its_threads_ticket) {
  const auto ts = fresh_ts();
  const auto ticket = take(slack({.event_id = unique("Ev"), .ts = ts, .text = "It broke."}));
  const auto same = take(slack({.event_id = unique("Ev"),
                                .ts = fresh_ts(),
                                .text = "Still broken.",
                                .thread_ts = ts,
                                .user = "U2"}));
  EXPECT_EQ(same, ticket);
  EXPECT_THAT(bodies(ticket), ElementsAre("It broke.", "Still broken."));
  const auto other = take(slack({.event_id = unique("Ev"), .ts = ts, .channel = "C2"}));
  EXPECT_NE(other, ticket) << "the same moment in another channel is another thread";
}

TEST_F(messages, open_a_ticket_for_a_reply_whose_thread_is_unknown_and_take_its_opening_late) {
  const auto ts = fresh_ts();
  const auto ticket =
    take(slack({.event_id = unique("Ev"), .ts = fresh_ts(), .text = "reply", .thread_ts = ts}));
  EXPECT_EQ(take(slack({.event_id = unique("Ev"), .ts = ts, .text = "opening"})), ticket);
  EXPECT_THAT(bodies(ticket), ElementsAre("reply", "opening"));
}

TEST_F(messages, pass_over_what_bots_write) {
  auto body = nlohmann::json::parse(slack({.event_id = unique("Ev"), .ts = fresh_ts()}).body);
  body["event"]["bot_id"] = "B1";
  hub_client to{hub().port()};
  const auto before = ledger_total(hub().port());
  const auto got = to.send({domain::channel::slack, body.dump()});
  EXPECT_EQ(got.status, 200) << got.text;
  EXPECT_TRUE(got.body.at("ticket_id").is_null());
  const auto after = ledger_total(hub().port());
  EXPECT_EQ(after.not_feedback - before.not_feedback, 1);
  EXPECT_EQ(after.created, before.created);
}

TEST_F(messages, reopen_a_resolved_ticket_and_say_why) {
  const auto ts = fresh_ts();
  const auto ticket = take(slack({.event_id = unique("Ev"), .ts = ts}));
  resolve(ticket);
  take(slack({.event_id = unique("Ev"), .ts = fresh_ts(), .text = "again", .thread_ts = ts}));
  const auto now = detail(ticket);
  EXPECT_EQ(now.at("status"), "open");
  EXPECT_TRUE(now.at("resolved_at").is_null());
  const nlohmann::json reason{{"from", "resolved"}, {"to", "open"}, {"reason", "new_message"}};
  std::vector<nlohmann::json> changes;
  for (const auto& event : now.at("events"))
    if (event.at("event_type") == "status_changed")
      changes.push_back(event.at("data"));
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes.front(), reason) << "newest first";
}

class replies_that_do_not_reopen : public message_rules<replies_that_do_not_reopen> {
public:
  static hub_options options() {
    hub_options chosen;
    chosen.environment["HUB_INTAKE_REOPEN_RESOLVED"] = "off";
    chosen.environment["HUB_INTAKE_WHATSAPP_WINDOW"] = "1h";
    return chosen;
  }
};

TEST_F(replies_that_do_not_reopen, leave_a_resolved_ticket_resolved) {
  const auto ts = fresh_ts();
  const auto ticket = take(slack({.event_id = unique("Ev"), .ts = ts}));
  resolve(ticket);
  EXPECT_EQ(
    take(slack({.event_id = unique("Ev"), .ts = fresh_ts(), .text = "again", .thread_ts = ts})),
    ticket);
  EXPECT_EQ(status(ticket), "resolved");
  EXPECT_EQ(bodies(ticket).size(), 2U);
}

TEST_F(replies_that_do_not_reopen, have_a_shorter_window_where_one_is_set) {
  const auto from = unique("346");
  const auto say = [&](std::int64_t ago) {
    return take(whatsapp({{.id = unique("wamid."), .from = from, .at = unix_now() - ago}}));
  };
  const auto first = say(7200);
  const auto second = say(1800);
  EXPECT_NE(second, first);
  EXPECT_EQ(say(10), second);
}

// ---- WhatsApp

class whatsapp_messages : public message_rules<whatsapp_messages> {
protected:
  static delivery said(const std::string& id,
                       const std::string& from,
                       std::int64_t ago = 0,
                       const std::string& quotes = {}) {
    return whatsapp(
      {{.id = id, .from = from, .text = id, .quotes = quotes, .at = unix_now() - ago}});
  }
};

TEST_F(whatsapp_messages, join_the_open_ticket_of_their_sender_within_a_day) {
  const auto from = unique("346");
  const auto a = unique("wamid.");
  const auto b = unique("wamid.");
  const auto ticket = take(said(a, from, 23 * 3600));
  EXPECT_EQ(take(said(b, from)), ticket);
  EXPECT_THAT(bodies(ticket), ElementsAre(a, b));
  EXPECT_NE(take(said(unique("wamid."), unique("346"))), ticket) << "another sender";
}

TEST_F(whatsapp_messages, open_a_new_ticket_after_a_day_of_silence) {
  const auto from = unique("346");
  const auto ticket = take(said(unique("wamid."), from, 25 * 3600));
  EXPECT_NE(take(said(unique("wamid."), from)), ticket);
}

TEST_F(whatsapp_messages, open_a_new_ticket_after_the_last_one_is_resolved) {
  const auto from = unique("346");
  const auto ticket = take(said(unique("wamid."), from));
  resolve(ticket);
  const auto next = take(said(unique("wamid."), from));
  EXPECT_NE(next, ticket);
  EXPECT_EQ(status(ticket), "resolved");
  EXPECT_EQ(take(said(unique("wamid."), from)), next);
}

TEST_F(whatsapp_messages, join_the_ticket_they_quote) {
  const auto from = unique("346");
  const auto old = unique("wamid.");
  const auto first = take(said(old, from, 30 * 3600));
  const auto second = take(said(unique("wamid."), from, 60));
  ASSERT_NE(first, second);
  EXPECT_EQ(take(said(unique("wamid."), from, 30, old)), first);
  EXPECT_EQ(detail(second).at("messages").size(), 1U);
}

TEST_F(whatsapp_messages, of_one_sender_sent_at_once_become_one_ticket) {
  for (int i = 0; i < 10; ++i) {
    const auto from = unique("346");
    constexpr int count = 6;
    std::vector<std::string> tickets(count);
    in_parallel(count, [&](int n) {
      tickets[static_cast<std::size_t>(n)] = take(said(unique("wamid."), from));
    });
    for (const auto& ticket : tickets)
      EXPECT_EQ(ticket, tickets.front());
    EXPECT_EQ(bodies(tickets.front()).size(), std::size_t{count});
  }
}

TEST_F(whatsapp_messages, of_one_call_are_taken_one_by_one_known_and_new_alike) {
  const auto anna = unique("346");
  const auto luis = unique("346");
  const auto known = unique("wamid.");
  const auto ticket = take(said(known, anna));
  const auto before = ledger_total(hub().port());
  hub_client to{hub().port()};
  const auto mixed = whatsapp({{.id = known, .from = anna},
                               {.id = unique("wamid."), .from = anna, .text = "second"},
                               {.id = unique("wamid."), .from = luis, .text = "hello"},
                               {.id = unique("wamid."), .from = anna, .text = "third"}});
  const auto got = to.send(mixed);
  ASSERT_EQ(got.status, 200) << got.text;
  EXPECT_FALSE(got.is("duplicate"));
  ASSERT_EQ(got.body.at("items").size(), 4U);
  const auto& items = got.body.at("items");
  EXPECT_TRUE(items[0].at("duplicate"));
  EXPECT_EQ(items[0].at("ticket_id"), ticket);
  EXPECT_EQ(items[1].at("ticket_id"), ticket);
  EXPECT_EQ(items[2].at("outcome"), "created");
  EXPECT_NE(items[2].at("ticket_id"), ticket);
  EXPECT_EQ(items[3].at("ticket_id"), ticket);
  EXPECT_THAT(bodies(ticket), ElementsAre(known, "second", "third"));
  const auto after = ledger_total(hub().port());
  EXPECT_EQ(after.received - before.received, 4);
  EXPECT_EQ(after.created - before.created, 1);
  EXPECT_EQ(after.attached - before.attached, 2);
  EXPECT_EQ(after.duplicate - before.duplicate, 1);

  const auto again = to.send(mixed);
  EXPECT_TRUE(again.is("duplicate")) << again.text;
  EXPECT_EQ(bodies(ticket).size(), 3U);
}

TEST_F(whatsapp_messages, of_one_call_may_be_more_than_a_conversation_lets_wait) {
  const auto from = unique("346");
  std::vector<whatsapp_words> said;
  for (int i = 0; i < 1500; ++i)
    said.push_back({.id = unique("wamid.flood"), .from = from});
  hub_client api{hub().port()};
  const auto got = api.send(whatsapp(said));
  ASSERT_EQ(got.status, 200) << got.text.substr(0, 300);
  const auto& items = got.body.at("items");
  EXPECT_EQ(items.size(), said.size());
  for (const auto& item : items)
    EXPECT_EQ(item.at("ticket_id"), got.at("ticket_id"));
}

TEST_F(whatsapp_messages, are_not_feedback_when_they_are_statuses) {
  auto body = nlohmann::json::parse(said(unique("wamid."), "1").body);
  auto& value = body["entry"][0]["changes"][0]["value"];
  value.erase("messages");
  value["statuses"] = nlohmann::json::array({{{"id", unique("wamid.")},
                                              {"status", "delivered"},
                                              {"timestamp", std::to_string(unix_now())},
                                              {"recipient_id", "34600000101"}}});
  hub_client to{hub().port()};
  const auto got = to.send({domain::channel::whatsapp, body.dump()});
  EXPECT_EQ(got.status, 200) << got.text;
  EXPECT_EQ(got.at("status"), "ok");
  EXPECT_TRUE(got.body.at("ticket_id").is_null());
  EXPECT_TRUE(to.send({domain::channel::whatsapp, body.dump()}).is("duplicate"));
}

// ---- who wrote

class reporters : public message_rules<reporters> {
protected:
  static std::string by_api(const std::string& name, const std::string& email) {
    hub_client api{hub().port()};
    const auto got = api.post("/api/tickets",
                              {{"title", "A report"},
                               {"description", "By hand."},
                               {"reporter", {{"name", name}, {"email", email}}}});
    EXPECT_EQ(got.status, 201) << got.text;
    return got.at("id");
  }
  static delivery said(const std::string& user, const std::string& email) {
    return intercom({.conversation = unique("c"), .user = user, .name = "Ana", .email = email});
  }
};

TEST_F(reporters, are_one_person_by_their_address_in_any_case_on_any_channel) {
  const auto name = unique("ana");
  const auto on_intercom = take(said(unique("contact"), name + "@Example.COM"));
  const auto by_hand = by_api("Ana", name + "@example.com");
  EXPECT_FALSE(reporter(on_intercom).empty());
  EXPECT_EQ(reporter(by_hand), reporter(on_intercom));
  EXPECT_EQ(reporter(by_api("Someone", name + "x@example.com")) == reporter(by_hand), false);
}

TEST_F(reporters, are_recognised_when_they_tell_their_address_later) {
  const auto email = unique("late") + "@example.com";
  const auto user = unique("contact");
  const auto nameless = take(said(user, ""));
  const auto by_hand = by_api("Ana", email);
  EXPECT_NE(reporter(nameless), reporter(by_hand));
  const auto told = take(said(user, email));
  EXPECT_EQ(reporter(told), reporter(by_hand));
  EXPECT_EQ(reporter(nameless), reporter(by_hand)) << "earlier tickets come along";
  EXPECT_EQ(reporter(take(said(user, ""))), reporter(by_hand));
  hub_client api{hub().port()};
  const auto edited = api.patch("/api/tickets/" + nameless, {{"priority", 1}});
  EXPECT_EQ(edited.status, 200) << "a linked ticket can still be edited: " << edited.text;
}

TEST_F(reporters, keep_the_first_address_they_tell) {
  const auto email = unique("first") + "@example.com";
  const auto user = unique("contact");
  const auto nameless = take(said(user, ""));
  const auto told = take(said(user, email));
  EXPECT_EQ(reporter(told), reporter(nameless)) << "nobody else had it";
  EXPECT_EQ(detail(nameless).at("reporter").at("email"), email);
}

TEST_F(reporters, are_different_people_for_all_that_they_share_a_name) {
  const auto one = take(said(unique("contact"), ""));
  const auto two = take(said(unique("contact"), ""));
  EXPECT_EQ(detail(one).at("reporter").at("name"), "Ana");
  EXPECT_EQ(detail(two).at("reporter").at("name"), "Ana");
  EXPECT_NE(reporter(one), reporter(two));
}

TEST_F(reporters, are_made_once_however_many_reports_of_theirs_arrive_at_once) {
  for (int i = 0; i < 10; ++i) {
    const auto email = unique("crowd") + "@example.com";
    constexpr int count = 8;
    std::vector<std::string> tickets(count);
    in_parallel(count, [&](int n) {
      tickets[static_cast<std::size_t>(n)] =
        n % 2 == 0 ? take(said(unique("contact"), email)) : by_api("Ana", email);
    });
    for (const auto& ticket : tickets)
      EXPECT_EQ(reporter(ticket), reporter(tickets.front()));
  }
}

} // namespace
} // namespace hub::testing
