#include "tests/http/client/engine_fixture.hpp"
#include "tests/support/process.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <ostream>
#include <thread>
#include <vector>

namespace hub::http::client {

namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

class lost_call : public engine_fixture {};

/// A port nobody listens on.
std::uint16_t closed_port() {
  loopback_server brief{echo};
  return brief.port();
}

TEST_F(lost_call, is_unavailable_when_the_connection_is_refused) {
  const auto got = ask(to("http://127.0.0.1:" + std::to_string(closed_port()) + "/"));
  EXPECT_EQ(code_of(got), errc::unavailable);
  EXPECT_EQ(got.why().message.find("127.0.0.1"), std::string::npos) << got.why().message;
}

TEST_F(lost_call, is_unavailable_when_the_name_is_unknown) {
  EXPECT_EQ(code_of(ask(to("http://nobody.invalid/"))), errc::unavailable);
}

TEST_F(lost_call, is_unavailable_when_connecting_takes_too_long) {
  // A full backlog leaves further connections unanswered.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener, generic, size), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  ASSERT_EQ(::getsockname(listener, generic, &size), 0);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    (void)::connect(fillers.back(), generic, size);
  }
  auto what = to("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/");
  what.connect_within = 150ms;
  const auto began = steady::now();
  EXPECT_EQ(code_of(ask(what)), errc::unavailable);
  EXPECT_LT(steady::now() - began, 5s);
  for (const int each : fillers)
    ::close(each);
  ::close(listener);
}

/// What a server may do once it has read the request, and what it means.
struct misdeed {
  const char* name;
  loopback_server::script play;

  friend std::ostream& operator<<(std::ostream& out, const misdeed& shown) {
    return out << shown.name;
  }
};

class lost_answer : public engine_fixture, public testing::WithParamInterface<misdeed> {};

TEST_P(lost_answer, has_an_unknown_outcome) {
  loopback_server server{GetParam().play};
  auto what = to(server.url());
  what.within = 300ms;
  what.max_response = 10'000;
  EXPECT_EQ(code_of(ask(what)), errc::unknown_outcome);
}

TEST_P(lost_answer, is_unavailable_when_the_call_can_be_repeated) {
  loopback_server server{GetParam().play};
  auto what = to(server.url());
  what.within = 300ms;
  what.max_response = 10'000;
  what.repeatable = true;
  const auto code = code_of(ask(what));
  EXPECT_TRUE(code == errc::unavailable || code == errc::too_large) << to_string(code);
}

