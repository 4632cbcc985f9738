#include "tests/http/edge/edge_fixture.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>

namespace hub::tests {
namespace {

using testing::HasSubstr;

using clock = std::chrono::steady_clock;

class limits : public edge_server {
protected:
  limits() {
    options_.limits.head_timeout = 400ms;
    options_.limits.body_timeout = 400ms;
    options_.limits.idle_timeout = 400ms;
    options_.limits.write_timeout = 700ms;
  }

  /// Sends `drop` again and again until the server has had enough; the answer it gave.
  http_response drip(std::string_view first, std::string_view drop) {
    auto client = connect();
    client.send(first);
    std::string got;
    for (const auto end = clock::now() + 10s; clock::now() < end;) {
      if (!client.send(drop))
        break;
      if (auto answer = client.read(20ms))
        return *answer;
    }
    return {};
  }
};

TEST_F(limits, cut_slow_heads) {
  start();
  const auto began = clock::now();
  const auto answer = drip("GET /echo HTTP/1.1\r\n", "X-A: b\r\n");
  EXPECT_EQ(answer.status, 408);
  EXPECT_THAT(answer.body, HasSubstr(R"("code":"request_timeout")"));
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_LT(clock::now() - began, 5s);
  EXPECT_TRUE(serves());
}

TEST_F(limits, cut_slow_heads_that_begin_with_empty_lines) {
  start();
  const auto answer = drip("\r\n", "\r\n");
  EXPECT_EQ(answer.status, 400);
}

TEST_F(limits, cut_slow_bodies) {
  start();
  const auto answer = drip("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", "x");
  EXPECT_EQ(answer.status, 408);
  EXPECT_TRUE(serves());
}

TEST_F(limits, close_silent_connections_without_a_word) {
  start();
  auto fresh = connect();
  auto used = connect();
  used.get("/sync");
  ASSERT_TRUE(used.read());
  EXPECT_TRUE(fresh.ended());
  EXPECT_TRUE(used.ended());
  EXPECT_EQ(stats().rejected, 0U);
  EXPECT_TRUE(all_closed());
}

TEST_F(limits, cut_readers_that_do_not_read_while_others_are_served) {
  start();
  std::vector<http_client> slow;
  for (int i = 0; i < 5; ++i) {
    slow.push_back(connect(4096));
    slow.back().get("/big?n=20000000");
  }
  ASSERT_TRUE(eventually([&] { return stats().active_requests == 5; }));
  const auto busy_before = processor_time();
  const auto until = clock::now() + 300ms;
  while (clock::now() < until)
    EXPECT_TRUE(serves());
  EXPECT_LT(processor_time() - busy_before, 800ms);
  EXPECT_TRUE(eventually([&] { return stats().cut_off == 5; }));
  EXPECT_TRUE(all_closed());
  EXPECT_EQ(stats().active_requests, 0U);
}

TEST_F(limits, let_readers_be_slow_as_long_as_they_read) {
  start();
  auto client = connect(16 * 1024);
  client.get("/big?n=6000000");
  std::size_t total = 0;
  const auto began = clock::now();
  for (std::string part; !(part = client.read_some(2s)).empty(); total += part.size())
    if (clock::now() - began < 1500ms)
      std::this_thread::sleep_for(20ms); // longer, in all, than a reader may stand still
  EXPECT_GT(total, 6'000'000U);
  EXPECT_EQ(stats().cut_off, 0U);
}

TEST_F(limits, answer_503_beyond_the_connections_of_one_address) {
  options_.limits.max_connections_per_address = 3;
  options_.limits.idle_timeout = options_.limits.head_timeout = 30s;
  start();
  std::vector<http_client> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(connect());
    all.back().get("/sync");
    ASSERT_TRUE(all.back().read());
  }
  auto turned_away = connect();
  const auto answer = turned_away.read().value();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("retry-after"), "1");
  EXPECT_THAT(answer.body, HasSubstr(R"("code":"too_many_connections")"));
  EXPECT_TRUE(turned_away.ended());
  http_client neighbour(port_, {.source = "127.0.0.2"});
  neighbour.get("/echo");
  EXPECT_THAT(neighbour.read()->body, HasSubstr("peer 127.0.0.2\n"));
  all.pop_back();
  EXPECT_TRUE(eventually([&] { return stats().open_connections == 3; }));
  EXPECT_TRUE(serves());
  EXPECT_GE(stats().accept_pauses, 1U);
}

TEST_F(limits, answer_503_beyond_the_connections_of_all) {
  options_.limits.max_connections = 4;
  options_.limits.idle_timeout = options_.limits.head_timeout = 30s;
  start();
  std::vector<http_client> all;
  for (int i = 0; i < 4; ++i) {
    all.emplace_back(port_, http_client::settings{.source = "127.0.0." + std::to_string(i + 2)});
    all.back().get("/sync");
    ASSERT_TRUE(all.back().read());
  }
  for (int i = 0; i < 50; ++i) {
    auto turned_away = connect();
    EXPECT_EQ(turned_away.read()->status, 503);
  }
  all.clear();
  EXPECT_TRUE(all_closed());
  EXPECT_TRUE(serves());
  EXPECT_EQ(stats().accepted, 5U);
}

