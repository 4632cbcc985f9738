#pragma once

#include "domain/result.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hub::app {

struct http_answer {
  int status = 0;
  std::string body;
};

/// A plain HTTP client for the command line's own calls to a hub: one connection, kept alive,
/// blocking, no redirects.
class http_caller {
public:
  /// With a key, every call is made in its name.
  explicit http_caller(std::string base_url, const std::string& api_key = {});
  ~http_caller();
  http_caller(const http_caller&) = delete;
  http_caller& operator=(const http_caller&) = delete;

  using headers = std::vector<std::pair<std::string, std::string>>;

  domain::result<http_answer> get(const std::string& path);
  domain::result<http_answer>
  post(const std::string& path, const std::string& body, const headers& more);

private:
  class handle;
  [[nodiscard]] headers with_key(headers more) const;

  std::string base_url_;
  std::string authorization_; // header; empty: none
  std::unique_ptr<handle> handle_;
};

} // namespace hub::app
