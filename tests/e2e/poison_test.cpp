#include "tests/e2e/hub_suite.hpp"

#include <gmock/gmock.h>

#include <map>
#include <set>

namespace hub::testing {
namespace {

using nlohmann::json;

/// What the contract says of an authentic delivery: taken as far as it can be read, stored where it
/// cannot, refused where it is too large.
enum class expected : std::uint8_t { ticket, no_feedback, stored, too_large };

struct poison {
  std::string name;
  delivery what;
  expected outcome;
};

std::string repeated(std::size_t times, const std::string& text) {
  std::string all;
  all.reserve(times * text.size());
  for (std::size_t i = 0; i < times; ++i)
    all += text;
  return all;
}

class poison_suite : public hub_suite<poison_suite> {
protected:
  static constexpr std::size_t body_limit = 4 << 20;

  /// A sound Slack message as JSON, to be spoiled.
  static json sound() {
    return json::parse(
      slack({.event_id = unique("EvPoison"), .ts = fresh_ts(), .user = unique("UPoison")}).body);
  }

  static delivery as_slack(const json& body) {
    return {domain::channel::slack, body.dump(-1, ' ', false, json::error_handler_t::ignore)};
  }

  /// The message with its text as these very bytes of JSON.
  static delivery with_raw_text(const std::string& raw) {
    auto body = sound();
    body["event"]["text"] = "@@";
    auto bytes = body.dump();
    bytes.replace(bytes.find("@@"), 2, raw);
    return {domain::channel::slack, bytes};
  }

  static delivery with(const std::string& where, const json& value) {
    auto body = sound();
    body[json::json_pointer{where}] = value;
    return as_slack(body);
  }

  static delivery with_raw_member(const std::string& raw) {
    auto bytes = sound().dump();
    return {domain::channel::slack, bytes.insert(1, raw + ",")};
  }

  static delivery sized(std::size_t bytes) {
    auto body = sound();
    body["event"]["text"] = "";
    body["event"]["text"] = repeated(bytes - body.dump().size(), "x");
    return as_slack(body);
  }

  static std::vector<poison> spoiled_texts() {
    return {
      {"NUL in the text", with_raw_text("before\\u0000after"), expected::ticket},
      {"NUL byte in the text", with_raw_text(std::string("before\0after", 12)), expected::ticket},
      {"lone high surrogate", with_raw_text("lone \\ud83d here"), expected::ticket},
      {"lone low surrogate", with_raw_text("lone \\ude00 here"), expected::ticket},
      {"surrogates in wrong order", with_raw_text("\\ude00\\ud83d x"), expected::ticket},
      {"invalid UTF-8",
       with_raw_text("caf\xE9 \xC3( \xF0\x9F\x98 \xED\xA0\x80 end"),
       expected::ticket},
      {"overlong UTF-8", with_raw_text("slash \xC0\xAF here"), expected::ticket},
      {"noncharacters", with_raw_text("\\uffff\\ufffe\\ufdd0 x"), expected::ticket},
      {"control characters", with_raw_text("bell\\u0007 escape\\u001b[2J"), expected::ticket},
      {"array literal", with("/event/text", R"({"a",NULL,"b\"c"})"), expected::ticket},
      {"the word NULL", with("/event/text", "NULL"), expected::ticket},
      {"backslashes and quotes",
       with("/event/text", R"(\\ \' '' "" ; DROP TABLE tickets; --)"),
       expected::ticket},
      {"empty text", with("/event/text", ""), expected::no_feedback},
      {"white space only", with("/event/text", " \t\r\n "), expected::no_feedback},
      {"NUL only", with_raw_text("\\u0000"), expected::no_feedback},
      {"text of 1 MiB", sized(1 << 20), expected::ticket},
      {"text just below the limit", sized(body_limit), expected::ticket},
      {"text above the limit", sized(body_limit + 1), expected::too_large},
    };
  }

