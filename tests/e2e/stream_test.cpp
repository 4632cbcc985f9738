#include "tests/e2e/hub_suite.hpp"
#include "tests/support/event_source.hpp"
#include "tests/support/process.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

class live_stream : public hub_suite<live_stream> {
public:
  static hub_options options() {
    hub_options chosen;
    chosen.environment["HUB_RELEASE_UNDO_WITHIN"] = "1s";
    // Its tests call and come back often.
    for (const auto* of : {"KEY", "ADDRESS", "WORKSPACE"}) {
      chosen.environment["HUB_" + std::string{of} + "_CALLS_PER_SECOND"] = "0";
      chosen.environment["HUB_" + std::string{of} + "_STREAMS"] = "0"; // it notices within a second
    }
    return chosen;
  }

protected:
  static event_source follow(const std::string& query = {}, const std::string& last_id = {}) {
    return {hub().port(),
            query,
            tests_own_key() + (last_id.empty() ? "" : "Last-Event-ID: " + last_id + "\r\n")};
  }

  std::string open_ticket(const headers& who = {}) {
    const auto made = api_.post("/api/tickets", {{"title", unique("Followed ")}}, who);
    EXPECT_EQ(made.status, 201) << made.text;
    return made.at("id");
  }

  /// The next event about one of these tickets. What happened a moment before somebody begins to
  /// follow may come, too.
  static std::optional<stream_event> next_about(event_source& stream,
                                                const std::set<std::string>& tickets) {
    for (;;) {
      auto event = stream.next();
      if (!event || tickets.contains(event->data.value("ticket_id", "")))
        return event;
    }
  }

  hub_client api_{hub().port()};
};

TEST_F(live_stream, tells_of_what_happens_as_it_happens) {
  auto stream = follow();
  EXPECT_EQ(stream.status(), 200);
  EXPECT_THAT(stream.head(), HasSubstr("text/event-stream"));
  EXPECT_THAT(stream.head(), HasSubstr("no-store"));
  const auto ticket = open_ticket();
  const auto created = next_about(stream, {ticket});
  ASSERT_TRUE(created);
  EXPECT_EQ(created->kind, "message");
  EXPECT_EQ(created->data["event_type"], "created");
  EXPECT_EQ(created->data["ticket_id"], ticket);
  EXPECT_FALSE(created->id.empty());
  ASSERT_EQ(api_.patch("/api/tickets/" + ticket, {{"status", "in_progress"}}).status, 200);
  const auto changed = stream.next();
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->data["event_type"], "status_changed");
  // As the ticket's own page shows it.
  auto shown = api_.get("/api/tickets/" + ticket).body["events"][0];
  shown["ticket_id"] = ticket;
  EXPECT_EQ(changed->data, shown);
}

TEST_F(live_stream, brings_what_is_put_into_the_app) {
  const auto made =
    api_.post("/api/tickets",
              {{"title", "The export does nothing"},
               {"original_channel", "in_app"},
               {"reporter", {{"name", "Ana"}, {"email", "ana.in.app@example.org"}}}});
  ASSERT_EQ(made.status, 201) << made.text;
  const auto ticket = "/api/tickets/" + made.at("id");
  auto stream =
    follow("?event_type=notification_sent,notification_delivered&ticket_id=" + made.at("id"));
  ASSERT_EQ(api_.patch(ticket, {{"status", "resolved"}}).status, 200);
  const std::string content =
    "**What happened:**\nIt broke.\n\n**How we fixed it:**\nIt works.\n\n**Going forward:**\nWe watch.";
  ASSERT_EQ(api_.post(ticket + "/manual_changelog", {{"content", content}}).status, 201);
  const auto approved = api_.patch(ticket + "/approve_changelog", {{"version", 1}});
  ASSERT_EQ(approved.status, 200) << approved.text;
  for (const auto* what : {"notification_sent", "notification_delivered"}) {
    const auto event = stream.next(60s);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->data["event_type"], what);
    EXPECT_EQ(event->data["data"]["channel"], "in_app");
    const auto shown =
      api_.get("/api/notifications/" + event->data["data"]["notification_id"].get<std::string>());
    EXPECT_EQ(shown.at("status"), "delivered");
    EXPECT_THAT(shown.at("content"), HasSubstr("It works."));
  }
}

