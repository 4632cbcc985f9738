#include "http/providers/files.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace hub::http::providers::files {
namespace {

using domain::errc;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Pair;

const slack::credentials slack_account{.base_url = "https://slack.com/api", .token = "xoxb-1"};
const slack::credentials played_slack{.base_url = "http://127.0.0.1:4010/slack/api", .token = "t"};
const whatsapp::credentials meta{.phone_number_id = "1", .token = "EAAG"};
const whatsapp::credentials played_meta{
  .base_url = "http://127.0.0.1:4010/whatsapp/v23.0", .phone_number_id = "1", .token = "t"};
const intercom::credentials intercom_account{
  .base_url = "https://api.intercom.io", .token = "secret", .admin_id = "1"};

TEST(slack_file, is_fetched_from_slack_with_the_token) {
  const auto call =
    from_slack(slack_account, "https://files.slack.com/files-pri/T1-F1/download/screen.png?x=1");
  ASSERT_TRUE(call) << call.why().message;
  EXPECT_EQ(call->method, "GET");
  EXPECT_TRUE(call->repeatable);
  EXPECT_THAT(call->headers, Contains(Pair("Authorization", "Bearer xoxb-1")));
}

TEST(slack_file, takes_the_token_nowhere_else) {
  const std::vector<std::string> elsewhere{
    "https://evil.example/files-pri/T1-F1/screen.png",
    "http://files.slack.com/files-pri/T1-F1/screen.png",
    "https://files.slack.com.evil.example/x",
    "https://files.slack.com:8443/x",
    "https://files.slack.com@evil.example/x",
    "https://evil.example\\@files.slack.com/x",
    "https://xfiles.slack.com/x",
    "https://team.slack.com/files/U1/F1/screen.png",
    "https://slack.com/api/auth.revoke",
    "https://slack.com/api/chat.postMessage?channel=C1&text=x",
    "https://slack.com/files/U1/F1/screen.png",
    "https://docs.google.com/document/d/1",
    "http://169.254.169.254/latest/meta-data",
    "http://127.0.0.1:4010/slack/files-pri/x",
    "https://files.slack.com/../x",
    "https://files.slack.com/%2e%2e/x",
    "file:///etc/passwd",
    "https://files.slack.com/a b",
    "https://files.slack.com/a\r\nX: y",
    "",
  };
  for (const auto& url : elsewhere) {
    const auto call = from_slack(slack_account, url);
    ASSERT_FALSE(call) << url;
    EXPECT_EQ(call.why().code, errc::invalid_input) << url;
  }
}

TEST(slack_file, is_fetched_beside_the_api_where_that_is_elsewhere) {
  EXPECT_TRUE(from_slack(played_slack, "http://127.0.0.1:4010/slack/files-pri/T-F/a.png"));
  for (const auto* url : {"http://127.0.0.1:4010/whatsapp/x",
                          "http://127.0.0.1:4010/slackers/x",
                          "http://127.0.0.1:4010/slack/api/auth.revoke",
                          "http://127.0.0.1:4011/slack/files-pri/x",
                          "http://127.0.0.1:4010/slack/../admin",
                          "http://127.0.0.1:4010/slack%2fx/../admin",
                          "https://127.0.0.1:4010/slack/x",
                          "http://localhost:4010/slack/x"})
    EXPECT_FALSE(from_slack(played_slack, url)) << url;
}

TEST(whatsapp_file, is_asked_for_by_its_id) {
  const auto call = ask_whatsapp(meta, "1037543291543636");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->url, "https://graph.facebook.com/v23.0/1037543291543636");
  EXPECT_THAT(call->headers, Contains(Pair("Authorization", "Bearer EAAG")));
  for (const auto* id : {"", "../me/accounts", "1?fields=x", "1/2", "1#", "a b", "1%2f"})
    EXPECT_FALSE(ask_whatsapp(meta, id)) << id;
}

