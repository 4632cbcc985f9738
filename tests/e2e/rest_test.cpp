#include "tests/e2e/hub_suite.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

namespace hub::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr std::array channels{"slack", "intercom", "whatsapp", "email", "in_app", "api"};
constexpr std::array types{"bug", "feature_request", "question", "incident"};
constexpr std::array statuses{"open", "in_progress", "resolved", "closed"};

class rest : public hub_suite<rest> {
public:
  static constexpr int population = 240;

  static void SetUpTestSuite() {
    hub_suite::SetUpTestSuite();
    std::mt19937_64 random{test_seed()};
    hub_client api{hub().port()};
    for (int i = 0; i < population; ++i) {
      const auto made = api.post("/api/tickets",
                                 {{"title", "Ticket " + std::to_string(i)},
                                  {"description", i % 7 == 0 ? "a zebra crossing" : "plain"},
                                  {"ticket_type", types[random() % types.size()]},
                                  {"priority", random() % 6},
                                  {"original_channel", channels[random() % channels.size()]}});
      if (made.status != 201)
        throw std::runtime_error("no population: " + made.text);
      if (const auto* to = statuses[random() % statuses.size()]; to != std::string{"open"})
        api.patch("/api/tickets/" + made.at("id"), {{"status", to}});
    }
  }

protected:
  hub_client api{hub().port()};

  json make(const json& more = json::object()) {
    json body{{"title", "A ticket"}, {"description", "Something."}};
    body.update(more);
    const auto made = api.post("/api/tickets", body);
    EXPECT_EQ(made.status, 201) << made.text;
    return made.body;
  }

  static std::string path_of(const json& ticket) {
    return "/api/tickets/" + ticket.at("id").get<std::string>();
  }

  /// Every page of a list, by cursor. Calls `between` after each page.
  std::vector<json> all_by_cursor(
    const std::string& query, const std::function<void()>& between = [] {}) {
    std::vector<json> all;
    std::string cursor;
    do {
      const auto page = api.get("/api/tickets?" + query + cursor);
      EXPECT_EQ(page.status, 200) << page.text;
      if (page.status != 200)
        break;
      for (const auto& ticket : page.body.at("tickets"))
        all.push_back(ticket);
      const auto& next = page.body.at("pagination").at("next_cursor");
      cursor = next.is_null() ? "" : "&cursor=" + next.get<std::string>();
      between();
    } while (!cursor.empty());
    return all;
  }

  static std::vector<std::string> ids_of(const std::vector<json>& tickets) {
    std::vector<std::string> ids;
    for (const auto& ticket : tickets)
      ids.push_back(ticket.at("id"));
    return ids;
  }
};

TEST_F(rest, refuses_json_that_nests_too_deep_to_be_copied) {
  const auto deep = std::string(200'000, '[').append(200'000, ']');
  const headers as_json{{"Content-Type", "application/json"}};
  const auto refused = api.call(
    "POST", "/api/tickets", R"({"title":"deep","reporter":{"email":)" + deep + "}}", as_json);
  EXPECT_EQ(refused.status, 400) << refused.text;
  EXPECT_TRUE(hub().running());
}

TEST_F(rest, filters_by_every_combination_and_counts_exactly_what_it_lists) {
  std::mt19937_64 random{test_seed() + 1};
  const auto everything = all_by_cursor("per_page=100");
  ASSERT_GE(everything.size(), static_cast<std::size_t>(population));
  const auto some = [&](const auto& of) {
    std::vector<std::string> chosen;
    for (const auto& one : of)
      if (random() % 3 == 0)
        chosen.emplace_back(one);
    return chosen;
  };
  const auto joined = [](const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names)
      text += (text.empty() ? "" : ",") + name;
    return text;
  };
  constexpr std::array priorities{"0", "1", "2", "3", "4", "5"};
  std::size_t met = 0;
  for (int i = 0; i < 60; ++i) {
    const std::map<std::string, std::vector<std::string>> facets{{"status", some(statuses)},
                                                                 {"channel", some(channels)},
                                                                 {"type", some(types)},
                                                                 {"priority", some(priorities)}};
    std::string query = "per_page=" + std::to_string(1 + random() % 100);
    for (const auto& [name, values] : facets)
      if (!values.empty())
        query += "&" + name + "=" + joined(values);
    const auto fits = [&](const json& ticket) {
      const auto one = [&](const char* facet, const std::string& value) {
        const auto& wanted = facets.at(facet);
        return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
      };
      return one("status", ticket.at("status")) && one("channel", ticket.at("original_channel"))
             && one("type", ticket.at("ticket_type"))
             && one("priority", std::to_string(ticket.at("priority").get<int>()));
    };
    std::vector<std::string> expected;
    for (const auto& ticket : everything)
      if (fits(ticket))
        expected.push_back(ticket.at("id"));
    met += expected.size();
    EXPECT_EQ(ids_of(all_by_cursor(query)), expected) << query;
    const auto page = api.get("/api/tickets?" + query).body.at("pagination");
    EXPECT_EQ(page.at("total"), expected.size()) << query;
    const auto per_page = page.at("per_page").get<std::size_t>();
    EXPECT_EQ(page.at("total_pages"), (expected.size() + per_page - 1) / per_page) << query;
  }
  EXPECT_GT(met, 0U);
}

