#include "tests/http/edge/edge_fixture.hpp"
#include "tests/support/nginx_process.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>

namespace hub::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void replace(std::string& text, std::string_view what, std::string_view with) {
  const auto at = text.find(what);
  ASSERT_NE(at, std::string::npos) << "the template has no " << what;
  text.replace(at, what.size(), with);
}

/// The server behind a real nginx that runs the template from docs/nginx.
class behind_nginx : public edge_server {
protected:
  behind_nginx() {
    options_.limits.idle_timeout = 60s;
    server_ = std::make_unique<edge::server>(options_);
    add_routes();
    port_ = server_->start();
  }

  ~behind_nginx() override {
    nginx_.reset(); // before what is behind it
    stop();
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(write_configuration());
    nginx_->start("include site.conf;", front_);
  }

  [[nodiscard]] http_client proxied() const { return http_client(front_); }
  /// A client that is not this machine, as far as nginx can tell.
  [[nodiscard]] http_client from_elsewhere() const {
    return http_client(front_, {.source = "127.0.0.2"});
  }

  [[nodiscard]] std::string logged(const char* file) const {
    std::ifstream stream(nginx_->home() / file);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
  }

  static void
  expect_error(const std::optional<http_response>& answer, int status, const std::string& code) {
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, status) << answer->body;
    EXPECT_EQ(answer->header("content-type"), "application/json");
    EXPECT_THAT(answer->body, ::testing::StartsWith(R"({"error":")"));
    EXPECT_THAT(answer->body, ::testing::EndsWith(R"(","code":")" + code + "\"}"));
    EXPECT_FALSE(answer->header("x-request-id").empty());
    EXPECT_EQ(answer->has("retry-after"), status == 429 || status >= 503) << status;
  }

  std::string rate_ = "rate=100000r/s";
  std::uint16_t front_ = 0;

private:
  void add_routes() {
    const auto echo = [](const edge::request& from, edge::responder to) {
      std::string all = from.method + " " + from.path + "\n";
      for (const auto& [name, value] : from.headers)
        all += name + "=" + value + "\n";
      to.send(
        {.status = 200, .content_type = "text/plain", .body = all + from.body, .headers = {}});
    };
    server_->route("GET", "/echo", echo);
    server_->route("POST", "/webhooks/slack", echo);
    server_->route("GET", "/webhooks/slack/:path_secret", echo);
    for (const auto* path : {"/metrics", "/up", "/api/tickets", "/webhooks/whatsapp", "/"})
      server_->route("GET", path, echo);
    server_->route("GET", "/late", [](const edge::request&, edge::responder to) {
      to.send({.status = 503,
               .content_type = "application/json",
               .body = R"({"error":"the hub's own","code":"unavailable"})",
               .headers = {{"Retry-After", "7"}}});
    });
    server_->route("GET", "/token/:id", [this](const edge::request& from, edge::responder to) {
      const auto held = std::make_shared<edge::responder>(std::move(to));
      pool_.post(100us, [held, body = std::string(from.path_parameter("id"))] {
        held->send({.status = 200, .content_type = "text/plain", .body = body, .headers = {}});
      });
    });
    server_->route("GET", "/large", [](const edge::request&, edge::responder to) {
      to.send({.status = 200,
               .content_type = "application/json",
               .body = std::string(100'000, ' '),
               .headers = {}});
    });
    server_->route("GET", "/api/stream", [this](const edge::request&, edge::responder to) {
      const std::lock_guard lock(streams_mutex_);
      streams_.push_back(to.open_stream({.status = 200,
                                         .content_type = "text/event-stream",
                                         .body = {},
                                         .headers = {{"Cache-Control", "no-store"}}}));
    });
  }

  void write_configuration() {
    std::ifstream file(HUB_NGINX_TEMPLATE);
    std::stringstream text;
    text << file.rdbuf();
    auto site = text.str();
    front_ = unused_port();
    ASSERT_NO_FATAL_FAILURE(
      replace(site, "server 127.0.0.1:3000;", "server 127.0.0.1:" + std::to_string(port_) + ";"));
    ASSERT_NO_FATAL_FAILURE(
      replace(site, "listen 127.0.0.1:8080;", "listen 127.0.0.1:" + std::to_string(front_) + ";"));
    // Thousands of clients share one address here.
    ASSERT_NO_FATAL_FAILURE(replace(site, "rate=50r/s", rate_));
    for (const auto* log : {"access", "error"})
      ASSERT_NO_FATAL_FAILURE(replace(site,
                                      std::string("/var/log/nginx/feedback-hub.") + log + ".log",
                                      (nginx_->home() / log).string()));
    std::ofstream(nginx_->home() / "site.conf") << site;
  }

  std::unique_ptr<nginx_process> nginx_ = std::make_unique<nginx_process>();
};

TEST_F(behind_nginx, keeps_its_connections_and_passes_on_who_asks) {
  auto client = proxied();
  for (int i = 0; i < 50; ++i) {
    client.get("/echo?x=1", "X-Forwarded-For: 6.6.6.6\r\nX-Request-Id: r1\r\n");
    const auto answer = client.read().value();
    EXPECT_EQ(answer.status, 200);
    EXPECT_THAT(answer.body, HasSubstr("x-forwarded-for=127.0.0.1\n"));
    EXPECT_THAT(answer.body, HasSubstr("x-forwarded-proto=http\n"));
    EXPECT_THAT(answer.body, Not(HasSubstr("6.6.6.6")));
    EXPECT_EQ(answer.header("x-request-id"), "r1");
  }
  EXPECT_EQ(stats().accepted, 1U);
}

TEST_F(behind_nginx, gets_chunked_bodies_with_their_length) {
  auto client = proxied();
  client.send("POST /webhooks/slack HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
              "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
  const auto answer = client.read().value();
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr("content-length=11\n"));
  EXPECT_THAT(answer.body, HasSubstr("hello world"));
}

TEST_F(behind_nginx, streams_every_event_at_once) {
  auto client = proxied();
  client.get("/api/stream");
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(streams_mutex_);
    return streams_.size() == 1;
  }));
  for (int i = 0; i < 20; ++i) {
    const auto event = "data: " + std::to_string(i) + "\n\n";
    EXPECT_TRUE(streams_.front().try_write(event));
    std::string got;
    while (got.find(event) == std::string::npos) {
      const auto more = client.read_some(5s);
      ASSERT_FALSE(more.empty());
      got += more;
    }
  }
  client.close();
  EXPECT_TRUE(eventually([&] {
    static_cast<void>(streams_.front().try_write("data: anybody?\n\n"));
    return streams_.front().closed();
  }));
}

