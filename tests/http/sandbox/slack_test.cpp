#include "http/sandbox/slack.hpp"

#include "tests/http/sandbox/requests.hpp"

#include <gmock/gmock.h>

#include <set>

namespace hub::tests {
namespace {

using testing::HasSubstr;

class sandbox_slack : public testing::Test {
protected:
  answer call(std::string_view name, const json& body, std::string token = "xoxb-sandbox") {
    return raw(
      "POST",
      "/slack/api/" + std::string{name},
      {{"authorization", "Bearer " + token}, {"content-type", "application/json; charset=utf-8"}},
      body.dump());
  }
  answer raw(std::string_view method,
             std::string_view target,
             const header_list& headers,
             std::string body = {}) {
    const auto request = make_request(method, target, headers, std::move(body));
    return read(slack_.handle(sandbox::call_of(request, now_)));
  }
  answer post(const json& more = {}) {
    json body{{"channel", "C024BE91L"}, {"text", "It is fixed."}};
    body.update(more.is_null() ? json::object() : more);
    return call("chat.postMessage", body);
  }
  answer replies(const std::string& query) {
    return raw("GET",
               "/slack/api/conversations.replies?" + query,
               {{"authorization", "Bearer xoxb-sandbox"}});
  }
  answer history(const std::string& query) {
    return raw("GET",
               "/slack/api/conversations.history?" + query,
               {{"authorization", "Bearer xoxb-sandbox"}});
  }
  void advance(std::chrono::milliseconds time) { now_ += time; }