TEST(whatsapp_file, is_where_the_answer_says) {
  const auto url = read_whatsapp(
    {.status = 200, .body = R"({"url":"https:\/\/lookaside.fbsbx.com\/x?mid=1","id":"1"})"}, {});
  ASSERT_TRUE(url) << url.why().message;
  EXPECT_EQ(*url, "https://lookaside.fbsbx.com/x?mid=1");
  const auto gone = read_whatsapp(
    {.status = 400, .body = R"({"error":{"code":100,"error_subcode":33,"message":"no"}})"}, {});
  EXPECT_EQ(gone.why().code, errc::not_found);
  const auto token =
    read_whatsapp({.status = 401, .body = R"({"error":{"code":190,"message":"no"}})"}, {});
  EXPECT_EQ(token.why().code, errc::unauthorized);
  const auto busy =
    read_whatsapp({.status = 400, .body = R"({"error":{"code":80007,"message":"no"}})"}, {});
  EXPECT_EQ(busy.why().code, errc::rate_limited);
  EXPECT_EQ(read_whatsapp({.status = 503, .body = ""}, {}).why().code, errc::unavailable);
  EXPECT_EQ(read_whatsapp({.status = 200, .body = "{}"}, {}).why().code, errc::unavailable);
}

TEST(whatsapp_file, takes_the_token_to_meta_alone) {
  for (const auto* url : {"https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
                          "https://scontent.xx.fbcdn.net/v/t1.png"})
    EXPECT_TRUE(from_whatsapp(meta, url)) << url;
  for (const auto* url : {"https://evilfbsbx.com/x",
                          "https://fbsbx.com.evil.example/x",
                          "http://lookaside.fbsbx.com/x",
                          "https://evil.example/?u=lookaside.fbsbx.com",
                          "https://graph.facebook.com/v23.0/me",
                          "https://www.facebook.com/x",
                          "https://10.0.0.1/x"})
    EXPECT_FALSE(from_whatsapp(meta, url)) << url;
  EXPECT_TRUE(from_whatsapp(played_meta, "http://127.0.0.1:4010/whatsapp/attachments/1"));
  EXPECT_FALSE(from_whatsapp(played_meta, "http://127.0.0.1:4010/slack/x"));
}

TEST(intercom_file, is_fetched_from_anywhere_public_without_a_token) {
  const auto call =
    from_intercom(intercom_account, "https://downloads.intercomcdn.com/i/o/1/a.png?expires=1");
  ASSERT_TRUE(call);
  EXPECT_TRUE(call->user_url) << "no private address";
  EXPECT_THAT(call->headers, IsEmpty());
  EXPECT_FALSE(from_intercom(intercom_account, "ftp://example.com/a"));
  EXPECT_FALSE(from_intercom(intercom_account, "https://user:word@example.com/a"));
}

TEST(intercom_file, may_be_where_the_api_is_in_its_folder_alone) {
  const intercom::credentials played{.base_url = "http://127.0.0.1:4010/intercom"};
  EXPECT_FALSE(from_intercom(played, "http://127.0.0.1:4010/intercom/attachments/a")->user_url);
  for (const auto* url : {"http://127.0.0.1:4010/sandbox/state",
                          "http://127.0.0.1:4010/intercom/../sandbox/state",
                          "http://127.0.0.1:4010/intercom/%2e%2e/sandbox/state",
                          "http://127.0.0.1:5432/intercom/a"})
    EXPECT_TRUE(from_intercom(played, url)->user_url) << url;
}

TEST(downloaded_file, is_known_by_its_status) {
  const auto code_of = [](int status) {
    const auto fine = check_file("slack", {.status = status}, {});
    return fine ? std::string{"fine"} : std::string{to_string(fine.why().code)};
  };
  EXPECT_EQ(code_of(200), "fine");
  EXPECT_EQ(code_of(204), "unavailable");
  EXPECT_EQ(code_of(302), "forbidden");
  EXPECT_EQ(code_of(401), "unauthorized");
  EXPECT_EQ(code_of(403), "forbidden");
  EXPECT_EQ(code_of(404), "not_found");
  EXPECT_EQ(code_of(410), "not_found");
  EXPECT_EQ(code_of(429), "rate_limited");
  EXPECT_EQ(code_of(500), "unavailable");
  EXPECT_EQ(code_of(503), "unavailable");
}

} // namespace
} // namespace hub::http::providers::files