  static std::vector<poison> spoiled_values() {
    return {
      {"400-digit number", with_raw_member("\"n\":" + repeated(400, "7")), expected::ticket},
      {"number beyond a double", with_raw_member("\"n\":-1e4000"), expected::ticket},
      {"400-digit timestamp", with("/event/ts", repeated(400, "7")), expected::stored},
      {"duplicate keys",
       with_raw_member("\"event_id\":\"other\",\"type\":\"x\",\"event\":{}"),
       expected::ticket},
      {"delivery id of 10 kB", with("/event_id", repeated(10'240, "E")), expected::stored},
      {"message id of 10 kB", with("/event/ts", "1." + repeated(10'240, "1")), expected::stored},
      {"author id of 10 kB", with("/event/user", repeated(10'240, "U")), expected::stored},
      {"delivery id with NUL", with("/event_id", std::string("Ev\0x", 4)), expected::stored},
      {"delivery id with a surrogate", with_raw_id("\\ud800"), expected::stored},
      {"delivery id of array syntax", with("/event_id", unique("{\"NULL\",\\}")), expected::ticket},
      {"delivery id missing", with("/event_id", nullptr), expected::stored},
      {"event time in the year 9999", with("/event_time", 253402300799), expected::ticket},
      {"event time of 1970", with("/event_time", 1), expected::ticket},
      {"event time as a text", with("/event_time", "soon"), expected::ticket},
      {"event time as a huge number", with("/event_time", 1e300), expected::ticket},
      {"name with NUL",
       with("/event/user_profile", {{"display_name", std::string("A\0B", 3)}}),
       expected::ticket},
    };
  }

  static delivery with_raw_id(const std::string& raw) {
    auto bytes = with("/event_id", "@@").body;
    bytes.replace(bytes.find("@@"), 2, raw);
    return {domain::channel::slack, bytes};
  }

  static std::vector<poison> spoiled_bodies() {
    const auto id = unique("");
    return {
      {"100 levels deep",
       with_raw_member("\"deep\":" + repeated(100, "[") + repeated(100, "]")),
       expected::stored},
      {"100,000 levels deep",
       {domain::channel::slack, repeated(100'000, "[") + id},
       expected::stored},
      {"no JSON at all", {domain::channel::slack, "hello " + id}, expected::stored},
      {"cut off",
       {domain::channel::slack, R"({"type":"event_callback","event":{"te)" + id},
       expected::stored},
      {"JSON of the wrong shape", {domain::channel::slack, "[[" + id + "]]"}, expected::stored},
      {"no Content-Type", {domain::channel::slack, sound().dump(), ""}, expected::ticket},
      {"empty Intercom body", {domain::channel::intercom, ""}, expected::stored},
      {"WhatsApp without messages",
       {domain::channel::whatsapp, R"({"object":"x","entry":[{"id":")" + id + R"("}]})"},
       expected::stored},
      {"HTML 50,000 levels deep",
       intercom({.conversation = "c" + id, .text = repeated(50'000, "<b>") + "deep"}),
       expected::ticket},
      {"1,000 messages in one POST", many_messages(1000), expected::ticket},
      {"sender id of 10 kB",
       whatsapp({{.id = "wamid.p" + id, .from = repeated(10'240, "1")}}),
       expected::stored},
    };
  }

  static delivery many_messages(int count) {
    std::vector<whatsapp_words> said;
    for (int i = 0; i < count; ++i)
      said.push_back({.id = unique("wamid.m"), .from = unique("1555")});
    return whatsapp(said);
  }

  static void expect_outcome(const poison& one, const answer& got, bool again) {
    const auto what = one.name + (again ? ", again: " : ": ") + std::to_string(got.status) + ' '
                      + got.text.substr(0, 300);
    if (one.outcome == expected::too_large) {
      EXPECT_EQ(got.status, 413) << what;
      return;
    }
    EXPECT_EQ(got.status, 200) << what;
    EXPECT_EQ(got.at("status"), one.outcome == expected::stored ? "stored" : "ok") << what;
    EXPECT_EQ(!got.at("delivery_id").empty(), one.outcome == expected::stored) << what;
    EXPECT_EQ(!got.at("ticket_id").empty(), one.outcome == expected::ticket) << what;
    EXPECT_EQ(got.is("duplicate"), again) << what;
  }

  /// Good deliveries from several clients until destroyed; none may notice its bad neighbours.
  class neighbours {
  public:
    neighbours()
      : running_{[this] {
          in_parallel(6, [this](int) {
            hub_client to{hub().port()};
            while (!stop_) {
              const auto id = unique("");
              const auto got =
                to.send(slack({.event_id = "EvGood" + id, .ts = fresh_ts(), .user = "U" + id}));
              EXPECT_EQ(got.status, 200) << got.text;
              EXPECT_FALSE(got.at("ticket_id").empty()) << got.text;
              ++taken_;
            }
          });
        }} {}
    ~neighbours() {
      stop_ = true;
      running_.join();
    }
    neighbours(const neighbours&) = delete;
    neighbours& operator=(const neighbours&) = delete;
    [[nodiscard]] int taken() const { return taken_; }

  private:
    std::atomic<bool> stop_{false};
    std::atomic<int> taken_{0};
    std::thread running_;
  };

  /// Every quarantined delivery, page by page.
  static std::map<std::string, json> quarantined() {
    hub_client api{hub().port()};
    std::map<std::string, json> all;
    std::string cursor;
    for (;;) {
      const auto page = api.get("/api/webhook_deliveries?status=quarantined&per_page=7" + cursor);
      EXPECT_EQ(page.status, 200) << page.text;
      if (page.status != 200 || page.body.empty())
        return all;
      for (const auto& row : page.body)
        EXPECT_TRUE(all.emplace(row.at("id").get<std::string>(), row).second) << row;
      cursor = "&cursor=" + page.body.back().at("id").get<std::string>();
    }
  }
};

TEST_F(poison_suite, answers_each_as_promised_while_good_neighbours_notice_nothing) {
  std::vector<poison> all;
  for (auto* make : {spoiled_texts, spoiled_values, spoiled_bodies})
    for (auto& one : make())
      all.push_back(std::move(one));
  const auto before = ledger_total(hub().port());
  std::vector<std::string> stored;
  int taken = 0;
  {
    const neighbours good;
    for (const auto& one : all) {
      hub_client to{hub().port()};
      const auto first = to.send_until_taken(one.what);
      expect_outcome(one, first, false);
      const auto second = to.send_until_taken(one.what);
      expect_outcome(one, second, true);
      EXPECT_EQ(second.at("ticket_id"), first.at("ticket_id")) << one.name;
      EXPECT_EQ(second.at("delivery_id"), first.at("delivery_id")) << one.name;
      if (one.outcome == expected::stored)
        stored.push_back(first.at("delivery_id"));
    }
    taken = good.taken();
  }
  EXPECT_GT(taken, 100);
  EXPECT_TRUE(hub().running());
  const auto after = ledger_total(hub().port());
  EXPECT_TRUE(after.balanced());
  EXPECT_EQ(after.quarantined - before.quarantined, static_cast<std::int64_t>(stored.size()));

  hub_client api{hub().port()};
  const auto listed = quarantined();
  for (const auto& id : stored) {
    ASSERT_TRUE(listed.contains(id)) << id;
    EXPECT_EQ(listed.at(id).at("status"), "quarantined");
    EXPECT_FALSE(listed.at(id).at("error").get<std::string>().empty());
    const auto replayed = api.post("/api/webhook_deliveries/" + id + "/replay", json::object());
    EXPECT_EQ(replayed.status, 422) << replayed.text;
    EXPECT_THAT(replayed.at("error"), ::testing::HasSubstr("still not understood"));
  }
  EXPECT_EQ(quarantined().size(), listed.size()); // a replay that failed changed nothing
  EXPECT_EQ(ledger_total(hub().port()).received, after.received);
}

/// The target of a relation in a Link header; empty when it has none.
std::string link_to(const answer& page, const std::string& relation) {
  const auto all = page.header("link");
  const auto end = all.find(">; rel=\"" + relation + '"');
  if (end == std::string::npos)
    return {};
  const auto begin = all.rfind('<', end) + 1;
  return all.substr(begin, end - begin);
}

TEST_F(poison_suite, lists_deliveries_by_page_and_by_cursor) {
  hub_client api{hub().port()};
  for (int i = 0; i < 6; ++i)
    api.send({domain::channel::whatsapp, "no json " + unique("")});
  const std::string base = "/api/webhook_deliveries?status=quarantined&platform=whatsapp";
  const auto everything = api.get(base + "&per_page=100");
  const auto count = everything.body.size();
  ASSERT_GE(count, 6U);
  EXPECT_EQ(everything.header("x-total-count"), std::to_string(count));
  EXPECT_EQ(link_to(everything, "next"), "");
  for (const auto* start : {"&per_page=2", "&per_page=2&cursor="}) {
    const bool by_cursor = std::string{start}.ends_with("cursor=");
    auto path = base + start;
    if (by_cursor)
      path += everything.body[0].at("id").get<std::string>();
    auto all = json::array();
    int pages = 0;
    for (; !path.empty(); ++pages) {
      const auto page = api.get(path);
      ASSERT_EQ(page.status, 200) << page.text;
      EXPECT_EQ(page.header("x-total-count"), std::to_string(count));
      EXPECT_EQ(link_to(page, "first"), base + "&per_page=2&page=1");
      EXPECT_EQ(link_to(page, "last"),
                base + "&per_page=2&page=" + std::to_string((count + 1) / 2));
      EXPECT_EQ(link_to(page, "prev"),
                by_cursor || pages == 0 ? "" : base + "&per_page=2&page=" + std::to_string(pages));
      for (const auto& row : page.body)
        all.push_back(row);
      path = link_to(page, "next");
      EXPECT_EQ(page.header("x-next-cursor"),
                path.empty() ? "" : page.body.back().at("id").get<std::string>());
    }
    auto expected = everything.body;
    if (by_cursor)
      expected.erase(0);
    EXPECT_EQ(all, expected) << start;
    EXPECT_EQ(static_cast<std::size_t>(pages), (expected.size() + 1) / 2) << "none is empty";
  }
  EXPECT_EQ(api.get(base + "&page=10000").status, 400);
}

TEST_F(poison_suite, says_what_became_of_a_delivery_that_needs_no_replay) {
  hub_client api{hub().port()};
  const auto sent =
    api.send(slack({.event_id = unique("EvFine"), .ts = fresh_ts(), .user = unique("U")}));
  const auto newest = api.get("/api/webhook_deliveries?platform=slack&per_page=1");
  ASSERT_EQ(newest.status, 200) << newest.text;
  ASSERT_EQ(newest.body.size(), 1U);
  EXPECT_EQ(newest.body[0].at("ticket_id"), sent.at("ticket_id"));
  EXPECT_EQ(newest.body[0].at("status"), "created");
  const auto id = newest.body[0].at("id").get<std::string>();
  const auto replayed = api.post("/api/webhook_deliveries/" + id + "/replay", json::object());
  EXPECT_EQ(replayed.status, 200) << replayed.text;
  EXPECT_TRUE(replayed.is("duplicate"));
  EXPECT_EQ(replayed.at("ticket_id"), sent.at("ticket_id"));

  EXPECT_EQ(
    api.post("/api/webhook_deliveries/00000000-0000-7000-8000-0000000000ff/replay", {}).status,
    404);
  EXPECT_EQ(api.post("/api/webhook_deliveries/none/replay", {}).status, 404);
  EXPECT_EQ(api.get("/api/webhook_deliveries?status=lost").status, 400);
  EXPECT_EQ(api.get("/api/webhook_deliveries?platform=fax").status, 400);
}

} // namespace
} // namespace hub::testing