  sandbox::slack slack_;
  domain::time_point now_ = noon;
};

TEST_F(sandbox_slack, posts_a_message_and_answers_it_back) {
  const auto done = post({{"thread_ts", "1531420618.000200"}});
  EXPECT_EQ(done.status, 200);
  EXPECT_TRUE(done.delivered);
  EXPECT_EQ(done.body["ok"], true);
  EXPECT_EQ(done.body["channel"], "C024BE91L");
  EXPECT_EQ(done.body["message"]["text"], "It is fixed.");
  EXPECT_EQ(done.body["message"]["thread_ts"], "1531420618.000200");
  EXPECT_EQ(done.body["ts"], done.body["message"]["ts"]);
}

TEST_F(sandbox_slack, takes_a_form_as_well) {
  const auto done =
    raw("POST",
        "/slack/api/chat.postMessage",
        {{"authorization", "Bearer t"}, {"content-type", "application/x-www-form-urlencoded"}},
        "channel=C024BE91L&text=a+%26+b&mrkdwn=false");
  EXPECT_EQ(done.body["ok"], true);
  EXPECT_EQ(done.body["message"]["text"], "a & b");
}

TEST_F(sandbox_slack, gives_every_message_a_later_ts_even_in_one_moment) {
  std::string last;
  for (int i = 0; i < 30; ++i) {
    const auto ts =
      post({{"channel", "C" + std::to_string(100 + i)}}).body["ts"].get<std::string>();
    EXPECT_EQ(ts.size(), 17U);
    EXPECT_GT(ts, last);
    last = ts;
  }
  now_ -= 1h; // a clock that was set back
  EXPECT_GT(post().body["ts"], last);
}

TEST_F(sandbox_slack, shows_a_channel_newest_first_without_its_threads) {
  std::vector<std::string> posted;
  for (int i = 0; i < 3; ++i) {
    posted.push_back(
      post({{"metadata", {{"event_type", "delivery"}, {"event_payload", {{"id", i}}}}}})
        .body["ts"]);
    advance(2s);
  }
  post({{"thread_ts", posted[0]}});
  post({{"channel", "C999"}});
  const auto first = history("channel=C024BE91L&limit=2&include_all_metadata=true").body;
  ASSERT_EQ(first["messages"].size(), 2U) << first;
  EXPECT_EQ(first["messages"][0]["ts"], posted[2]);
  EXPECT_EQ(first["messages"][0]["metadata"]["event_payload"]["id"], 2);
  EXPECT_FALSE(first["messages"][0].contains("thread_ts"));
  EXPECT_EQ(first["has_more"], true);
  const auto cursor = first["response_metadata"]["next_cursor"].get<std::string>();
  const auto second = history("channel=C024BE91L&limit=2&cursor=" + cursor).body;
  ASSERT_EQ(second["messages"].size(), 1U) << second;
  EXPECT_EQ(second["messages"][0]["ts"], posted[0]);
  EXPECT_FALSE(second["messages"][0].contains("metadata")) << "it was not asked for";
  EXPECT_EQ(second["has_more"], false);

  const auto between = [&](const std::string& more) {
    return history("channel=C024BE91L&oldest=" + posted[0] + "&latest=" + posted[1] + more)
      .body["messages"]
      .size();
  };
  EXPECT_EQ(between(""), 0U);
  EXPECT_EQ(between("&inclusive=true"), 2U);
}

TEST_F(sandbox_slack, refuses_a_history_it_cannot_show) {
  const std::vector<std::pair<std::string, std::string>> cases{
    {"channel=U012AB3CDE", "channel_not_found"},
    {"channel=%23general", "channel_not_found"},
    {"channel=C0NOTIN", "not_in_channel"},
    {"channel=C024BE91L&limit=1000", "invalid_limit"},
    {"channel=C024BE91L&oldest=yesterday", "invalid_ts_oldest"},
    {"channel=C024BE91L&latest=1", "invalid_ts_latest"},
    {"channel=C024BE91L&cursor=x", "invalid_cursor"},
    {"channel=C024BE91L&ts=1512085950.000216", "invalid_arguments"},
  };
  for (const auto& [query, error] : cases)
    EXPECT_EQ(history(query).body["error"], error) << query;
}

TEST_F(sandbox_slack, says_ok_false_with_200_when_it_cannot) {
  const std::vector<std::pair<json, std::string>> cases{
    {{{"channel", "general"}}, "channel_not_found"},
    {{{"channel", "C0MISSING"}}, "channel_not_found"},
    {{{"channel", "C0NOTIN"}}, "not_in_channel"},
    {{{"channel", "C0ARCHIVED"}}, "is_archived"},
    {{{"channel", "C0RESTRICTED"}}, "restricted_action"},
    {{{"text", ""}}, "no_text"},
    {{{"text", std::string(40'001, 'x')}}, "msg_too_long"},
    {{{"text", 5}}, "invalid_arguments"},
    {{{"thread_ts", "yesterday"}}, "invalid_arguments"},
    {{{"no_such_argument", true}}, "invalid_arguments"},
    {{{"blocks", json::array({{{"text", "no type"}}})}}, "invalid_blocks"},
    {{{"metadata", {{"event_type", "x"}}}}, "invalid_metadata_format"},
  };
  for (const auto& [more, error] : cases) {
    const auto refused = post(more);
    EXPECT_EQ(refused.status, 200) << error;
    EXPECT_EQ(refused.body["ok"], false) << error;
    EXPECT_EQ(refused.body["error"], error);
    EXPECT_FALSE(refused.delivered);
  }
  EXPECT_EQ(post({{"text", std::string(40'000, 'x')}}).body["ok"], true);
}

TEST_F(sandbox_slack, looks_at_the_token_first) {
  EXPECT_EQ(call("chat.postMessage", {{"x", 1}}, "revoked-1").body["error"], "token_revoked");
  EXPECT_EQ(call("chat.postMessage", {{"x", 1}}, "invalid-1").body["error"], "invalid_auth");
  EXPECT_EQ(raw("POST", "/slack/api/auth.test", {}).body["error"], "not_authed");
  EXPECT_EQ(call("auth.test", json::object()).body["team_id"], "T0SANDBOX");
}

TEST_F(sandbox_slack, refuses_what_is_no_call) {
  const header_list signed_in{{"authorization", "Bearer t"}};
  auto with = [&](std::string_view type) {
    auto headers = signed_in;
    headers.emplace_back("content-type", type);
    return headers;
  };
  const auto error = [&](const header_list& headers, std::string body) {
    return raw("POST", "/slack/api/chat.postMessage", headers, std::move(body)).body["error"];
  };
  EXPECT_EQ(error(with("application/json"), "{"), "invalid_json");
  EXPECT_EQ(error(with("application/json"), "[]"), "json_not_object");
  EXPECT_EQ(error(with("text/plain"), "x"), "invalid_post_type");
  EXPECT_EQ(raw("POST", "/slack/api/chat.sing", signed_in).body["error"], "unknown_method");
  EXPECT_EQ(raw("GET", "/slack/else", signed_in).status, 404);
}

TEST_F(sandbox_slack, lets_one_message_a_second_into_a_channel_after_a_burst) {
  int taken = 0;
  while (post().status == 200)
    ++taken;
  EXPECT_EQ(taken, 10);
  const auto refused = post();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.body["error"], "ratelimited");
  EXPECT_EQ(post({{"channel", "C0OTHER"}}).status, 200);
  advance(1s);
  EXPECT_EQ(post().status, 200);
  EXPECT_EQ(post().status, 429);
}

TEST_F(sandbox_slack, shows_a_thread_page_by_page_with_metadata_if_asked) {
  const std::string thread = "1531420618.000200";
  for (int i = 0; i < 5; ++i)
    post({{"thread_ts", thread},
          {"text", "reply " + std::to_string(i)},
          {"metadata",
           {{"event_type", "delivery"}, {"event_payload", {{"id", "d" + std::to_string(i)}}}}}});
  post({{"text", "elsewhere"}});
  std::vector<std::string> seen;
  std::string cursor;
  int pages = 0;
  do {
    const auto page = replies("channel=C024BE91L&ts=" + thread
                              + "&limit=2&include_all_metadata=true&cursor=" + cursor)
                        .body;
    ASSERT_EQ(page["ok"], true) << page;
    EXPECT_EQ(page["messages"][0]["ts"], thread); // the parent leads every page
    for (std::size_t i = 1; i < page["messages"].size(); ++i)
      seen.push_back(page["messages"][i]["metadata"]["event_payload"]["id"]);
    cursor = page["response_metadata"]["next_cursor"];
    EXPECT_EQ(page["has_more"], !cursor.empty());
  } while (!cursor.empty() && ++pages < 10);
  EXPECT_EQ(seen, (std::vector<std::string>{"d0", "d1", "d2", "d3", "d4"}));
  const auto plain = replies("channel=C024BE91L&ts=" + thread).body;
  EXPECT_EQ(plain["messages"].size(), 6U);
  EXPECT_FALSE(plain["messages"][1].contains("metadata"));
}

TEST_F(sandbox_slack, reads_no_json_where_slack_does_not) {
  const auto refused =
    call("conversations.replies", {{"channel", "C024BE91L"}, {"ts", "1531420618.000200"}});
  EXPECT_EQ(refused.body["error"], "invalid_arguments");
  EXPECT_THAT(refused.body.dump(), HasSubstr("missing required field: channel"));
}

TEST_F(sandbox_slack, refuses_bad_pages) {
  const std::string thread = "channel=C024BE91L&ts=1531420618.000200";
  EXPECT_EQ(replies(thread + "&cursor=zz").body["error"], "invalid_cursor");
  EXPECT_EQ(replies(thread + "&limit=0").body["error"], "invalid_limit");
  EXPECT_EQ(replies("channel=C024BE91L&ts=1").body["error"], "thread_not_found");
}

TEST_F(sandbox_slack, updates_what_it_posted) {
  const auto ts = post().body["ts"];
  EXPECT_EQ(call("chat.update", {{"channel", "C024BE91L"}, {"ts", ts}, {"text", "New"}}).body["ok"],
            true);
  EXPECT_EQ(
    call("chat.update", {{"channel", "C0OTHER"}, {"ts", ts}, {"text", "New"}}).body["error"],
    "message_not_found");
}

} // namespace
} // namespace hub::tests
