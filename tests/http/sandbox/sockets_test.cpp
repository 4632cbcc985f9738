#include "http/server/edge/server.hpp"
#include "tests/http/sandbox/sandbox_fixture.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>

#include <cerrno>
#include <mutex>

namespace hub::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const json message{{"channel", "C024BE91L"}, {"text", "It is fixed."}};
constexpr auto post_message = "/slack/api/chat.postMessage";

class sandbox_sockets : public sandbox_server {};

TEST_F(sandbox_sockets, serve_every_provider_under_its_name) {
  start();
  EXPECT_EQ(call("GET", "/up").status, 200);
  EXPECT_THAT(call("POST", post_message, message).body, HasSubstr(R"("ok":true)"));
  EXPECT_THAT(call("GET", "/intercom/me").body, HasSubstr(R"("type":"admin")"));
  EXPECT_THAT(call("POST",
                   "/whatsapp/v23.0/1/messages",
                   {{"messaging_product", "whatsapp"},
                    {"to", "34600000101"},
                    {"type", "text"},
                    {"text", {{"body", "x"}}}})
                .body,
              HasSubstr("wamid."));
  EXPECT_THAT(call("GET", "/notion/v1/databases/1a2b3c4d00004000800000000000abcd").body,
              HasSubstr("data_sources"));
  EXPECT_THAT(call("GET", "/openai/v1/models").body, HasSubstr("gpt"));
}

TEST_F(sandbox_sockets, give_404_in_each_providers_form) {
  start();
  EXPECT_THAT(call("POST", "/slack/api/no.such").body, HasSubstr("unknown_method"));
  EXPECT_THAT(call("GET", "/intercom/a/b/c").body, HasSubstr("error.list"));
  EXPECT_THAT(call("DELETE", "/whatsapp/x").body, HasSubstr("fbtrace_id"));
  EXPECT_THAT(call("GET", "/notion/v1/x/y/z").body, HasSubstr("invalid_request_url"));
  EXPECT_THAT(call("GET", "/openai/v1/x").body, HasSubstr("invalid_request_error"));
}

TEST_F(sandbox_sockets, drop_the_answer_after_the_work) {
  start();
  set({{"provider", "slack"}, {"kind", "drop_after_work"}, {"times", 1}});
  http_client client{ports_.http};
  client.send(request("POST", post_message, message.dump()));
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(state()["messages"].size(), 1U);
  EXPECT_EQ(call("POST", post_message, message).status, 200);
}

TEST_F(sandbox_sockets, reset_before_the_work) {
  start();
  set({{"provider", "slack"}, {"kind", "reset"}, {"times", 1}});
  http_client client{ports_.http};
  client.send(request("POST", post_message, message.dump()));
  char byte = 0;
  ssize_t size = 0;
  EXPECT_TRUE(eventually([&] {
    size = ::recv(client.descriptor(), &byte, 1, MSG_DONTWAIT);
    return size >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }));
  EXPECT_EQ(size, -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_TRUE(state()["messages"].empty());
}

TEST_F(sandbox_sockets, delay_the_answer_and_serve_others_meanwhile) {
  start();
  set({{"provider", "slack"}, {"kind", "delay"}, {"ms", 400}, {"times", 1}});
  http_client slow{ports_.http};
  const auto begin = std::chrono::steady_clock::now();
  slow.send(request("POST", post_message, message.dump()));
  EXPECT_TRUE(eventually([&] { return state()["messages"].size() == 1; }));
  EXPECT_EQ(call("POST", post_message, message).status, 200);
  EXPECT_EQ(slow.read().value().status, 200);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 400ms);
}

TEST_F(sandbox_sockets, answer_for_a_provider_that_is_out) {
  start();
  set({{"provider", "notion"}, {"kind", "outage"}});
  EXPECT_EQ(call("GET", "/notion/v1/users/me").status, 503);
  EXPECT_EQ(call("GET", "/openai/v1/models").status, 200);
  EXPECT_EQ(call("DELETE", "/sandbox/faults").status, 200);
  EXPECT_EQ(call("GET", "/notion/v1/users/me").status, 200);
}

TEST_F(sandbox_sockets, pass_a_wait_on) {
  start();
  set({{"provider", "slack"}, {"kind", "rate_limit"}, {"retry_after", 30}, {"times", 1}});
  const auto refused = call("POST", post_message, message);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("retry-after"), "30");
}

