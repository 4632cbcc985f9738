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
  explicit http_caller(std::string base_url);
  ~http_caller();
  http_caller(const http_caller&) = delete;
  http_caller& operator=(const http_caller&) = delete;

  domain::result<http_answer> get(const std::string& path);
  domain::result<http_answer> post(const std::string& path,
                                   const std::string& body,
                                   const std::vector<std::pair<std::string, std::string>>& headers);

private:
  class handle;
  std::string base_url_;
  std::unique_ptr<handle> handle_;
};

} // namespace hub::app
