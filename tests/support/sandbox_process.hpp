#pragma once

#include "tests/support/webhook_driver.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <map>
#include <string>

namespace hub::testing {

/// The sandbox in a process of its own; it ends with the test's.
class sandbox_process {
public:
  sandbox_process();
  ~sandbox_process();
  sandbox_process(const sandbox_process&) = delete;
  sandbox_process& operator=(const sandbox_process&) = delete;

  /// What makes a hub use it for every provider, with limits that make no test wait.
  [[nodiscard]] std::map<std::string, std::string> hub_environment() const;
  /// Every message it was sent, whichever the provider.
  [[nodiscard]] nlohmann::json messages();
  /// Every HTTP call it got, with the end of the token that it came with.
  [[nodiscard]] nlohmann::json calls();
  /// Where it is.
  [[nodiscard]] const std::string& url() const { return http_; }
  /// What it keeps as S3, by bucket and key.
  [[nodiscard]] nlohmann::json objects();
  /// How often it was given the message of this job.
  [[nodiscard]] int times_sent(const std::string& job);
  void misbehave(const nlohmann::json& fault);
  void behave();
  /// Posts to a channel, so that there is a thread to answer in; its `ts`.
  std::string open_thread(const std::string& channel);

private:
  nlohmann::json
  call(const std::string& method, const std::string& path, const nlohmann::json& body = nullptr);

  std::FILE* pipe_;
  std::string http_;
  std::string smtp_;
  int pid_ = 0;
  std::uint16_t port_ = 0;
};

} // namespace hub::testing