TEST_F(rest, pages_by_number_as_it_does_by_cursor) {
  const auto by_cursor = ids_of(all_by_cursor("per_page=17"));
  std::vector<std::string> by_number;
  for (int page = 1;; ++page) {
    const auto got = api.get("/api/tickets?per_page=17&page=" + std::to_string(page));
    ASSERT_EQ(got.status, 200) << got.text;
    if (got.body.at("tickets").empty())
      break;
    for (const auto& ticket : got.body.at("tickets"))
      by_number.push_back(ticket.at("id"));
  }
  EXPECT_EQ(by_number, by_cursor);
}

TEST_F(rest, sorts_as_asked) {
  const auto by = [&](const char* sort) {
    return all_by_cursor(std::string{"per_page=31&sort="} + sort);
  };
  const auto newest = ids_of(by("-created_at"));
  auto oldest = ids_of(by("created_at"));
  EXPECT_EQ(newest, ids_of(all_by_cursor("per_page=100"))) << "newest first unless said otherwise";
  std::reverse(oldest.begin(), oldest.end());
  EXPECT_EQ(oldest, newest);
  const auto urgent = by("priority");
  EXPECT_EQ(urgent.size(), newest.size());
  const auto position = [&](const json& ticket) {
    const auto found = std::find(newest.begin(), newest.end(), ticket.at("id").get<std::string>());
    return std::pair{ticket.at("priority").get<int>(), found - newest.begin()};
  };
  EXPECT_TRUE(std::is_sorted(urgent.begin(), urgent.end(), [&](const json& a, const json& b) {
    return position(a) < position(b);
  }));
  EXPECT_EQ(api.get("/api/tickets?sort=title").status, 400);
}

TEST_F(rest, visits_every_ticket_once_while_new_ones_arrive) {
  for (const std::string sort : {"-created_at", "created_at", "priority"}) {
    const auto before = ids_of(all_by_cursor("per_page=100"));
    std::atomic<bool> stop{false};
    std::atomic<int> arrived{0};
    std::thread newcomers{[&] {
      hub_client to{hub().port()};
      while (!stop) {
        const auto id = unique("");
        to.send(slack({.event_id = "Ev" + id, .ts = fresh_ts(), .user = "U" + id}));
        ++arrived;
      }
    }};
    const auto seen = ids_of(all_by_cursor("per_page=10&sort=" + sort, [&] {
      // At least one newcomer between two pages, on a slow machine too; but let it end.
      const auto so_far = arrived.load();
      while (arrived == so_far && arrived < 500)
        std::this_thread::yield();
      stop = arrived >= 500;
    }));
    stop = true;
    newcomers.join();
    const std::set<std::string> different(seen.begin(), seen.end());
    EXPECT_EQ(different.size(), seen.size()) << "twice, by " << sort;
    for (const auto& id : before)
      EXPECT_TRUE(different.contains(id)) << id << " was passed over, by " << sort;
    EXPECT_GT(arrived, 10);
  }
}