TEST_F(limits, pause_accepting_when_descriptors_run_out) {
  options_.limits.idle_timeout = options_.limits.head_timeout = 30s;
  start();
  ASSERT_TRUE(serves());
  ASSERT_TRUE(all_closed());
  // The clients' sockets exist before the limit sinks: only the server needs new ones.
  std::vector<http_client> clients;
  for (int i = 0; i < 40; ++i)
    clients.emplace_back(http_client::settings{});
  const int highest = clients.back().descriptor();
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit tight{.rlim_cur = static_cast<rlim_t>(highest) + 11, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  for (auto& each : clients)
    each.connect(port_, {});
  EXPECT_TRUE(eventually([&] { return stats().accept_pauses > 0 && stats().accepted >= 11; }));
  const auto accepted = stats().accepted;
  EXPECT_LE(accepted, 12U);
  clients.front().get("/sync");
  EXPECT_TRUE(clients.front().read());
  const auto busy_before = processor_time();
  EXPECT_FALSE(eventually([&] { return stats().accepted > accepted; }, 500ms));
  EXPECT_LT(processor_time() - busy_before, 250ms); // it waits, it does not spin
  // The first leave; those in the backlog get their turn.
  clients.erase(clients.begin(), clients.begin() + 10);
  clients[5].get("/sync");
  EXPECT_TRUE(clients[5].read());
  ::setrlimit(RLIMIT_NOFILE, &before);
  for (auto& each : clients) {
    each.get("/sync");
    EXPECT_TRUE(each.read());
  }
  clients.clear();
  EXPECT_TRUE(all_closed());
  EXPECT_EQ(stats().exceptions, 0U);
}

TEST_F(limits, make_pipelining_clients_wait_instead_of_storing_their_requests) {
  options_.limits.write_timeout = 30s;
  start();
  auto client = connect(4096);
  const auto request = get_request("/async?us=200&tok=" + std::string(1000, 't'));
  std::string pending;
  std::size_t sent = 0;
  std::size_t requests = 0;
  // Nobody reads the answers, so the server must stop reading the requests.
  const auto stuck = [&] {
    if (pending.empty()) {
      pending = request;
      ++requests;
    }
    const auto size = client.send_some(pending);
    pending.erase(0, static_cast<std::size_t>(std::max<std::ptrdiff_t>(size, 0)));
    sent += static_cast<std::size_t>(std::max<std::ptrdiff_t>(size, 0));
    return size;
  };
  for (int idle = 0; idle < 100 && sent < (256U << 20U);) {
    if (stuck() == 0) {
      std::this_thread::sleep_for(2ms);
      ++idle;
    } else {
      idle = 0;
    }
  }
  EXPECT_LT(sent, 32U << 20U);
  EXPECT_EQ(stats().cut_off, 0U);
  std::thread rest([&] { client.send(pending); });
  for (std::size_t i = 0; i < requests; ++i) {
    const auto answer = client.read();
    ASSERT_TRUE(answer) << i << " of " << requests;
    ASSERT_EQ(answer->body.size(), 1000U);
  }
  rest.join();
}

TEST_F(limits, give_one_fast_sender_no_more_than_its_turn) {
  options_.threads = 1;
  options_.limits.body_timeout = 30s;
  start();
  std::atomic<bool> sending = true;
  std::vector<std::thread> hogs;
  const std::string body(900'000, 'b');
  const auto request = "POST /async HTTP/1.1\r\nHost: x\r\nContent-Length: "
                       + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (int i = 0; i < 3; ++i)
    hogs.emplace_back([&] {
      auto client = connect();
      while (sending && client.send(request))
        client.read_some(0ms);
      client.reset();
    });
  clock::duration worst{};
  for (int i = 0; i < 100; ++i) {
    const auto began = clock::now();
    EXPECT_TRUE(serves());
    worst = std::max(worst, clock::now() - began);
  }
  sending = false;
  for (auto& each : hogs)
    each.join();
  EXPECT_LT(worst, std::chrono::milliseconds(load(500, 3000)));
}

TEST_F(limits, cut_clients_that_send_on_after_a_refusal) {
  options_.limits.max_body = 1000;
  start();
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n");
  const std::string more(100'000, 'x');
  std::size_t sent = 0;
  while (sent < 100'000'000 && client.send(more))
    sent += more.size();
  EXPECT_LT(sent, 50'000'000U);
  EXPECT_TRUE(all_closed());
}

} // namespace
} // namespace hub::tests
