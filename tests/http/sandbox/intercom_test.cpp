#include "http/sandbox/intercom.hpp"

#include "tests/http/sandbox/requests.hpp"

namespace hub::tests {
namespace {

class sandbox_intercom : public testing::Test {
protected:
  answer call(std::string_view method,
              std::string_view target,
              const json& body = nullptr,
              const header_list& more = {}) {
    header_list headers = more;
    headers.emplace_back("authorization", "Bearer " + token_);
    if (!version_.empty())
      headers.emplace_back("intercom-version", version_);
    headers.emplace_back("content-type", "application/json");
    const auto request = make_request(method, target, headers, body.is_null() ? "" : body.dump());
    return read(intercom_.handle(sandbox::call_of(request, now_)));
  }
  answer reply(const json& more = {}) {
    json body{{"message_type", "comment"},
              {"type", "admin"},
              {"admin_id", "814860"},
              {"body", "<p>It is fixed.</p>"}};
    body.update(more.is_null() ? json::object() : more);
    for (auto each = body.begin(); each != body.end();)
      each = each->is_null() ? body.erase(each) : std::next(each);
    return call("POST", "/intercom/conversations/215470/reply", body);
  }

  sandbox::intercom intercom_;
  domain::time_point now_ = noon;
  std::string token_ = "sandbox";
  std::string version_ = "2.16";
};

TEST_F(sandbox_intercom, adds_a_reply_as_a_part_of_the_conversation) {
  const auto done = reply();
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_TRUE(done.delivered);
  EXPECT_EQ(done.body["type"], "conversation");
  EXPECT_EQ(done.body["id"], "215470");
  reply({{"message_type", "note"}, {"body", "plain"}});
  const auto shown = call("GET", "/intercom/conversations/215470").body;
  const auto& parts = shown["conversation_parts"]["conversation_parts"];
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(shown["conversation_parts"]["total_count"], 2);
  EXPECT_EQ(parts[0]["body"], "<p>It is fixed.</p>");
  EXPECT_EQ(parts[0]["author"]["type"], "admin");
  EXPECT_EQ(parts[0]["author"]["id"], "814860");
  EXPECT_EQ(parts[0]["created_at"], 1'772'357'415);
  EXPECT_EQ(parts[1]["part_type"], "note");
  EXPECT_EQ(parts[1]["body"], "<p>plain</p>");
  EXPECT_NE(parts[0]["id"], parts[1]["id"]);
  EXPECT_EQ(call("GET", "/intercom/conversations/215470?display_as=plaintext")
              .body["conversation_parts"]["conversation_parts"][0]["body"],
            "It is fixed.");
}

TEST_F(sandbox_intercom, knows_who_calls) {
  EXPECT_EQ(call("GET", "/intercom/me").body["type"], "admin");
  token_ = "revoked";
  auto refused = call("GET", "/intercom/me");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.body["type"], "error.list");
  EXPECT_EQ(refused.body["errors"][0]["code"], "token_revoked");
  token_ = "invalid";
  EXPECT_EQ(call("GET", "/intercom/me").body["errors"][0]["code"], "unauthorized");
}

TEST_F(sandbox_intercom, wants_its_version) {
  for (const auto* version : {"", "2.99", "latest"}) {
    version_ = version;
    const auto refused = reply();
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.body["errors"][0]["code"], "intercom_version_invalid");
  }
}

TEST_F(sandbox_intercom, refuses_what_is_not_a_reply) {
  const std::vector<std::tuple<json, int, std::string>> cases{
    {{{"body", nullptr}}, 400, "parameter_not_found"},
    {{{"body", ""}}, 400, "parameter_not_found"},
    {{{"admin_id", nullptr}}, 400, "parameter_not_found"},
    {{{"admin_id", 814860}}, 400, "parameter_invalid"},
    {{{"admin_id", "nobody"}}, 404, "admin_not_found"},
    {{{"message_type", "shout"}}, 400, "parameter_invalid"},
    {{{"type", "robot"}}, 400, "parameter_invalid"},
    {{{"type", "user"}, {"admin_id", nullptr}}, 400, "parameter_not_found"},
    {{{"colour", "red"}}, 400, "parameter_invalid"},
    {{{"attachment_urls", json(std::vector<std::string>(11, "https://example.com"))}},
     400,
     "parameter_invalid"},
  };
  for (const auto& [more, status, code] : cases) {
    const auto refused = reply(more);
    EXPECT_EQ(refused.status, status) << more;
    EXPECT_EQ(refused.body["errors"][0]["code"], code) << more;
    EXPECT_FALSE(refused.delivered);
  }
}

TEST_F(sandbox_intercom, has_no_conversation_that_is_missing) {
  for (const auto* path : {"/intercom/conversations/missing1", "/intercom/nothing"}) {
    const auto refused = call("GET", path);
    EXPECT_EQ(refused.status, 404) << path;
    EXPECT_EQ(refused.body["errors"][0]["code"], "not_found");
  }
  EXPECT_EQ(call("GET", "/intercom/me", nullptr, {{"accept", "text/html"}}).status, 406);
}

TEST_F(sandbox_intercom, counts_calls_in_windows_of_ten_seconds) {
  const auto first = call("GET", "/intercom/me");
  EXPECT_EQ(first.header("X-RateLimit-Limit"), "1666");
  EXPECT_EQ(first.header("X-RateLimit-Remaining"), "1665");
  EXPECT_EQ(first.header("X-RateLimit-Reset"), "1772357420");
  for (int i = 0; i < 1665; ++i)
    ASSERT_EQ(call("GET", "/intercom/me").status, 200);
  const auto refused = reply();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.body["errors"][0]["code"], "rate_limit_exceeded");
  EXPECT_EQ(refused.header("X-RateLimit-Remaining"), "0");
  EXPECT_FALSE(refused.delivered);
  now_ += 5s;
  EXPECT_EQ(reply().status, 200);
}

} // namespace
} // namespace hub::tests