TEST_F(rest, finds_words_and_numbers) {
  const auto found = all_by_cursor("per_page=100&search=zebra");
  EXPECT_EQ(found.size(), static_cast<std::size_t>((population + 6) / 7));
  const auto accented = make({{"description", "La contraseña de la sesión está mal"}});
  const auto by_plain = ids_of(all_by_cursor("search=contrasena"));
  EXPECT_THAT(by_plain, ::testing::ElementsAre(accented.at("id")));
  const auto number = std::to_string(accented.at("number").get<int>());
  EXPECT_THAT(ids_of(all_by_cursor("search=%23" + number)),
              ::testing::ElementsAre(accented.at("id")));
  for (const auto* hostile : {"%22", "%27%3B--", "%28%29%26%7C%21%3A%2A", "%5C", "a%20AND", "-"})
    EXPECT_EQ(api.get(std::string{"/api/tickets?search="} + hostile).status, 200) << hostile;
}

TEST_F(rest, walks_the_state_machine_and_names_the_allowed_steps) {
  const std::map<std::string, std::set<std::string>> allowed{
    {"open", {"in_progress", "resolved", "closed"}},
    {"in_progress", {"open", "resolved", "closed"}},
    {"resolved", {"open", "in_progress", "closed"}},
    {"closed", {"open"}}};
  for (const auto& [from, next] : allowed)
    for (const std::string to : statuses) {
      const auto ticket = make();
      EXPECT_EQ(api.patch(path_of(ticket), {{"status", from}}).at("status"), from);
      const auto got = api.patch(path_of(ticket), {{"status", to}});
      if (to == from || next.contains(to)) {
        EXPECT_EQ(got.status, 200) << from << " to " << to << ' ' << got.text;
        EXPECT_EQ(got.at("status"), to);
        continue;
      }
      EXPECT_EQ(got.status, 422) << from << " to " << to;
      for (const auto& name : next)
        EXPECT_THAT(got.at("error"), HasSubstr(name));
      EXPECT_EQ(api.get(path_of(ticket)).at("status"), from);
    }
}

TEST_F(rest, notes_every_change_in_the_tickets_history_and_version) {
  auto ticket = make();
  EXPECT_EQ(ticket.at("version"), 1);
  const auto changed = api.patch(path_of(ticket),
                                 {{"title", "New title"},
                                  {"priority", 0},
                                  {"ticket_type", "incident"},
                                  {"tags", {"billing", "urgent"}},
                                  {"status", "in_progress"}});
  ASSERT_EQ(changed.status, 200) << changed.text;
  EXPECT_EQ(changed.body.at("version"), 2);
  EXPECT_EQ(changed.header("etag"), "\"2\"");
  EXPECT_EQ(changed.body.at("tags"), json({"billing", "urgent"}));
  std::multiset<std::string> happened;
  for (const auto& event : changed.body.at("events"))
    happened.insert(event.at("event_type").get<std::string>());
  // What was inferred may already be what is asked for: those two are no change then.
  for (const auto* name : {"created", "title_changed", "tags_changed", "status_changed"})
    EXPECT_EQ(happened.count(name), 1U) << name;
  const auto same = api.patch(path_of(ticket), {{"status", "in_progress"}});
  EXPECT_EQ(same.status, 200);
  EXPECT_EQ(same.body.at("version"), 2) << "nothing changed";
}

TEST_F(rest, refuses_an_update_of_a_version_that_is_gone) {
  const auto ticket = make();
  const auto first = api.patch(path_of(ticket), {{"title", "Mine"}}, {{"If-Match", "\"1\""}});
  EXPECT_EQ(first.status, 200) << first.text;
  const auto late = api.patch(path_of(ticket), {{"title", "Yours"}}, {{"If-Match", "\"1\""}});
  EXPECT_EQ(late.status, 409) << late.text;
  EXPECT_EQ(api.get(path_of(ticket)).at("title"), "Mine");
  EXPECT_EQ(api.patch(path_of(ticket), {{"title", "x"}}, {{"If-Match", "yesterday"}}).status, 400);
}

TEST_F(rest, lets_exactly_one_of_many_simultaneous_updates_of_a_version_win) {
  const auto ticket = make();
  std::atomic<int> won{0};
  std::atomic<int> lost{0};
  in_parallel(12, [&](int i) {
    hub_client mine{hub().port()};
    const auto got = mine.patch(
      path_of(ticket), {{"title", "Mine " + std::to_string(i)}}, {{"If-Match", "\"1\""}});
    won += got.status == 200 ? 1 : 0;
    lost += got.status == 409 ? 1 : 0;
  });
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 11);
  EXPECT_EQ(api.get(path_of(ticket)).body.at("version"), 2);
}