INSTANTIATE_TEST_SUITE_P(
  server,
  lost_answer,
  testing::Values(
    misdeed{"hangs", [](auto& client) { client.await_end(); }},
    misdeed{"closes_without_an_answer", [](auto& client) { client.read_request(); }},
    misdeed{"resets_without_an_answer",
            [](auto& client) {
              client.read_request();
              client.reset();
            }},
    misdeed{"resets_within_the_head",
            [](auto& client) {
              client.read_request();
              client.write("HTTP/1.1 200 OK\r\nContent-");
              client.reset();
            }},
    misdeed{"resets_within_the_body",
            [](auto& client) {
              client.read_request();
              client.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
              client.reset();
            }},
    misdeed{"closes_within_the_body",
            [](auto& client) {
              client.read_request();
              client.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            }},
    misdeed{"closes_within_a_chunk",
            [](auto& client) {
              client.read_request();
              client.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf");
            }},
    misdeed{"answers_with_noise",
            [](auto& client) {
              client.read_request();
              client.write("this is not HTTP\r\n\r\n");
            }},
    misdeed{"drips_its_answer",
            [](auto& client) {
              client.read_request();
              client.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
              while (client.write("."))
                std::this_thread::sleep_for(5ms);
            }},
    misdeed{"answers_too_much",
            [](auto& client) {
              client.read_request();
              client.answer(std::string(20'000, 'x'));
            }},
    misdeed{"sends_headers_without_end",
            [](auto& client) {
              client.read_request();
              client.write("HTTP/1.1 200 OK\r\n");
              while (client.write("X-More: " + std::string(1000, 'x') + "\r\n")) {
              }
            }},
    misdeed{"answers_too_much_in_little",
            [](auto& client) {
              // 20,000 zero bytes, deflated by gzip
              static const std::string_view packed{
                "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2"
                "\xa0\xf5\x4f\x6d\x0d\x0f\xa0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                "\x00\x00\x00\x00\x00\x00\x00\x00\x78\x30\x02\x53\x2f\x97\x20\x4e\x00\x00",
                54};
              client.read_request();
              client.answer(packed, "Content-Encoding: gzip\r\n");
            }}),
  [](const auto& tested) { return std::string{tested.param.name}; });

TEST_F(lost_call, is_not_sent_again_when_a_kept_connection_drops_it) {
  std::atomic<int> requests{0};
  loopback_server server{[&](server_connection& client) {
    if (client.read_request().empty())
      return;
    ++requests;
    client.answer("first");
    if (!client.read_request().empty())
      ++requests; // the work is done, the answer is not sent
  }};
  ASSERT_TRUE(ask(to(server.url())));
  EXPECT_EQ(code_of(ask(to(server.url()))), errc::unknown_outcome);
  EXPECT_EQ(requests, 2);
}

TEST_F(lost_call, is_sent_again_on_a_new_connection_when_it_can_be_repeated) {
  std::atomic<int> requests{0};
  loopback_server server{[&](server_connection& client) {
    if (client.read_request().empty())
      return;
    ++requests;
    client.answer("first");
    if (!client.read_request().empty())
      ++requests;
  }};
  ASSERT_TRUE(ask(to(server.url())));
  auto what = to(server.url());
  what.repeatable = true;
  EXPECT_TRUE(ask(what));
  EXPECT_EQ(requests, 3);
}

TEST_F(lost_call, does_not_go_out_on_a_connection_known_to_be_closed) {
  loopback_server server{[](server_connection& client) {
    client.read_request();
    client.answer("and goodbye");
  }};
  for (int i = 0; i < 5; ++i) {
    const auto got = ask(to(server.url()));
    ASSERT_TRUE(got) << got.why().message;
    std::this_thread::sleep_for(20ms);
  }
}

TEST_F(lost_call, says_what_happened_in_words_of_ours) {
  struct worded_case {
    loopback_server::script play;
    std::string says;
  };
  const std::vector<worded_case> cases{
    {[](auto& client) { client.await_end(); },
     "no answer within 300 ms; the provider may have done it"},
    {[](auto& client) { client.read_request(); },
     "the connection was closed without an answer; the provider may have done it"},
    {[](auto& client) {
       client.read_request();
       client.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
     },
     "the connection was closed in the middle of the answer; the provider may have done it"},
    {[](auto& client) {
       client.read_request();
       client.answer(std::string(10'001, 'x'));
     },
     "the answer is larger than 10000 bytes; the provider may have done it"},
  };
  for (const auto& [play, says] : cases) {
    loopback_server server{play};
    auto what = to(server.url());
    what.within = 300ms;
    what.max_response = 10'000;
    const auto got = ask(what);
    ASSERT_FALSE(got) << says;
    EXPECT_EQ(got.why().message, says);
  }
}

TEST_F(lost_call, says_that_a_kept_connection_was_closed) {
  loopback_server server{[](server_connection& client) {
    client.read_request();
    client.answer("first");
    client.read_request();
  }};
  ASSERT_TRUE(ask(to(server.url())));
  const auto got = ask(to(server.url()));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.why().message,
            "the connection was closed without an answer; the provider may have done it");
}

TEST_F(lost_call, takes_what_the_engine_allows_where_it_does_not_say) {
  how.within = 200ms;
  how.max_response = 5'000;
  loopback_server silent{[](server_connection& client) { client.await_end(); }};
  loopback_server wordy{[](server_connection& client) {
    client.read_request();
    client.answer(std::string(5'001, 'x'));
  }};
  for (auto* server : {&silent, &wordy}) {
    auto what = to(server->url());
    what.within = {};
    what.connect_within = {};
    const auto got = ask(what);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.why().message,
              server == &silent
                ? "no answer within 200 ms; the provider may have done it"
                : "the answer is larger than 5000 bytes; the provider may have done it");
  }
}

TEST_F(lost_call, keeps_answers_of_exactly_the_limit) {
  loopback_server server{[](server_connection& client) {
    client.read_request();
    client.answer(std::string(10'000, 'x'));
  }};
  auto what = to(server.url());
  what.max_response = 10'000;
  const auto got = ask(what);
  ASSERT_TRUE(got) << got.why().message;
  EXPECT_EQ(got->body.size(), 10'000U);
}

TEST_F(lost_call, follows_no_redirect) {
  std::atomic<int> elsewhere{0};
  loopback_server other{[&](server_connection& client) {
    ++elsewhere;
    echo(client);
  }};
  loopback_server server{[&](server_connection& client) {
    client.read_request();
    client.write("HTTP/1.1 307 Moved\r\nContent-Length: 0\r\nLocation: " + other.url()
                 + "\r\n\r\n");
  }};
  const auto got = ask(to(server.url()));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 307);
  EXPECT_EQ(elsewhere, 0);
}

TEST_F(lost_call, takes_any_status_for_an_answer) {
  loopback_server server{[](server_connection& client) {
    client.read_request();
    client.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 3\r\n"
                 "Content-Length: 0\r\n\r\n");
  }};
  const auto got = ask(to(server.url()));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 503);
  EXPECT_EQ(got->headers.size(), 2U);
}

TEST_F(lost_call, never_leaves_when_it_cannot_be_written_down) {
  loopback_server server{echo};
  const std::vector<std::pair<std::string, std::string>> bad_headers{
    {"X-A", "one\r\nX-Injected: two"},
    {"X-A", "one\ntwo"},
    {"X-A", "one\rtwo"},
    {"X-A", std::string("one\0two", 7)},
    {"X-A\r\nX-B", "one"},
    {"X A", "one"},
    {"X-A:", "one"},
    {"", "one"},
    {"Content-Length", "0"},
    {"transfer-encoding", "chunked"}};
  for (const auto& header : bad_headers) {
    auto what = to(server.url());
    what.headers = {header};
    EXPECT_EQ(code_of(ask(what)), errc::invalid_input) << header.first << ": " << header.second;
  }
  for (const auto* method : {"", "GET / HTTP/1.1\r\nX: y", "GE T"}) {
    auto what = to(server.url());
    what.method = method;
    EXPECT_EQ(code_of(ask(what)), errc::invalid_input) << method;
  }
  for (const std::string url : {"",
                                "example.com/x",
                                "file:///etc/passwd",
                                "ftp://127.0.0.1/",
                                "gopher://127.0.0.1/",
                                "smtp://127.0.0.1/",
                                "http://",
                                "http://a b/",
                                "http://127.0.0.1/\r\nX: y"})
    EXPECT_EQ(code_of(ask(to(url))), errc::invalid_input) << url;
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(lost_call, goes_through_the_proxy_of_the_environment) {
  std::string seen;
  loopback_server proxy{[&](server_connection& client) {
    seen = client.read_request();
    client.answer("by proxy");
  }};
  ::setenv("http_proxy", proxy.url("").c_str(), 1);
  const auto got = ask(to("http://provider.example/path"));
  auto user_url = to("http://provider.example/path");
  user_url.user_url = true;
  const auto direct = ask(user_url);
  ::unsetenv("http_proxy");
  ASSERT_TRUE(got) << got.why().message;
  EXPECT_EQ(got->body, "by proxy");
  EXPECT_TRUE(seen.starts_with("POST http://provider.example/path HTTP/1.1\r\n")) << seen;
  EXPECT_FALSE(direct) << "an address from a form went through the proxy";
}

TEST_F(lost_call, says_nothing_was_sent_when_the_proxy_refuses_the_tunnel) {
  loopback_server proxy{[](server_connection& client) {
    client.read_request();
    client.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  }};
  ::setenv("https_proxy", proxy.url("").c_str(), 1);
  const auto got = ask(to("https://provider.example/path"));
  ::unsetenv("https_proxy");
  EXPECT_EQ(code_of(got), errc::unavailable);
}

} // namespace

} // namespace hub::http::client
