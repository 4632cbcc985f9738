#pragma once

#include "domain/channel.hpp"
#include "domain/time.hpp"
#include "http/server/context.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hub::app {

/// One signed webhook call, ready to send.
struct sample_delivery {
  domain::channel channel{};
  std::string path;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Makes realistic deliveries: English and Spanish, new threads and replies, some with personal
/// data, signed with the hub's own secrets. The same seed makes the same texts.
class sample_maker {
public:
  sample_maker(http::webhook_secrets secrets, std::uint64_t seed, double personal_data);

  /// The next delivery of any channel.
  sample_delivery next(domain::time_point now);
  sample_delivery next(domain::channel channel, domain::time_point now);

private:
  std::string text();
  sample_delivery slack(domain::time_point now);
  sample_delivery intercom(domain::time_point now);
  sample_delivery whatsapp(domain::time_point now);
  std::string token(const char* prefix);
  bool chance(double share);
  template <class List>
  const auto& pick(const List& list) {
    return list[std::uniform_int_distribution<std::size_t>{0, std::size(list) - 1}(random_)];
  }

  http::webhook_secrets secrets_;
  std::mt19937_64 random_;
  double personal_data_;
  std::deque<std::pair<std::string, std::string>> slack_threads_; // user, ts
  std::deque<std::string> conversations_;
};

/// A thread that sends sample deliveries to a hub until destroyed.
class sample_traffic {
public:
  sample_traffic(http::webhook_secrets secrets, std::string url, double per_second);
  ~sample_traffic();
  sample_traffic(const sample_traffic&) = delete;
  sample_traffic& operator=(const sample_traffic&) = delete;

private:
  void run(http::webhook_secrets secrets, const std::string& url, double per_second);

  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

} // namespace hub::app
