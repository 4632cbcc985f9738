#include "tests/http/edge/edge_fixture.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>

#include <cerrno>
#include <future>
#include <system_error>

namespace hub::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

class answers : public edge_server {
protected:
  answers() { options_.limits.handler_timeout = 300ms; }
};

TEST_F(answers, come_in_the_order_of_the_requests) {
  start();
  auto client = connect();
  std::string all;
  for (int i = 0; i < 20; ++i)
    all +=
      get_request("/async?us=" + std::to_string((20 - i) * 1000) + "&tok=t" + std::to_string(i))
      + get_request("/sync");
  client.send(all);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client.read()->body, "t" + std::to_string(i));
    EXPECT_EQ(client.read()->body, "hello");
  }
  EXPECT_EQ(stats().accepted, 1U);
}

TEST_F(answers, are_500_when_the_handler_gives_none) {
  start();
  auto client = connect();
  std::uint64_t count = 0;
  for (const auto* path : {"/drop", "/drop_later", "/throw", "/throw_int"}) {
    client.get(path);
    const auto answer = client.read().value();
    EXPECT_EQ(answer.status, 500) << path;
    EXPECT_THAT(answer.body, HasSubstr(R"("code":"internal_error")"));
    EXPECT_THAT(answer.head + answer.body, Not(HasSubstr("secret")));
    EXPECT_EQ(stats().exceptions, ++count) << path;
  }
  client.get("/sync");
  EXPECT_EQ(client.read()->body, "hello");
  EXPECT_EQ(stats().stale_replies, 0U);
  EXPECT_TRUE(eventually([&] { return stats().active_requests == 0; }));
  ASSERT_EQ(seen().size(), 5U);
  const std::vector<std::string> faults = {
    "no answer", "no answer", "std::runtime_error", "int", ""};
  for (std::size_t i = 0; i < faults.size(); ++i)
    EXPECT_EQ(seen()[i].fault, faults[i]);
}

TEST_F(answers, can_be_the_end_of_the_connection) {
  start();
  for (const auto* when : {"now", "later"}) {
    auto client = connect();
    client.get("/hang_up?when=" + std::string(when));
    EXPECT_TRUE(client.ended()) << when;
    auto reset = connect();
    reset.get("/hang_up?how=reset&when=" + std::string(when));
    ssize_t size = 0;
    int error = 0;
    EXPECT_TRUE(eventually([&] {
      char byte = 0;
      size = ::recv(reset.descriptor(), &byte, 1, MSG_DONTWAIT);
      error = size < 0 ? errno : 0;
      return size >= 0 || (error != EAGAIN && error != EWOULDBLOCK);
    }));
    EXPECT_EQ(error, ECONNRESET) << when;
  }
  EXPECT_TRUE(eventually([&] { return stats().active_requests == 0; }));
  EXPECT_EQ(stats().exceptions, 0U);
  EXPECT_TRUE(seen().empty());
  EXPECT_EQ(get("/sync").body, "hello");
}

TEST_F(answers, are_504_when_the_handler_is_late_and_the_late_one_is_dropped) {
  start();
  auto client = connect();
  client.send(get_request("/async?us=600000&tok=late") + get_request("/sync"));
  const auto answer = client.read().value();
  EXPECT_EQ(answer.status, 504);
  EXPECT_THAT(answer.body, HasSubstr(R"("code":"timeout")"));
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(eventually([&] { return stats().stale_replies == 1; }));
  EXPECT_EQ(stats().handler_timeouts, 1U);
  EXPECT_TRUE(serves());
}

TEST_F(answers, to_clients_that_have_gone_are_dropped_and_counted) {
  options_.limits.handler_timeout = 10s;
  start();
  for (int i = 0; i < 10; ++i) {
    auto client = connect();
    client.get("/async?us=100000");
    ASSERT_TRUE(eventually([&] { return stats().active_requests == 1; }));
    client.reset();
    ASSERT_TRUE(eventually([&] { return stats().active_requests == 0; }));
  }
  EXPECT_TRUE(eventually([&] { return stats().stale_replies == 10; }));
  EXPECT_TRUE(seen().empty());
}