TEST_F(rest, loses_no_simultaneous_update_without_versions) {
  const auto ticket = make();
  in_parallel(12, [&](int i) {
    hub_client mine{hub().port()};
    const auto got = mine.patch(path_of(ticket), {{"title", "Mine " + std::to_string(i)}});
    EXPECT_EQ(got.status, 200) << got.text;
  });
  const auto after = api.get(path_of(ticket));
  EXPECT_EQ(after.body.at("version"), 13);
  const auto& events = after.body.at("events");
  EXPECT_EQ(
    std::count_if(events.begin(),
                  events.end(),
                  [](const json& event) { return event.at("event_type") == "title_changed"; }),
    12);
}

TEST_F(rest, gives_the_same_answer_to_the_same_idempotency_key) {
  const headers key{{"Idempotency-Key", unique("key-")}};
  const json body{{"title", "Once"}, {"description", "Only once."}};
  const auto first = api.post("/api/tickets", body, key);
  ASSERT_EQ(first.status, 201) << first.text;
  // Other things happen to the ticket; the answer stays what it was, once it has been kept.
  const auto repeated = api.post("/api/tickets", body, key);
  EXPECT_EQ(repeated.status, 201) << repeated.text;
  EXPECT_EQ(repeated.body, first.body);
  EXPECT_EQ(repeated.header("etag"), "\"1\"");
  EXPECT_EQ(repeated.header("location"), path_of(first.body));
  const auto other = api.post("/api/tickets", {{"title", "Another"}}, key);
  EXPECT_EQ(other.status, 422) << other.text;
  EXPECT_EQ(other.at("code"), "idempotency_key_reused");

  const headers patch_key{{"Idempotency-Key", unique("key-")}};
  const auto path = path_of(first.body);
  const auto patched = api.patch(path, {{"priority", 0}}, patch_key);
  ASSERT_EQ(patched.status, 200) << patched.text;
  EXPECT_EQ(api.patch(path, {{"priority", 5}}).status, 200);
  const auto again = api.patch(path, {{"priority", 0}}, patch_key);
  EXPECT_EQ(again.status, 200) << again.text;
  EXPECT_EQ(api.get(path).body.at("priority"), 5) << "a repeated call must not act again";
  EXPECT_EQ(api.patch(path, {{"priority", 1}}, patch_key).status, 422);
}

TEST_F(rest, gives_the_same_answer_to_a_patch_that_would_be_refused_by_now) {
  const auto path = path_of(make());
  headers careful{{"Idempotency-Key", unique("key-")}, {"If-Match", "\"1\""}};
  const auto first = api.patch(path, {{"title", "Mine"}}, careful);
  ASSERT_EQ(first.status, 200) << first.text;
  const auto again = api.patch(path, {{"title", "Mine"}}, careful);
  EXPECT_EQ(again.status, 200) << again.text << ": it is at version 2 because of this very call";
  EXPECT_EQ(again.body.at("title"), "Mine");
  EXPECT_EQ(again.header("etag"), "\"2\"");
  EXPECT_EQ(api.patch(path, {{"title", "Other"}}, careful).status, 422);
  careful.front().second = unique("key-");
  EXPECT_EQ(api.patch(path, {{"title", "Other"}}, careful).status, 409) << "a key of its own";

  const headers key{{"Idempotency-Key", unique("key-")}};
  EXPECT_EQ(api.patch(path, {{"status", "in_progress"}}, key).status, 200);
  EXPECT_EQ(api.patch(path, {{"status", "closed"}}).status, 200);
  EXPECT_EQ(api.patch(path, {{"status", "in_progress"}}, key).status, 200)
    << "from closed it would be forbidden";
  EXPECT_EQ(api.get(path).at("status"), "closed");
}

TEST_F(rest, creates_once_when_the_same_key_arrives_many_times_at_once) {
  const headers key{{"Idempotency-Key", unique("key-")}};
  std::mutex guard;
  std::set<std::string> made;
  in_parallel(16, [&](int) {
    hub_client mine{hub().port()};
    const auto got = mine.post("/api/tickets", {{"title", "Once at once"}}, key);
    EXPECT_EQ(got.status, 201) << got.text;
    const std::lock_guard lock{guard};
    made.insert(got.at("id"));
  });
  EXPECT_EQ(made.size(), 1U);
}