TEST_F(live_stream, tells_only_what_was_asked_for) {
  const auto ticket = open_ticket();
  auto of_ticket = follow("?ticket_id=" + ticket);
  auto of_kind = follow("?event_type=status_changed,title_changed");
  const auto other = open_ticket();
  ASSERT_EQ(api_.patch("/api/tickets/" + other, {{"status", "in_progress"}}).status, 200);
  ASSERT_EQ(api_.patch("/api/tickets/" + ticket, {{"status", "in_progress"}}).status, 200);
  const auto first = of_ticket.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->data["ticket_id"], ticket);
  for (const auto& expected : {other, ticket}) {
    const auto next = next_about(of_kind, {other, ticket});
    ASSERT_TRUE(next);
    EXPECT_EQ(next->data["event_type"], "status_changed");
    EXPECT_EQ(next->data["ticket_id"], expected);
  }
}

TEST_F(live_stream, refuses_what_it_does_not_understand) {
  EXPECT_EQ(follow("?ticket_id=nonsense").status(), 400);
  EXPECT_EQ(follow("?event_type=Status%20changed").status(), 400);
  EXPECT_EQ(follow("", "nonsense").status(), 400);
  EXPECT_EQ(follow("", "-1").status(), 400);
  EXPECT_EQ((event_source{hub().port(), "", ""}.status()), 401);
}

TEST_F(live_stream, goes_on_where_it_broke_off) {
  auto stream = follow();
  const auto before = open_ticket();
  ASSERT_TRUE(stream.next());
  const auto last = stream.last_id();
  std::set<std::string> missed;
  for (int i = 0; i < 5; ++i)
    missed.insert(open_ticket());
  auto again = follow("", last);
  while (!missed.empty()) {
    const auto event = again.next();
    ASSERT_TRUE(event) << missed.size() << " tickets never came";
    missed.erase(event->data["ticket_id"].get<std::string>());
  }
}

TEST_F(live_stream, goes_on_even_where_it_broke_off_before_the_first_event) {
  std::string from;
  {
    auto stream = follow("?ticket_id=01890a5d-ac96-774b-bcce-b302099a8057"); // nobody's
    EXPECT_TRUE(tests::eventually([&] {
      EXPECT_FALSE(stream.next(50ms));
      return !stream.last_id().empty();
    }));
    from = stream.last_id();
  }
  const auto ticket = open_ticket();
  auto again = follow("", from);
  EXPECT_TRUE(next_about(again, {ticket}));
}

TEST_F(live_stream, misses_nothing_however_often_it_breaks) {
  std::atomic<bool> done{false};
  std::mutex mutex;
  std::set<std::string> made;
  std::string last;
  {
    auto first = follow();
    open_ticket();
    ASSERT_TRUE(first.next());
    last = first.last_id();
  }
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < 4; ++writer)
    writers.emplace_back([&] {
      hub_client api{hub().port()};
      for (int i = 0; i < 40; ++i) {
        const auto got = api.post("/api/tickets", {{"title", unique("Busy ")}});
        const std::lock_guard lock{mutex};
        made.insert(got.at("id"));
      }
    });
  std::set<std::string> seen;
  const auto all_seen = [&] {
    const std::lock_guard lock{mutex};
    return made.size() == 160 && std::ranges::includes(seen, made);
  };
  const auto end = std::chrono::steady_clock::now() + 120s;
  while (!all_seen() && std::chrono::steady_clock::now() < end) {
    auto stream = follow("?event_type=created", last);
    for (int i = 0; i < 7; ++i)
      if (const auto event = stream.next(1s)) {
        ASSERT_EQ(event->kind, "message");
        seen.insert(event->data["ticket_id"].get<std::string>());
      }
    last = stream.last_id().empty() ? last : stream.last_id();
  }
  writers.clear();
  EXPECT_TRUE(all_seen());
}