TEST_F(behind_nginx, compresses) {
  auto client = proxied();
  client.get("/large", "Accept-Encoding: gzip\r\n");
  const auto answer = client.read().value();
  EXPECT_EQ(answer.header("content-encoding"), "gzip");
  EXPECT_LT(answer.body.size(), 5'000U);
}

TEST_F(behind_nginx, is_open_but_for_its_figures) {
  auto here = proxied();
  auto elsewhere = from_elsewhere();
  for (const auto* path : {"/", "/api/tickets", "/up", "/webhooks/whatsapp"})
    for (auto* client : {&here, &elsewhere}) {
      client->get(path);
      EXPECT_EQ(client->read()->status, 200) << path;
    }
  for (const auto* path : {"/metrics",
                           "/metrics/",
                           "//metrics",
                           "/%6detrics/",
                           "/metrics/x",
                           "/webhooks/../metrics",
                           "/webhooks/%2e%2e/metrics"}) {
    SCOPED_TRACE(path);
    for (auto* client : {&here, &elsewhere}) {
      client->get(path);
      const auto refused = client->read();
      expect_error(refused, 404, "not_found");
      EXPECT_EQ(refused->header("x-content-type-options"), "nosniff");
      EXPECT_THAT(std::string{refused->header("content-security-policy")},
                  HasSubstr("default-src 'none'"));
    }
  }
}

TEST_F(behind_nginx, answers_errors_of_its_own_in_the_contracts_form) {
  auto client = proxied();
  client.send("POST /webhooks/slack HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n");
  EXPECT_TRUE(client.send(std::string(3'000'000, 'x')));
  EXPECT_EQ(client.read()->status, 200);
  client.send("POST /webhooks/slack HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n");
  expect_error(client.read(), 413, "body_too_large");
  client = proxied();
  client.get("/" + std::string(10'000, 'x'));
  expect_error(client.read(), 414, "target_too_long");
  client = proxied();
  client.get("/echo", "X-Long: " + std::string(10'000, 'x') + "\r\n");
  expect_error(client.read(), 431, "headers_too_large");
  client = proxied();
  client.send("GET /echo HTTP/1.1\r\n\r\n");
  expect_error(client.read(), 400, "malformed_request");

  client = proxied();
  client.get("/late", "X-Request-Id: mine\r\n");
  const auto servers_own = client.read().value();
  expect_error(servers_own, 503, "unavailable");
  EXPECT_EQ(servers_own.header("retry-after"), "7");
  stop();
  client.get("/webhooks/whatsapp", "X-Request-Id: mine\r\n");
  const auto away = client.read().value();
  expect_error(away, 503, "unavailable");
  EXPECT_EQ(away.header("x-request-id"), "mine");
}

class behind_a_strict_nginx : public behind_nginx {
protected:
  behind_a_strict_nginx() { rate_ = "rate=1r/m"; }
};

TEST_F(behind_a_strict_nginx, tells_who_asks_too_much_to_slow_down_but_no_provider) {
  auto client = proxied();
  int refused = 0;
  for (int i = 0; i < 210 && refused == 0; ++i) {
    client.get("/echo");
    const auto answer = client.read().value();
    if (answer.status == 200)
      continue;
    expect_error(answer, 429, "rate_limited");
    ++refused;
  }
  EXPECT_EQ(refused, 1);
  for (int i = 0; i < 210; ++i) {
    client.get("/webhooks/whatsapp");
    ASSERT_EQ(client.read()->status, 200);
  }
}

TEST_F(behind_nginx, logs_paths_and_request_ids_and_no_query) {
  auto client = proxied();
  client.get("/webhooks/whatsapp?hub.verify_token=hush", "X-Request-Id: known-1\r\n");
  EXPECT_EQ(client.read()->status, 200);
  auto elsewhere = from_elsewhere();
  elsewhere.get("/api/tickets?search=hush", "X-Request-Id: known 2\r\n");
  EXPECT_EQ(elsewhere.read()->status, 200);
  stop();
  client.get("/webhooks/whatsapp?hub.verify_token=hush", "X-Request-Id: known-3\r\n");
  EXPECT_EQ(client.read()->status, 503);
  EXPECT_TRUE(eventually([&] { return logged("access").find("known-3") != std::string::npos; }));
  EXPECT_THAT(logged("access"), HasSubstr("\"GET /webhooks/whatsapp\" 200"));
  EXPECT_THAT(logged("access"), HasSubstr("known-1"));
  EXPECT_THAT(logged("access"), Not(HasSubstr("known 2")));
  for (const auto* file : {"access", "error", "error.log"})
    EXPECT_THAT(logged(file), Not(HasSubstr("hush"))) << file;
}

TEST_F(behind_nginx, logs_no_secret_address_of_webhooks) {
  const std::string secret = "Hush-" + std::string(33, 'h') + "_Hush";
  auto client = proxied();
  for (const auto& path : {"/webhooks/slack/" + secret,
                           "/webhooks/slack/" + secret + "/more",
                           "/WebHooks/Slack/" + secret,
                           "//webhooks//slack/" + secret,
                           "/webhooks/%73lack/" + secret,
                           "/webhooks/slack/%48" + secret.substr(1),
                           "/webhooks/slack/" + secret.substr(0, 20),
                           "/webhook/slack/" + secret,
                           "/" + secret}) {
    client.get(path);
    EXPECT_TRUE(client.read()) << path;
  }
  client.get("/up", "X-Request-Id: last-1\r\n");
  EXPECT_EQ(client.read()->status, 200);
  EXPECT_TRUE(eventually([&] { return logged("access").find("last-1") != std::string::npos; }));
  EXPECT_THAT(logged("access"), HasSubstr("\"GET /webhooks/slack/(secret)\""));
  for (const auto* file : {"access", "error", "error.log"})
    EXPECT_THAT(logged(file), Not(HasSubstr("Hush"))) << file;
}

TEST_F(behind_nginx, never_gives_anybody_an_answer_meant_for_another) {
  std::atomic<int> wrong = 0;
  std::atomic<int> missing = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([&, thread] {
      std::mt19937 random(static_cast<unsigned>(thread));
      for (int i = 0; i < load(1500, 100); ++i) {
        auto client = proxied();
        const auto token = std::to_string(thread) + "-" + std::to_string(i);
        client.get("/token/" + token);
        if (random() % 3 == 0) {
          client.reset();
          continue;
        }
        const auto answer = client.read(10s);
        if (!answer || answer->status != 200)
          ++missing;
        else if (answer->body != token)
          ++wrong;
      }
    });
  for (auto& each : threads)
    each.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(missing, 0);
  EXPECT_EQ(stats().exceptions, 0U);
}

} // namespace
} // namespace hub::tests