TEST_F(rest, says_what_is_wrong_with_a_request) {
  struct wrong {
    const char* why;
    std::string method;
    std::string path;
    std::string body;
    headers with;
    int status;
  };
  const headers as_json{{"Content-Type", "application/json"}};
  const auto known = path_of(make());
  const auto post = [&](const char* why, const std::string& body, int status) {
    return wrong{why, "POST", "/api/tickets", body, as_json, status};
  };
  const auto get = [&](const char* why, const std::string& path, int status) {
    return wrong{why, "GET", path, "", {}, status};
  };
  const std::vector<wrong> all{
    post("not JSON", "{", 400),
    post("no object", "[]", 400),
    post("empty", "", 400),
    {"no content type", "POST", "/api/tickets", R"({"title":"x"})", {}, 415},
    {"a form",
     "POST",
     "/api/tickets",
     "title=x",
     {{"Content-Type", "application/x-www-form-urlencoded"}},
     415},
    post("no title", R"({"description":"x"})", 422),
    post("empty title", R"({"title":"  "})", 422),
    post("title of NUL alone", R"({"title":"\u0000"})", 422),
    post("title of another type", R"({"title":7})", 422),
    post("title too long", R"({"title":")" + std::string(501, 'x') + "\"}", 422),
    post("unknown type", R"({"title":"x","ticket_type":"wish"})", 422),
    post("priority beyond", R"({"title":"x","priority":6})", 422),
    post("priority negative", R"({"title":"x","priority":-1})", 422),
    post("priority broken", R"({"title":"x","priority":1.5})", 422),
    post("priority as text", R"({"title":"x","priority":"1"})", 422),
    post("priority enormous", R"({"title":"x","priority":18446744073709551615})", 422),
    post("unknown channel", R"({"title":"x","original_channel":"fax"})", 422),
    post("unknown field", R"({"title":"x","statuss":"open"})", 422),
    post("e-mail without @", R"({"title":"x","reporter":{"email":"ana"}})", 422),
    post("reporter no object", R"({"title":"x","reporter":"ana"})", 422),
    {"tags no list", "PATCH", known, R"({"tags":"x"})", as_json, 422},
    {"unknown status", "PATCH", known, R"({"status":"done"})", as_json, 422},
    {"no such ticket",
     "PATCH",
     "/api/tickets/00000000-0000-7000-8000-0000000000aa",
     R"({"priority":1})",
     as_json,
     404},
    {"simulation is off",
     "POST",
     known + "/simulate_status",
     R"({"status":"closed"})",
     as_json,
     403},
    {"bad key",
     "POST",
     "/api/tickets",
     R"({"title":"x"})",
     {{"Content-Type", "application/json"}, {"Idempotency-Key", "a b"}},
     400},
    get("no such ticket", "/api/tickets/00000000-0000-7000-8000-0000000000aa", 404),
    get("no id", "/api/tickets/42", 404),
    get("no route", "/api/nothing", 404),
    get("per_page too large", "/api/tickets?per_page=101", 400),
    get("per_page zero", "/api/tickets?per_page=0", 400),
    get("page negative", "/api/tickets?page=-1", 400),
    get("page no number", "/api/tickets?page=one", 400),
    get("page enormous", "/api/tickets?page=99999999999999999999", 400),
    get("page too deep", "/api/tickets?page=1000&per_page=100", 400),
    get("unknown status", "/api/tickets?status=done", 400),
    get("unknown channel", "/api/tickets?channel=fax", 400),
    get("unknown priority", "/api/tickets?priority=9", 400),
    get("NUL in a parameter", "/api/tickets?search=%00", 400),
    get("bad cursor", "/api/tickets?cursor=zzz", 400),
    get("bad group", "/api/tickets?group=zzz", 400),
    {"method unknown here", "DELETE", known, "", {}, 405},
  };
  const auto before = api.get("/api/tickets").body.at("pagination").at("total");
  for (const auto& each : all) {
    const auto got = api.call(each.method, each.path, each.body, each.with);
    EXPECT_EQ(got.status, each.status) << each.why << ": " << got.text;
    EXPECT_FALSE(got.at("error").empty()) << each.why << ": " << got.text;
    EXPECT_FALSE(got.at("code").empty()) << each.why << ": " << got.text;
    EXPECT_FALSE(got.header("x-request-id").empty()) << each.why;
    EXPECT_EQ(got.header("allow").empty(), each.status != 405) << each.why;
  }
  EXPECT_EQ(api.get("/api/tickets").body.at("pagination").at("total"), before);
}