TEST_F(live_stream, goes_on_in_the_middle_of_what_happened_at_once) {
  const auto ticket = open_ticket();
  auto stream = follow("?ticket_id=" + ticket);
  ASSERT_EQ(
    api_.patch("/api/tickets/" + ticket, {{"title", "Another"}, {"priority", 1}, {"tags", {"a"}}})
      .status,
    200);
  std::vector<std::string> happened;
  const auto detail = api_.get("/api/tickets/" + ticket).body;
  for (const auto& event : detail.at("events"))
    happened.push_back(event["id"]);
  ASSERT_GT(happened.size(), 2U);
  std::set<std::string> seen;
  std::string last = "0";
  for (std::size_t i = 0; i < happened.size() * 3 && seen.size() < happened.size(); ++i) {
    auto again = follow("?ticket_id=" + ticket, last);
    ASSERT_EQ(again.status(), 200);
    const auto event = again.next(); // one, and the connection breaks
    ASSERT_TRUE(event) << "after " << last;
    seen.insert(event->data["id"].get<std::string>());
    last = event->id;
  }
  EXPECT_EQ(seen.size(), happened.size());
}

TEST_F(live_stream, says_when_what_is_known_must_be_read_again) {
  auto stream = follow("", "9000000000000");
  const auto event = stream.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, "reset");
  const auto ticket = open_ticket();
  EXPECT_TRUE(next_about(stream, {ticket})) << "and then it goes on";
}

TEST_F(live_stream, ends_when_its_key_is_revoked) {
  const auto made = api_.post("/api/api_keys", {{"name", "watcher"}, {"scopes", {"tickets:read"}}});
  ASSERT_EQ(made.status, 201) << made.text;
  event_source stream{hub().port(), "", "Authorization: Bearer " + made.at("key") + "\r\n"};
  ASSERT_EQ(stream.status(), 200);
  ASSERT_EQ(api_.call("DELETE", "/api/api_keys/" + made.at("id"), {}, {}).status, 200);
  EXPECT_TRUE(stream.ended(60s));
}

TEST_F(live_stream, shows_no_other_workspace) {
  ASSERT_EQ(hub().run({"workspaces", "create", "--name", "elsewhere"}).exit_code, 0);
  auto key = hub().run({"keys",
                        "create",
                        "--name",
                        "there",
                        "--workspace",
                        "elsewhere",
                        "--scope",
                        "tickets:read",
                        "--scope",
                        "tickets:write"});
  ASSERT_EQ(key.exit_code, 0) << key.err;
  key.out.erase(key.out.find('\n'));
  const headers there{{"Authorization", "Bearer " + key.out}};
  auto here_stream = follow();
  event_source there_stream{hub().port(), "", "Authorization: Bearer " + key.out + "\r\n"};
  ASSERT_EQ(there_stream.status(), 200);
  const auto here = open_ticket();
  const auto theirs = open_ticket(there);
  const auto last = open_ticket();
  const auto theirs_too = open_ticket(there);
  for (const auto& [stream, expected] :
       {std::pair{&here_stream, std::vector{here, last}}, {&there_stream, {theirs, theirs_too}}})
    for (const auto& ticket : expected) {
      const auto event = next_about(*stream, {here, last, theirs, theirs_too});
      ASSERT_TRUE(event);
      EXPECT_EQ(event->data["ticket_id"], ticket);
    }
  // Nor from the history.
  event_source resumed{
    hub().port(), "", "Authorization: Bearer " + key.out + "\r\nLast-Event-ID: 0\r\n"};
  const auto event = resumed.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->data["ticket_id"], theirs);
}

TEST(stopping_hub, ends_its_live_streams_and_stops_cleanly) {
  hub_process hub{
    {.environment = {{"LOG_LEVEL", "info"}, {"LOG_FORMAT", "json"}}, .arguments = {}}};
  hub.start();
  event_source stream{hub.port(), "", tests_own_key()};
  ASSERT_EQ(stream.status(), 200);
  EXPECT_EQ(hub.terminate(), 0);
  EXPECT_TRUE(stream.ended(5s));
  EXPECT_THAT(hub.log(), HasSubstr("\"clean\":true"));
}

} // namespace
} // namespace hub::testing
