#include "tests/http/client/tls_fixture.hpp"
#include "tests/support/nginx_process.hpp"

#include <condition_variable>
#include <mutex>
#include <set>
#include <vector>

namespace hub::http::client {

namespace {

using namespace std::chrono_literals;

constexpr int calls_at_once = 16;

/// A real web server with TLS that says which protocol was negotiated, on which connection. Behind
/// it, `/together` answers once `calls_at_once` calls are there at the same time.
class negotiated : public tls_fixture {
protected:
  negotiated() { how.extra_ca_file = file("ca.pem"); }

  void serve(const std::string& offered) {
    port_ = tests::unused_port();
    const std::string server =
      "server { listen 127.0.0.1:" + std::to_string(port_) + " ssl " + offered + ";"
      + " ssl_certificate " + file("good.pem") + "; ssl_certificate_key " + file("good.key") + ";"
      + " add_header X-Protocol $server_protocol; add_header X-Connection $connection;"
      + " location / { return 200 hasty; } location /busy { return 429 busy; }"
      + " location /together { proxy_pass " + behind_.url("/") + "; } }";
    nginx_.start(server, port_);
  }

  [[nodiscard]] call to_path(const std::string& path) const {
    return to("https://127.0.0.1:" + std::to_string(port_) + path);
  }

  struct seen {
    std::set<std::string> protocols;
    std::set<std::string> connections;
  };

  /// Sends calls that are all under way before the first is answered.
  seen send_together() {
    std::vector<std::future<answer>> answers;
    for (int i = 0; i < calls_at_once; ++i)
      answers.push_back(start(to_path("/together")));
    seen all;
    for (auto& each : answers) {
      const auto got = each.get();
      if (!got) {
        ADD_FAILURE() << got.why().message;
        continue;
      }
      EXPECT_EQ(got->status, 200);
      EXPECT_EQ(got->body, "together");
      all.protocols.emplace(got->header("x-protocol"));
      all.connections.emplace(got->header("x-connection"));
    }
    return all;
  }

private:
  void answer_together(server_connection& client) {
    if (client.read_request().empty())
      return;
    std::unique_lock lock{mutex_};
    ++here_;
    all_here_.notify_all();
    const bool met = all_here_.wait_for(lock, 15s, [this] { return here_ >= calls_at_once; });
    lock.unlock();
    client.answer(met ? "together" : "alone", "Connection: close\r\n");
  }

  std::mutex mutex_;
  std::condition_variable all_here_;
  int here_ = 0;
  loopback_server behind_{[this](server_connection& client) { answer_together(client); }};
  tests::nginx_process nginx_;
  std::uint16_t port_ = 0;
};

TEST_F(negotiated, is_http_2_where_it_is_offered) {
  serve("http2");
  auto what = to_path("/");
  what.method = "GET";
  const auto got = ask(what);
  ASSERT_TRUE(got) << got.why().message;
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->header("x-protocol"), "HTTP/2.0");
}

TEST_F(negotiated, http_2_counts_an_answer_that_comes_before_all_of_the_request_is_sent) {
  serve("http2");
  auto what = to_path("/");
  for (const std::size_t size : {2UL, 1UL << 20U}) { // within the first window, and beyond it
    what.body.assign(size, 'x');
    what.within = 2s; // libcurl waits it out where it may not send the rest
    const auto got = ask(what);
    ASSERT_TRUE(got) << got.why().message;
    EXPECT_EQ(got->status, 200);
    EXPECT_EQ(got->body, "hasty");
  }
  const auto busy = ask(to_path("/busy"));
  ASSERT_TRUE(busy) << busy.why().message;
  EXPECT_EQ(busy->status, 429);
}

TEST_F(negotiated, is_http_1_1_where_nothing_newer_is_offered) {
  serve("");
  for (int i = 0; i < 3; ++i) {
    const auto got = ask(to_path("/"));
    ASSERT_TRUE(got) << got.why().message;
    EXPECT_EQ(got->header("x-protocol"), "HTTP/1.1");
  }
  EXPECT_EQ(sender().figures().connections_opened, 1U) << "which is kept and used again";
}

TEST_F(negotiated, http_2_carries_calls_at_the_same_time_on_one_connection) {
  serve("http2");
  const auto all = send_together();
  EXPECT_EQ(all.protocols, std::set<std::string>{"HTTP/2.0"});
  EXPECT_EQ(all.connections.size(), 1U);
  EXPECT_EQ(sender().figures().connections_opened, 1U);
  EXPECT_EQ(sender().figures().connections_reused, calls_at_once - 1U);
}

TEST_F(negotiated, http_1_1_needs_a_connection_for_each_call_at_the_same_time) {
  serve("");
  const auto all = send_together();
  EXPECT_EQ(all.protocols, std::set<std::string>{"HTTP/1.1"});
  EXPECT_EQ(all.connections.size(), static_cast<std::size_t>(calls_at_once));
}

TEST_F(negotiated, http_2_is_spoken_to_nobody_unknown) {
  how.extra_ca_file.clear();
  serve("http2");
  EXPECT_EQ(code_of(ask(to_path("/"))), errc::unavailable);
}

} // namespace

} // namespace hub::http::client