TEST_F(rest, keeps_the_callers_request_id_when_it_is_sane) {
  EXPECT_EQ(api.get("/up", {{"X-Request-Id", "trace-42"}}).header("x-request-id"), "trace-42");
  const auto bad = api.get("/up", {{"X-Request-Id", "no spaces <here>"}}).header("x-request-id");
  EXPECT_FALSE(bad.empty());
  EXPECT_NE(bad, "no spaces <here>");
}

TEST_F(rest, answers_only_under_names_it_was_given) {
  const auto under = [&](const std::string& path, const std::string& name) {
    return api.get(path, {{"Host", name}});
  };
  for (const auto* name : {"localhost", "LOCALHOST:3001", "127.0.0.1:3000", "127.9.9.9", "[::1]:1"})
    EXPECT_EQ(under("/api/tickets", name).status, 200) << name;
  for (const auto* name : {"evil.example",
                           "localhost.evil.example",
                           "127.0.0.1.evil.example",
                           "10.0.0.1",
                           "[fd00::1]",
                           "127.0.0.1@evil.example"}) {
    const auto got = under("/api/tickets", name);
    EXPECT_TRUE(got.status == 403 || got.status == 400) << name << got.text;
    EXPECT_EQ(got.text.find("tickets\""), std::string::npos);
  }
  const auto refused = under("/api/tickets", "evil.example");
  EXPECT_EQ(refused.at("code"), "host_not_allowed");
  EXPECT_THAT(refused.at("error"), HasSubstr("HUB_ALLOWED_HOSTS"));
  EXPECT_EQ(under("/metrics", "evil.example").status, 403);
  EXPECT_EQ(under("/up", "evil.example").status, 200);
  EXPECT_EQ(api.call("POST", "/webhooks/slack", "{}", {{"Host", "hub.example"}}).status, 401);
}

TEST(allowed_hosts, are_answered_like_this_machine) {
  hub_process named;
  named.environment()["HUB_ALLOWED_HOSTS"] = "hub.example, Desk.Example";
  named.start();
  hub_client api{named.port()};
  for (const auto* name : {"hub.example", "hub.example:8443", "desk.example", "localhost"})
    EXPECT_EQ(api.get("/api/tickets", {{"Host", name}}).status, 200) << name;
  EXPECT_EQ(api.get("/api/tickets", {{"Host", "evil.example"}}).status, 403);
  EXPECT_EQ(named.terminate(), 0);
}

class simulation : public hub_suite<simulation> {
public:
  static hub_options options() {
    hub_options chosen;
    chosen.environment["HUB_SIMULATION"] = "on";
    return chosen;
  }
};

TEST_F(simulation, changes_a_status_where_it_is_allowed) {
  hub_client api{hub().port()};
  const auto made = api.post("/api/tickets", {{"title", "x"}});
  const auto path = "/api/tickets/" + made.at("id") + "/simulate_status";
  EXPECT_EQ(api.post(path, {{"status", "closed"}}).at("status"), "closed");
  EXPECT_EQ(api.post(path, {{"status", "resolved"}}).status, 422);
  EXPECT_EQ(api.post(path, json::object()).status, 422);
}

TEST_F(simulation, heeds_versions_and_idempotency_keys) {
  hub_client api{hub().port()};
  const auto made = api.post("/api/tickets", {{"title", "x"}});
  const auto path = "/api/tickets/" + made.at("id") + "/simulate_status";
  const headers key{{"Idempotency-Key", unique("key-")}};
  EXPECT_EQ(api.post(path, {{"status", "resolved"}}, {{"If-Match", "\"7\""}}).status, 409);
  const auto first = api.post(path, {{"status", "resolved"}}, key);
  ASSERT_EQ(first.status, 200) << first.text;
  EXPECT_EQ(first.header("etag"), "\"2\"");
  EXPECT_EQ(api.post(path, {{"status", "open"}}, {{"If-Match", "\"2\""}}).status, 200);
  EXPECT_EQ(api.post(path, {{"status", "resolved"}}, key).status, 200);
  EXPECT_EQ(api.get("/api/tickets/" + made.at("id")).at("status"), "open")
    << "a repeated call must not act again";
  EXPECT_EQ(api.post(path, {{"status", "closed"}}, key).status, 422);
}

} // namespace
} // namespace hub::testing