TEST_F(answers, reach_clients_that_only_stopped_sending) {
  options_.limits.handler_timeout = 10s;
  start();
  auto client = connect();
  client.get("/async?us=30000&tok=still");
  client.finish_sending();
  EXPECT_EQ(client.read()->body, "still");
  EXPECT_TRUE(client.ended());

  auto pipelining = connect();
  pipelining.send(get_request("/async?us=30000&tok=one") + get_request("/big?n=3000000")
                  + get_request("/async?us=1&tok=three"));
  pipelining.finish_sending();
  EXPECT_EQ(pipelining.read()->body, "one");
  EXPECT_EQ(pipelining.read()->body.size(), 3'000'000U);
  EXPECT_EQ(pipelining.read()->body, "three");
  EXPECT_TRUE(pipelining.ended());

  auto exporting = connect();
  exporting.get("/export?rows=5000");
  exporting.finish_sending();
  const auto answer = exporting.read().value();
  EXPECT_TRUE(answer.complete);
  EXPECT_THAT(answer.body, HasSubstr("\n4999,some"));
  EXPECT_TRUE(exporting.ended());
  EXPECT_TRUE(all_closed());
}

TEST_F(answers, can_be_given_once_only) {
  server_ = std::make_unique<edge::server>(options_);
  server_->route("GET", "/twice", [](const edge::request&, edge::responder to) {
    to.send({.status = 200, .content_type = "text/plain", .body = "one", .headers = {}});
    to.send({.status = 200, .content_type = "text/plain", .body = "two", .headers = {}});
    EXPECT_TRUE(to.open_stream({}).closed());
  });
  port_ = server_->start();
  auto client = connect();
  client.send(get_request("/twice") + get_request("/twice"));
  EXPECT_EQ(client.read()->body, "one");
  EXPECT_EQ(client.read()->body, "one");
  EXPECT_EQ(client.read_some(50ms), "");
}

TEST_F(answers, to_a_request_that_failed_never_answer_the_next_one) {
  std::vector<edge::responder> kept;
  std::promise<void> next_came;
  server_ = std::make_unique<edge::server>(options_);
  server_->route("GET", "/keep_and_throw", [&](const edge::request&, edge::responder to) {
    kept.push_back(std::move(to));
    throw std::runtime_error("secret");
  });
  server_->route("GET", "/next", [&](const edge::request&, edge::responder to) {
    kept.push_back(std::move(to));
    next_came.set_value();
  });
  port_ = server_->start();
  auto client = connect();
  client.get("/keep_and_throw");
  EXPECT_EQ(client.read()->status, 500);
  client.get("/next");
  next_came.get_future().wait();
  kept[0].send({.status = 200, .content_type = "text/plain", .body = "old", .headers = {}});
  ASSERT_TRUE(eventually([&] { return stats().stale_replies == 1; }));
  EXPECT_EQ(client.read_some(20ms), "");
  kept[1].send({.status = 200, .content_type = "text/plain", .body = "new", .headers = {}});
  EXPECT_EQ(client.read()->body, "new");
  server_->stop();
}

TEST_F(answers, outlive_the_server_without_harm) {
  std::promise<std::shared_ptr<edge::responder>> taken;
  server_ = std::make_unique<edge::server>(options_);
  server_->route("GET", "/keep", [&](const edge::request&, edge::responder to) {
    taken.set_value(std::make_shared<edge::responder>(std::move(to)));
  });
  port_ = server_->start();
  auto client = connect();
  client.get("/keep");
  const auto held = taken.get_future().get();
  server_.reset();
  held->send({});
  EXPECT_TRUE(client.ended());
}

TEST_F(answers, of_many_megabytes_arrive_whole) {
  start();
  auto client = connect(4096);
  client.get("/big?n=20000000");
  const auto answer = client.read(30s).value();
  EXPECT_EQ(answer.body.size(), 20'000'000U);
  EXPECT_EQ(answer.body.find_first_not_of('x'), std::string::npos);
}

class start_up : public edge_server {};

TEST_F(start_up, refuses_addresses_it_cannot_have) {
  start();
  options_.port = port_;
  edge::server second(options_);
  try {
    second.start();
    FAIL() << "two servers on one port";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::address_in_use);
  }
  options_.address = "localhost";
  edge::server third(options_);
  EXPECT_THROW(third.start(), std::system_error);
}

