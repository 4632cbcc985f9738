#include "tests/http/client/engine_fixture.hpp"
#include "tests/support/process.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace hub::http::client {

namespace {

using namespace std::chrono_literals;

class provider_engine : public engine_fixture {};

TEST_F(provider_engine, sends_what_it_is_given_and_returns_what_comes_back) {
  std::string seen;
  loopback_server server{[&](server_connection& client) {
    seen = client.read_request();
    client.write("HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nX-Two:  b \r\n"
                 "Content-Length: 2\r\n\r\nno");
  }};
  auto what = to(server.url("/api/x?y=z"));
  what.method = "PATCH";
  what.headers = {{"Authorization", "Bearer t"}, {"Content-Type", "application/json"}, {"X-E", ""}};
  what.body = R"({"a":1})";
  const auto got = ask(what);
  ASSERT_TRUE(got) << got.why().message;
  EXPECT_EQ(got->status, 429);
  EXPECT_EQ(got->header("retry-after"), "7");
  EXPECT_EQ(got->header("x-two"), "b");
  EXPECT_EQ(got->body, "no");
  EXPECT_GT(got->took.count(), 0);
  EXPECT_TRUE(seen.starts_with("PATCH /api/x?y=z HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("\r\nAuthorization: Bearer t\r\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("\r\nUser-Agent: feedback-hub\r\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("\r\nX-E:\r\n"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("Expect"), std::string::npos) << seen;
  EXPECT_TRUE(seen.ends_with("\r\n\r\n{\"a\":1}")) << seen;
}

TEST_F(provider_engine, sends_no_body_with_get) {
  std::string seen;
  loopback_server server{[&](server_connection& client) {
    seen = client.read_request();
    client.answer("");
  }};
  auto what = to(server.url());
  what.method = "GET";
  what.body = {};
  ASSERT_TRUE(ask(what));
  EXPECT_TRUE(seen.starts_with("GET / HTTP/1.1\r\n")) << seen;
  EXPECT_EQ(seen.find("Content-"), std::string::npos) << seen;
}

TEST_F(provider_engine, keeps_connections_and_uses_them_again) {
  loopback_server server{echo};
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(ask(to(server.url())));
  EXPECT_EQ(server.connections(), 1);
  const auto figures = sender().figures();
  EXPECT_EQ(figures.connections_opened, 1U);
  EXPECT_EQ(figures.connections_reused, 19U);
  EXPECT_EQ(figures.in_flight, 0U);
}

TEST_F(provider_engine, counts_calls_by_provider_and_outcome) {
  std::vector<std::string> observed;
  how.observe = [&](const observation& seen) {
    observed.push_back(std::string{seen.provider}
                         .append("/")
                         .append(seen.operation)
                         .append("/")
                         .append(seen.outcome));
  };
  loopback_server server{echo};
  (void)ask(to(server.url()));
  auto slack = to(server.url());
  slack.provider = "slack";
  (void)ask(slack);
  slack.url = "ftp://127.0.0.1/";
  (void)ask(slack);
  const auto figures = sender().figures();
  ASSERT_EQ(figures.calls.size(), 3U);
  EXPECT_EQ(figures.calls[0].provider, "slack");
  EXPECT_EQ(figures.calls[0].outcome, "2xx");
  EXPECT_EQ(figures.calls[1].outcome, "invalid_input");
  EXPECT_EQ(figures.calls[2].provider, "test");
  EXPECT_EQ(figures.calls[2].count, 1U);
  std::uint64_t in_buckets = 0;
  for (const auto each : figures.calls[2].buckets)
    in_buckets += each;
  EXPECT_EQ(in_buckets, 1U);
  EXPECT_EQ(observed,
            (std::vector<std::string>{"test/try/2xx", "slack/try/2xx", "slack/try/invalid_input"}));
}

TEST_F(provider_engine, keeps_the_number_of_provider_labels_bounded) {
  for (int i = 0; i < 100; ++i) {
    auto what = to("ftp://127.0.0.1/");
    what.provider = "p" + std::to_string(i);
    (void)ask(what);
  }
  EXPECT_LE(sender().figures().calls.size(), 33U);
}

TEST_F(provider_engine, runs_a_thousand_calls_within_its_bounds) {
  how.max_in_flight_per_host = 8;
  how.max_in_flight = 12;
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  const auto slow = [&](server_connection& client) {
    while (!client.read_request().empty()) {
      const int now = ++at_once;
      for (int known = most; now > known && !most.compare_exchange_weak(known, now);) {
      }
      std::this_thread::sleep_for(1ms);
      --at_once;
      client.answer("done");
    }
  };
  loopback_server one{slow};
  loopback_server two{slow};
  std::vector<std::future<answer>> answers;
  for (int i = 0; i < 1'000; ++i)
    answers.push_back(start(to((i % 2 == 0 ? one : two).url())));
  for (auto& each : answers) {
    const auto got = each.get();
    ASSERT_TRUE(got) << got.why().message;
    EXPECT_EQ(got->body, "done");
  }
  EXPECT_LE(most, 12);
  EXPECT_GE(most, 4);
  EXPECT_LE(one.connections(), 8);
  EXPECT_LE(two.connections(), 8);
  const auto figures = sender().figures();
  EXPECT_EQ(figures.waiting, 0U);
  EXPECT_EQ(figures.in_flight, 0U);
}

TEST_F(provider_engine, lets_no_host_starve_another) {
  how.max_in_flight_per_host = 1;
  loopback_server stuck{[](server_connection& client) { client.await_end(); }};
  loopback_server lively{echo};
  std::vector<std::future<answer>> hanging;
  for (int i = 0; i < 50; ++i)
    hanging.push_back(start(to(stuck.url())));
  EXPECT_TRUE(ask(to(lively.url())));
  stop();
}

TEST_F(provider_engine, refuses_at_once_when_its_queue_is_full) {
  how.max_in_flight = 1;
  how.max_waiting = 2;
  loopback_server server{[](server_connection& client) { client.await_end(); }};
  auto running = start(to(server.url()));
  ASSERT_TRUE(tests::eventually([&] { return sender().figures().in_flight == 1; }));
  auto first = start(to(server.url()));
  auto second = start(to(server.url()));
  const auto refused = ask(to(server.url()));
  EXPECT_EQ(code_of(refused), errc::unavailable);
  EXPECT_EQ(sender().figures().waiting, 2U);
  stop();
  EXPECT_EQ(code_of(running.get()), errc::unknown_outcome);
  EXPECT_EQ(code_of(first.get()), errc::unavailable);
  EXPECT_EQ(code_of(second.get()), errc::unavailable);
}

TEST_F(provider_engine, gives_up_on_a_call_that_finds_no_slot_in_time) {
  how.max_in_flight = 1;
  loopback_server server{[](server_connection& client) { client.await_end(); }};
  auto running = start(to(server.url()));
  auto what = to(server.url());
  what.within = 50ms;
  EXPECT_EQ(code_of(ask(what)), errc::unavailable);
  EXPECT_EQ(sender().figures().waiting, 0U);
}

TEST_F(provider_engine, cancels_a_call_that_waits_and_one_that_runs) {
  how.max_in_flight = 1;
  std::atomic<bool> asked{false};
  loopback_server server{[&](server_connection& client) {
    client.read_request();
    asked = true;
    client.await_end();
  }};
  call_id running = 0;
  call_id waiting = 0;
  auto first = start(to(server.url()), &running);
  ASSERT_TRUE(tests::eventually([&] { return asked.load(); }));
  auto second = start(to(server.url()), &waiting);
  sender().cancel(waiting);
  EXPECT_EQ(code_of(second.get()), errc::unavailable);
  sender().cancel(running);
  EXPECT_EQ(code_of(first.get()), errc::unknown_outcome);
  sender().cancel(running);
  sender().cancel(12'345);
}

TEST_F(provider_engine, survives_callbacks_that_throw) {
  loopback_server server{echo};
  std::promise<void> called;
  sender().send(to(server.url()), [&](const answer&) {
    called.set_value();
    throw std::runtime_error("thrown on purpose");
  });
  called.get_future().get();
  sender().send(to(server.url()), [](const answer&) { throw 1; });
  sender().send(to(server.url()), nullptr);
  EXPECT_TRUE(ask(to(server.url())));
}

TEST_F(provider_engine, lets_a_callback_send_again) {
  loopback_server server{echo};
  std::promise<answer> last;
  int left = 100;
  std::function<void(answer)> again = [&](answer got) {
    if (--left == 0)
      last.set_value(std::move(got));
    else
      sender().send(to(server.url()), again);
  };
  sender().send(to(server.url()), again);
  EXPECT_TRUE(last.get_future().get());
}

TEST_F(provider_engine, answers_calls_made_while_it_ends) {
  loopback_server server{[](server_connection& client) { client.await_end(); }};
  std::atomic<int> answered{0};
  auto& ending = sender();
  for (int i = 0; i < 10; ++i)
    ending.send(to(server.url()), [&](const answer&) {
      ++answered;
      ending.send(to(server.url()), [&](const answer& got) {
        EXPECT_EQ(code_of(got), errc::unavailable);
        ++answered;
      });
    });
  stop();
  EXPECT_EQ(answered, 20);
}

TEST_F(provider_engine, may_be_destroyed_by_its_own_callback) {
  loopback_server server{echo};
  auto* doomed = new engine{engine_options{}};
  std::promise<void> gone;
  doomed->send(to(server.url()), [&, doomed](const answer&) {
    delete doomed;
    gone.set_value();
  });
  gone.get_future().get();
}

TEST_F(provider_engine, waits_for_a_callback_that_runs_when_it_is_destroyed) {
  loopback_server server{echo};
  std::promise<void> entered;
  std::atomic<bool> left{false};
  sender().send(to(server.url()), [&](const answer&) {
    entered.set_value();
    std::this_thread::sleep_for(50ms);
    left = true;
  });
  entered.get_future().get();
  stop();
  EXPECT_TRUE(left);
}

TEST_F(provider_engine, answers_each_call_once_whatever_threads_do) {
  how.max_waiting = 200;
  loopback_server server{echo};
  std::atomic<int> answered{0};
  sender();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 250; ++i) {
        const auto id = sender().send(to(server.url()), [&](const answer&) { ++answered; });
        if ((i + t) % 3 == 0)
          sender().cancel(id);
      }
    });
  for (auto& each : threads)
    each.join();
  stop();
  EXPECT_EQ(answered, 1'000);
}

TEST_F(provider_engine, leaves_no_descriptor_behind) {
  loopback_server server{echo};
  (void)ask(to(server.url()));
  stop();
  const auto before = tests::open_descriptors();
  for (int i = 0; i < 5; ++i) {
    (void)ask(to("http://127.0.0.1:1/"));
    stop();
  }
  EXPECT_EQ(tests::open_descriptors(), before);
}

} // namespace

} // namespace hub::http::client
