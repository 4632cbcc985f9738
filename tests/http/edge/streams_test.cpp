#include "tests/http/edge/edge_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <future>

namespace hub::tests {
namespace {

using testing::HasSubstr;

class streams : public edge_server {
protected:
  streams() { options_.limits.write_timeout = 1s; }

  /// The stream that the next request for /sse opened.
  [[nodiscard]] edge::stream newest(std::size_t count) {
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(streams_mutex_);
      return streams_.size() == count;
    }));
    const std::lock_guard lock(streams_mutex_);
    return streams_.back();
  }

  [[nodiscard]] bool subscribed(std::size_t count) {
    return eventually([&] {
      const std::lock_guard lock(streams_mutex_);
      return streams_.size() >= count;
    });
  }
};

TEST_F(streams, carry_what_is_written_and_leave_the_connection_usable) {
  start();
  auto client = connect();
  client.get("/sse");
  auto stream = newest(1);
  EXPECT_FALSE(stream.closed());
  for (int i = 0; i < 100; ++i)
    EXPECT_TRUE(stream.try_write("data: " + std::to_string(i) + "\n\n"));
  stream.end();
  EXPECT_TRUE(stream.closed());
  EXPECT_FALSE(stream.try_write("data: late\n\n"));
  const auto answer = client.read().value();
  EXPECT_EQ(answer.header("content-type"), "text/event-stream");
  EXPECT_EQ(answer.header("x-accel-buffering"), "no");
  EXPECT_EQ(answer.header("transfer-encoding"), "chunked");
  EXPECT_THAT(answer.body, HasSubstr(": hi\n\ndata: 0\n\ndata: 1\n\n"));
  EXPECT_THAT(answer.body, HasSubstr("data: 99\n\n"));
  client.get("/sync");
  EXPECT_EQ(client.read()->body, "hello");
  ASSERT_TRUE(eventually([&] { return seen().size() == 2; }));
  EXPECT_EQ(seen().front().response_bytes, answer.body.size());
}

TEST_F(streams, deliver_each_event_at_once) {
  start();
  auto client = connect();
  client.get("/sse");
  auto stream = newest(1);
  std::string got;
  while (got.find("hi") == std::string::npos)
    got += client.read_some(5s);
  for (int i = 0; i < 50; ++i) {
    const auto event = "data: " + std::to_string(i) + "\n\n";
    EXPECT_TRUE(stream.try_write(event));
    EXPECT_THAT(client.read_some(5s), HasSubstr(event));
  }
}

TEST_F(streams, notice_that_the_client_has_gone) {
  start();
  for (const bool politely : {true, false}) {
    auto client = connect();
    client.get("/sse");
    ASSERT_TRUE(subscribed(politely ? 1 : 2));
    if (politely)
      client.close();
    else
      client.reset();
  }
  // A polite goodbye may be a half-closed connection; writing tells.
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(streams_mutex_);
    for (auto& each : streams_)
      static_cast<void>(each.try_write("data: anybody?\n\n"));
    return std::all_of(streams_.begin(), streams_.end(), [](auto& each) { return each.closed(); });
  }));
  EXPECT_TRUE(all_closed());
  EXPECT_TRUE(eventually([&] { return stats().active_requests == 0; }));
}

TEST_F(streams, without_news_are_not_kept_for_clients_that_said_goodbye) {
  options_.limits.idle_timeout = 200ms;
  start();
  auto client = connect();
  client.get("/sse");
  const auto stream = newest(1);
  client.finish_sending();
  EXPECT_TRUE(eventually([&] { return stream.closed(); }));
  EXPECT_TRUE(all_closed());
}

TEST_F(streams, stay_open_however_quiet) {
  options_.limits.idle_timeout = options_.limits.handler_timeout = options_.limits.write_timeout =
    100ms;
  start();
  auto client = connect();
  client.get("/sse");
  auto stream = newest(1);
  EXPECT_THAT(client.read_some(5s), HasSubstr("200 OK"));
  EXPECT_FALSE(eventually([&] { return stream.closed(); }, 500ms));
  EXPECT_TRUE(stream.try_write("data: still\n\n"));
  std::string got;
  while (got.find("still") == std::string::npos && !client.ended(0ms))
    got += client.read_some(1s);
  EXPECT_THAT(got, HasSubstr("still"));
}

