#pragma once

#include "http/server/edge/server.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace hub::tests {

using namespace std::chrono_literals;
namespace edge = hub::http::edge;

/// Runs functions at a time to come, in threads of its own: the handlers' asynchronous world.
class timed_pool {
public:
  explicit timed_pool(int threads);
  ~timed_pool();
  timed_pool(const timed_pool&) = delete;
  timed_pool& operator=(const timed_pool&) = delete;

  void post(std::chrono::microseconds delay, std::function<void()> work);

private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> due_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/// One observed exchange, with strings of its own.
struct seen_exchange {
  std::string method;
  std::string route;
  std::string request_id;
  std::string peer;
  int status = 0;
  std::size_t request_bytes = 0;
  std::size_t response_bytes = 0;
  std::string fault;
};

/// A server with the routes the attacks need: answers now, later, never, large, endless or broken.
class edge_server : public ::testing::Test {
protected:
  edge_server();
  ~edge_server() override;

  /// Starts with what `options_` says by then.
  void start();
  void stop();
  [[nodiscard]] http_client connect() const { return http_client(port_); }
  [[nodiscard]] http_client connect(int receive_buffer) const;
  /// One GET on a connection of its own.
  [[nodiscard]] http_response get(std::string_view path, std::string_view extra_headers = {}) const;
  /// What the server says to these bytes, sent at once on a connection of its own.
  [[nodiscard]] http_response say(std::string_view bytes) const;
  [[nodiscard]] bool serves() const;
  [[nodiscard]] std::vector<seen_exchange> seen() const;
  [[nodiscard]] edge::server_stats stats() const { return server_->stats(); }
  [[nodiscard]] bool all_closed() const;

  edge::server_options options_;
  std::unique_ptr<edge::server> server_;
  std::uint16_t port_ = 0;
  timed_pool pool_{2};

  std::mutex streams_mutex_;
  std::vector<edge::stream> streams_;

private:
  void add_plain_routes();
  void add_broken_routes();
  void add_streams();

  bool observing_ = true;
  mutable std::mutex seen_mutex_;
  std::vector<seen_exchange> seen_;
  std::vector<std::thread> exports_; // under streams_mutex_
};

/// "GET path" with a Host header, as bytes.
std::string get_request(std::string_view path, std::string_view extra_headers = {});

} // namespace hub::tests
