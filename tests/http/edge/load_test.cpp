#include "tests/http/edge/edge_fixture.hpp"

#include <gmock/gmock.h>
#include <poll.h>

#include <atomic>
#include <random>
#include <set>

namespace hub::tests {
namespace {

using clock = std::chrono::steady_clock;

/// Clients that come, ask and vanish, so that the kernel reuses descriptor numbers all the time,
/// beside clients that wait for their own answer and clients that must hear nothing.
class hit_and_run : public edge_server {
protected:
  void visit(int thread, std::mt19937& random, int turn) {
    http_client client(port_, {.source = "127.0.1." + std::to_string(thread + 1)});
    const auto token = "T" + std::to_string(thread) + "-" + std::to_string(turn) + "-";
    const auto kind = random() % 8;
    if (kind == 0) {
      // Idle: whatever arrives here was meant for somebody else.
      if (!client.read_some(3ms).empty())
        ++unsolicited_;
      return;
    }
    const auto delay = 50 + random() % 400;
    client.get("/async?us=" + std::to_string(delay) + "&tok=" + token);
    ++requests_;
    if (kind < 5) {
      if (random() % 2 == 0)
        std::this_thread::sleep_for(std::chrono::microseconds(delay - 40 + random() % 80));
      if (random() % 2 == 0)
        client.reset();
      return;
    }
    const auto answer = client.read();
    if (!answer || answer->status != 200)
      ++lost_;
    else if (answer->body != token)
      ++wrong_;
    else
      ++right_;
  }

  /// Half of those who vanish write nothing down, so each asks for `rounds` visits.
  void storm(int clients, int rounds) {
    std::vector<std::thread> threads;
    for (int thread = 0; thread < clients; ++thread)
      threads.emplace_back([this, thread, rounds] {
        std::mt19937 random(static_cast<unsigned>(thread) + 1);
        for (int turn = 0; turn < rounds; ++turn)
          try {
            visit(thread, random, turn);
          } catch (const std::system_error&) {
            ++unconnected_;
          }
      });
    for (auto& each : threads)
      each.join();
  }

  std::atomic<long> requests_ = 0;
  std::atomic<long> right_ = 0;
  std::atomic<long> wrong_ = 0;
  std::atomic<long> lost_ = 0;
  std::atomic<long> unsolicited_ = 0;
  std::atomic<long> unconnected_ = 0;
};

TEST_F(hit_and_run, never_gives_anybody_an_answer_meant_for_another) {
  options_.observe = nullptr;
  start();
  ASSERT_TRUE(serves());
  ASSERT_TRUE(all_closed());
  const auto descriptors = open_descriptors();
  constexpr int clients = 16;
  storm(clients, load(115'000, 8'000) / clients);
  std::cout << requests_ << " requests, " << right_ << " answers read, " << stats().stale_replies
            << " answers dropped\n";
  EXPECT_GE(requests_, load(100'000, 6'500));
  EXPECT_EQ(wrong_, 0);
  EXPECT_EQ(lost_, 0);
  EXPECT_EQ(unsolicited_, 0);
  EXPECT_EQ(unconnected_, 0);
  EXPECT_TRUE(all_closed());
  EXPECT_TRUE(eventually([&] { return stats().active_requests == 0; }));
  EXPECT_TRUE(eventually([&] { return open_descriptors() == descriptors; }))
    << open_descriptors() << " descriptors open, before " << descriptors;
  EXPECT_EQ(stats().exceptions, 0U);
  EXPECT_TRUE(serves());
}

class bursts : public edge_server {};

TEST_F(bursts, never_lose_an_answer_to_a_missed_wake_up) {
  options_.observe = nullptr;
  start();
  constexpr int width = 64;
  std::vector<http_client> clients;
  for (int i = 0; i < width; ++i)
    clients.push_back(connect());
  auto worst = clock::duration::zero();
  const int rounds = load(1500, 100);
  for (int round = 0; round < rounds; ++round) {
    const auto path = round % 2 == 0 ? "/sync" : "/async?us=0&tok=hello";
    const auto began = clock::now();
    for (auto& each : clients)
      each.get(path);
    for (auto& each : clients) {
      const auto answer = each.read(3s);
      ASSERT_TRUE(answer) << "an answer of burst " << round << " is missing";
      ASSERT_EQ(answer->body, "hello");
    }
    worst = std::max(worst, clock::now() - began);
  }
  std::cout << rounds * width << " answers, worst burst "
            << std::chrono::duration_cast<std::chrono::milliseconds>(worst).count() << " ms\n";
  EXPECT_EQ(stats().requests, static_cast<std::uint64_t>(rounds) * width);
}

class steady_load : public edge_server {};

TEST_F(steady_load, is_served_without_stalls) {
  options_.observe = nullptr;
  start();
  std::atomic<int> late = 0;
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([&, thread] {
      std::mt19937 random(static_cast<unsigned>(thread));
      auto client = connect();
      for (int i = 0; i < load(3000, 300); ++i) {
        const auto began = clock::now();
        client.get("/async?us=" + std::to_string(random() % 300));
        const auto answer = client.read(8s);
        if (!answer || answer->status != 200) {
          ++failed;
          client = connect();
        } else if (clock::now() - began > std::chrono::milliseconds(load(1000, 5000))) {
          ++late;
        }
        if (random() % 16 == 0)
          std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
      }
    });
  for (auto& each : threads)
    each.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(late, 0);
  EXPECT_EQ(stats().handler_timeouts, 0U);
}

} // namespace
} // namespace hub::tests