TEST_F(streams, refuse_writes_for_a_reader_that_is_too_slow_and_cut_it) {
  options_.limits.max_stream_buffer = 100'000;
  start();
  auto slow = connect(4096);
  slow.get("/sse");
  auto stream = newest(1);
  const std::string event(10'000, 'e');
  EXPECT_TRUE(eventually([&] { return !stream.try_write(event); }));
  EXPECT_LE(stream.queued(), 100'000U);
  EXPECT_TRUE(serves());
  EXPECT_TRUE(eventually([&] { return stream.closed(); }));
  EXPECT_EQ(stats().cut_off, 1U);
  EXPECT_TRUE(all_closed());
}

TEST_F(streams, hold_their_writers_back_and_export_a_million_rows_in_little_memory) {
  start();
  const int count = load(1'000'000, 100'000);
  auto client = connect();
  const auto before = resident_bytes();
  std::size_t peak = before;
  client.get("/export?rows=" + std::to_string(count));
  std::string part;
  while (part.find("\r\n\r\n") == std::string::npos)
    part += client.read_some(5s);
  part.erase(0, part.find("\r\n\r\n"));
  std::size_t commas = 0;
  for (; !part.empty(); part = client.read_some(5s)) {
    commas += static_cast<std::size_t>(std::count(part.begin(), part.end(), ','));
    peak = std::max(peak, resident_bytes());
    if (part.ends_with("\r\n0\r\n\r\n"))
      break;
  }
  EXPECT_EQ(commas, static_cast<std::size_t>(count) * 6);
  // AddressSanitizer keeps what was freed.
  EXPECT_LT(peak, before + (static_cast<std::size_t>(load(32, 300)) << 20U));
}

TEST_F(streams, that_nobody_reads_are_cut_and_their_writers_released) {
  start();
  const auto before = resident_bytes();
  std::vector<http_client> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(connect(4096));
    clients.back().get("/export?rows=1000000");
  }
  ASSERT_TRUE(eventually([&] { return stats().active_requests == 5; }));
  EXPECT_TRUE(serves());
  EXPECT_TRUE(eventually([&] { return stats().cut_off == 5; }));
  EXPECT_LT(resident_bytes(), before + (static_cast<std::size_t>(load(64, 400)) << 20U));
  EXPECT_TRUE(serves());
  EXPECT_TRUE(all_closed());
}

/// Publishes events to every subscriber and drops those who cannot follow.
class live_feed : public streams {
protected:
  static constexpr std::size_t slow_count = 10;
  static constexpr std::size_t quick_count = 30;

  [[nodiscard]] std::vector<http_client> subscribe(std::size_t count, int receive_buffer) {
    std::vector<http_client> clients;
    std::size_t before = 0;
    {
      const std::lock_guard lock(streams_mutex_);
      before = streams_.size();
    }
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(connect(receive_buffer));
      clients.back().get("/sse");
    }
    EXPECT_TRUE(subscribed(before + count));
    return clients;
  }

  /// The slow subscribed first. The publisher goes at the pace of the quick, as a busy day would.
  [[nodiscard]] std::size_t publish(int events) {
    std::vector<edge::stream> all;
    {
      const std::lock_guard lock(streams_mutex_);
      all.swap(streams_);
    }
    const std::vector<edge::stream> quick(all.begin() + slow_count, all.end());
    std::size_t dropped = 0;
    for (int i = 1; i <= events; ++i) {
      const auto event =
        "data: {\"n\":" + std::to_string(i) + ",\"pad\":\"" + std::string(1000, 'p') + "\"}\n\n";
      dropped += std::erase_if(all, [&](auto& each) {
        const bool taken = each.try_write(event);
        if (!taken)
          each.end();
        return !taken;
      });
      if (i % 50 == 0) {
        EXPECT_TRUE(eventually([&] { return all_sent(quick, 64'000); }));
      }
    }
    EXPECT_TRUE(eventually([&] { return all_sent(quick, 0); }));
    return dropped;
  }

private:
  static bool all_sent(const std::vector<edge::stream>& quick, std::size_t but) {
    return std::all_of(quick.begin(), quick.end(), [&](const auto& each) {
      return !each.closed() && each.queued() <= but;
    });
  }
};

TEST_F(live_feed, drops_slow_subscribers_while_the_others_miss_nothing) {
  options_.limits.max_stream_buffer = 512UL * 1024;
  options_.threads = 1;
  start();
  const int events = load(8'000, 4'000);
  const auto slow = subscribe(slow_count, 2048);
  auto readers = subscribe(quick_count, 0);
  std::atomic<bool> reading = true;
  std::vector<std::size_t> received(quick_count);
  std::vector<std::string> tails(quick_count);
  std::thread reader([&] {
    while (reading)
      for (std::size_t i = 0; i < quick_count; ++i) {
        const auto part = readers[i].read_some(0ms);
        received[i] += static_cast<std::size_t>(std::count(part.begin(), part.end(), '{'));
        tails[i] = (tails[i] + part)
                     .substr(std::max<std::size_t>(tails[i].size() + part.size(), 2000) - 2000);
      }
  });
  EXPECT_EQ(publish(events), slow_count);
  const auto last = "{\"n\":" + std::to_string(events) + ",";
  EXPECT_TRUE(serves());
  EXPECT_TRUE(eventually([&] { return stats().cut_off == slow_count; }));
  reading = false;
  reader.join();
  for (std::size_t i = 0; i < quick_count; ++i) {
    for (std::string part; !(part = readers[i].read_some(50ms)).empty(); tails[i] += part)
      received[i] += static_cast<std::size_t>(std::count(part.begin(), part.end(), '{'));
    EXPECT_EQ(received[i], static_cast<std::size_t>(events)) << i;
    EXPECT_THAT(tails[i], HasSubstr(last)) << i;
  }
}

} // namespace
} // namespace hub::tests