TEST_F(start_up, refuses_bad_routes) {
  start();
  EXPECT_THROW(server_->route("GET", "/late", {}), std::logic_error);
  edge::server other(options_);
  EXPECT_THROW(other.route("BREW", "/coffee", {}), std::invalid_argument);
  other.route("GET", "/a", {});
  EXPECT_THROW(other.route("GET", "/a", {}), std::invalid_argument);
}

TEST_F(start_up, serves_ipv6_and_names_ipv4_clients_plainly) {
  options_.address = "::";
  try {
    start();
  } catch (const std::system_error&) {
    GTEST_SKIP() << "no IPv6 here";
  }
  http_client six(port_, {.address = "::1"});
  six.get("/echo");
  EXPECT_THAT(six.read()->body, HasSubstr("peer ::1\n"));
  EXPECT_THAT(get("/echo").body, HasSubstr("peer 127.0.0.1\n"));
}

class draining : public edge_server {
protected:
  [[nodiscard]] bool refused() const {
    try {
      http_client another(port_);
      return false;
    } catch (const std::system_error& error) {
      return error.code() == std::errc::connection_refused;
    }
  }
};

TEST_F(draining, lets_requests_in_flight_finish_and_refuses_new_connections) {
  start();
  auto idle = connect();
  auto used = connect();
  used.get("/sync");
  ASSERT_TRUE(used.read());
  auto waiting = connect();
  waiting.get("/async?us=300000&tok=finished");
  auto reading = connect(4096);
  reading.get("/big?n=5000000");
  ASSERT_TRUE(eventually([&] { return stats().active_requests == 2; }));

  auto drained = std::async(std::launch::async, [&] { return server_->drain(20s); });
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(used.ended());
  EXPECT_TRUE(eventually([&] { return refused(); }));
  const auto answer = waiting.read().value();
  EXPECT_EQ(answer.body, "finished");
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(waiting.ended());
  EXPECT_EQ(drained.wait_for(0s), std::future_status::timeout);
  EXPECT_EQ(reading.read(20s)->body.size(), 5'000'000U);
  EXPECT_TRUE(drained.get());
  EXPECT_EQ(stats().active_requests, 0U);
}

TEST_F(draining, finishes_requests_that_have_begun_to_arrive) {
  start();
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
  ASSERT_TRUE(eventually([&] { return stats().open_connections == 1; }));
  ASSERT_TRUE(serves()); // the reactor has had time to read what came before
  auto drained = std::async(std::launch::async, [&] { return server_->drain(10s); });
  ASSERT_TRUE(eventually([&] { return refused(); }));
  client.send("llo");
  const auto answer = client.read().value();
  EXPECT_THAT(answer.body, HasSubstr("body hello"));
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(drained.get());
}

TEST_F(draining, says_when_patience_was_not_enough) {
  start();
  auto client = connect();
  client.get("/async?us=5000000");
  ASSERT_TRUE(eventually([&] { return stats().active_requests == 1; }));
  EXPECT_FALSE(server_->drain(100ms));
  stop();
  EXPECT_TRUE(client.ended());
}

TEST_F(draining, waits_for_streams_to_end) {
  start();
  auto subscriber = connect();
  subscriber.get("/sse");
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(streams_mutex_);
    return streams_.size() == 1;
  }));
  auto drained = std::async(std::launch::async, [&] { return server_->drain(10s); });
  ASSERT_TRUE(eventually([&] { return refused(); }));
  {
    const std::lock_guard lock(streams_mutex_);
    EXPECT_TRUE(streams_.front().try_write("data: bye\n\n"));
    streams_.front().end();
  }
  EXPECT_EQ(subscriber.read()->body, ": hi\n\ndata: bye\n\n");
  EXPECT_TRUE(drained.get());
}

TEST_F(draining, without_clients_takes_no_time) {
  start();
  EXPECT_TRUE(server_->drain(5s));
  EXPECT_TRUE(refused());
  EXPECT_TRUE(server_->drain(5s));
}

} // namespace
} // namespace hub::tests
