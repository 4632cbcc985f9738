// Question: how many signed Slack deliveries a second does a hub make durable, and how long does
// each wait? Sends prepared deliveries over keep-alive connections, as fast as they are answered or
// at a fixed rate, and prints one JSON object.
//   hub_intake_load <port> <signing secret> <connections> <seconds> <per second, 0: closed loop>

#include "http/server/webhooks/signature.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nlohmann/json.hpp>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

struct arguments {
  int port = 0;
  std::string secret;
  int connections = 64;
  double seconds = 10;
  double per_second = 0;
};

/// One delivery as bytes on the wire: a new thread by one of 5,000 people.
std::string delivery(const arguments& how, std::uint64_t number, std::mt19937_64& random) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count();
  const auto unique = std::to_string(random());
  const nlohmann::json body{
    {"type", "event_callback"},
    {"team_id", "T0SAMPLE"},
    {"api_app_id", "A0SAMPLE"},
    {"event",
     {{"type", "message"},
      {"channel", "C024BE91L"},
      {"user", "U" + std::to_string(random() % 5000)},
      {"text", "Checkout crashes with a 500 error when I apply a coupon. " + unique},
      {"ts", std::to_string(now) + "." + std::to_string(100000 + number)}}},
    {"event_id", "Ev" + unique + std::to_string(number)},
    {"event_time", now}};
  const auto text = body.dump();
  const auto timestamp = std::to_string(now);
  return "POST /webhooks/slack HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
         "X-Slack-Request-Timestamp: "
         + timestamp
         + "\r\nX-Slack-Signature: " + hub::http::slack_signature(how.secret, timestamp, text)
         + "\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
}

struct connection {
  int descriptor = -1;
  std::string received;
  bool waiting = false;
  clock_type::time_point asked;
};

class load {
public:
  explicit load(arguments how) : how_{std::move(how)}, epoll_{::epoll_create1(0)} {
    std::mt19937_64 random{std::random_device{}()};
    // Prepared before the clock starts: the machine's cores belong to the hub and its database.
    const auto wanted = static_cast<std::uint64_t>(
      how_.per_second > 0 ? how_.per_second * how_.seconds + 1 : how_.seconds * 25'000);
    for (std::uint64_t i = 0; i < wanted; ++i)
      prepared_.push_back(delivery(how_, i, random));
    connections_.resize(static_cast<std::size_t>(how_.connections));
    for (std::size_t i = 0; i < connections_.size(); ++i)
      dial(i);
  }

  void run() {
    const auto start = clock_type::now();
    const auto end = start
                     + std::chrono::duration_cast<clock_type::duration>(
                       std::chrono::duration<double>(how_.seconds));
    if (how_.per_second == 0)
      for (std::size_t i = 0; i < connections_.size(); ++i)
        send_next(i, clock_type::now());
    std::uint64_t due = 0;
    while (clock_type::now() < end || busy_ > 0) {
      const auto now = clock_type::now();
      if (now > end + std::chrono::seconds{10})
        break;
      if (how_.per_second > 0 && now < end) {
        const auto target = static_cast<std::uint64_t>(
          std::chrono::duration<double>(now - start).count() * how_.per_second);
        for (; due < target; ++due)
          arrivals_.push_back(
            start
            + std::chrono::duration_cast<clock_type::duration>(
              std::chrono::duration<double>(static_cast<double>(due) / how_.per_second)));
        serve_arrivals();
      }
      receive(now < end);
    }
    seconds_ = std::chrono::duration<double>(std::min(clock_type::now(), end) - start).count();
  }

  void print() {
    std::sort(latencies_.begin(), latencies_.end());
    const auto at = [&](double share) {
      return latencies_.empty() ? 0.0
                                : latencies_[static_cast<std::size_t>(
                                  share * static_cast<double>(latencies_.size() - 1))];
    };
    std::printf("{\"answered\": %zu, \"failed\": %zu, \"seconds\": %.2f, \"per_second\": %.0f, "
                "\"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f, \"late\": %zu}\n",
                latencies_.size(),
                failed_,
                seconds_,
                static_cast<double>(in_time_) / seconds_,
                at(0.5),
                at(0.99),
                at(1),
                arrivals_.size());
  }

private:
  void dial(std::size_t at) {
    auto& one = connections_[at];
    one.descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(how_.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(one.descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      std::perror("connect");
      std::exit(1);
    }
    const int on = 1;
    ::setsockopt(one.descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = at;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, one.descriptor, &event);
  }

  bool send_next(std::size_t at, clock_type::time_point asked) {
    if (next_ == prepared_.size())
      return false;
    auto& one = connections_[at];
    const auto& bytes = prepared_[next_++];
    if (::send(one.descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL)
        != static_cast<ssize_t>(bytes.size()))
      ++failed_;
    one.waiting = true;
    one.asked = asked;
    ++busy_;
    return true;
  }

  /// Open loop: latency counts from when the delivery was due, not from when it could be sent.
  void serve_arrivals() {
    for (std::size_t i = 0; i < connections_.size() && !arrivals_.empty(); ++i)
      if (!connections_[i].waiting) {
        if (!send_next(i, arrivals_.front()))
          return;
        arrivals_.pop_front();
      }
  }

  void receive(bool go_on) {
    epoll_event events[64];
    const int count = ::epoll_wait(epoll_, events, 64, 1);
    for (int i = 0; i < count; ++i)
      answer(events[i].data.u64, go_on);
  }

  void answer(std::size_t at, bool go_on) {
    auto& one = connections_[at];
    char buffer[16384];
    const auto got = ::recv(one.descriptor, buffer, sizeof buffer, 0);
    if (got <= 0) {
      std::fprintf(stderr, "connection %zu was closed\n", at);
      std::exit(1);
    }
    one.received.append(buffer, static_cast<std::size_t>(got));
    const auto head = one.received.find("\r\n\r\n");
    if (head == std::string::npos)
      return;
    const auto length_at = one.received.find("Content-Length: ");
    const auto length = std::strtoul(one.received.c_str() + length_at + 16, nullptr, 10);
    if (one.received.size() < head + 4 + length)
      return;
    const bool ok = one.received.starts_with("HTTP/1.1 200");
    one.received.clear();
    one.waiting = false;
    --busy_;
    if (ok) {
      latencies_.push_back(
        std::chrono::duration<double, std::milli>(clock_type::now() - one.asked).count());
      in_time_ += go_on ? 1 : 0;
    } else {
      ++failed_;
    }
    if (how_.per_second == 0 && go_on)
      send_next(at, clock_type::now());
  }

  arguments how_;
  int epoll_;
  std::vector<std::string> prepared_;
  std::size_t next_ = 0;
  std::vector<connection> connections_;
  std::deque<clock_type::time_point> arrivals_;
  int busy_ = 0;
  std::vector<double> latencies_;
  std::size_t in_time_ = 0;
  std::size_t failed_ = 0;
  double seconds_ = 0;
};

} // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: hub_intake_load <port> <secret> <connections> <seconds> <rate>\n");
    return 2;
  }
  load run{{.port = std::atoi(argv[1]),
            .secret = argv[2],
            .connections = std::atoi(argv[3]),
            .seconds = std::atof(argv[4]),
            .per_second = std::atof(argv[5])}};
  run.run();
  run.print();
  return 0;
}