TEST_F(sandbox_sockets, show_people_a_page_that_runs_no_foreign_script) {
  start();
  EXPECT_EQ(
    call("POST", post_message, {{"channel", "C024BE91L"}, {"text", "<script>alert(1)</script>"}})
      .status,
    200);
  const auto page = call("GET", "/");
  EXPECT_THAT(page.header("content-type"), HasSubstr("text/html"));
  EXPECT_THAT(page.header("content-security-policy"), HasSubstr("script-src 'self'"));
  EXPECT_THAT(page.body, HasSubstr("&lt;script&gt;alert(1)"));
  EXPECT_THAT(page.body, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(call("GET", "/sandbox/page.css").header("content-type"), HasSubstr("text/css"));
  EXPECT_THAT(call("GET", "/sandbox/page.js").header("content-type"), HasSubstr("text/javascript"));
}

TEST_F(sandbox_sockets, keep_control_from_pages_that_borrow_our_address) {
  start();
  http_client client{ports_.http};
  client.send("GET /sandbox/state HTTP/1.1\r\nHost: evil.example.com\r\n\r\n");
  EXPECT_EQ(client.read().value().status, 403);
}

TEST_F(sandbox_sockets, believe_when_somebody_last_wrote) {
  start();
  const json text{{"messaging_product", "whatsapp"},
                  {"to", "34600000000"},
                  {"type", "text"},
                  {"text", {{"body", "x"}}}};
  EXPECT_EQ(call("POST", "/whatsapp/v23.0/1/messages", text).status, 400);
  EXPECT_EQ(call("POST", "/sandbox/whatsapp/last_wrote", {{"recipient", "+34600000000"}}).status,
            200);
  EXPECT_EQ(call("POST", "/whatsapp/v23.0/1/messages", text).status, 200);
  EXPECT_EQ(
    call("POST", "/sandbox/whatsapp/last_wrote", {{"recipient", "1"}, {"at", "never"}}).status,
    422);
}

/// The business: takes webhooks, refuses the first few.
class business {
public:
  explicit business(int refusals) : refusals_{refusals}, server_{{}} {
    server_.route("POST", "/hook", [this](const edge::request& request, edge::responder answer) {
      const std::lock_guard lock{mutex_};
      const bool refuse = refusals_-- > 0;
      if (!refuse)
        seen_.emplace_back(std::string{request.header("x-hub-signature-256").value_or("")},
                           request.body);
      answer.send(
        {.status = refuse ? 503 : 200, .content_type = "text/plain", .body = "", .headers = {}});
    });
    port_ = server_.start();
  }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/hook";
  }
  std::vector<std::pair<std::string, std::string>> seen() {
    const std::lock_guard lock{mutex_};
    return seen_;
  }

private:
  std::mutex mutex_;
  int refusals_;
  std::vector<std::pair<std::string, std::string>> seen_; // signature, body
  edge::server server_;
  std::uint16_t port_ = 0;
};

TEST_F(sandbox_sockets, post_signed_statuses_until_they_are_taken) {
  business hub{1};
  start({hub.url(), "app-secret"});
  const auto sent = call("POST",
                         "/whatsapp/v23.0/106540352242922/messages",
                         {{"messaging_product", "whatsapp"},
                          {"to", "34600000101"},
                          {"type", "text"},
                          {"text", {{"body", "x"}}},
                          {"biz_opaque_callback_data", "delivery-7"}});
  ASSERT_EQ(sent.status, 200);
  ASSERT_TRUE(eventually([&] { return hub.seen().size() == 3; }));
  std::vector<std::string> statuses;
  for (const auto& [signature, body] : hub.seen()) {
    EXPECT_EQ(signature, sandbox::hub_signature("app-secret", body));
    const auto status = json::parse(body)["entry"][0]["changes"][0]["value"]["statuses"][0];
    EXPECT_EQ(status["id"], json::parse(sent.body)["messages"][0]["id"]);
    EXPECT_EQ(status["biz_opaque_callback_data"], "delivery-7");
    statuses.push_back(status["status"]);
  }
  EXPECT_THAT(statuses, testing::UnorderedElementsAre("sent", "delivered", "read"));
  // The refused one is on record too.
  EXPECT_TRUE(
    eventually([&] { return state()["counters"]["whatsapp"]["statuses"]["calls"] == 4; }));
}

TEST(sandbox_signature, is_the_documented_hmac) {
  // RFC 4231, test case 2.
  EXPECT_EQ(sandbox::hub_signature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_F(sandbox_sockets, stop_although_answers_are_still_owed) {
  start();
  set({{"provider", "slack"}, {"kind", "delay"}, {"ms", 60'000}});
  http_client slow{ports_.http};
  slow.send(request("POST", post_message, message.dump()));
  EXPECT_TRUE(eventually([&] { return state()["messages"].size() == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  server_->stop(200ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

} // namespace
} // namespace hub::tests
