#pragma once

#include "http/sandbox/stand_in.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::tests {

using namespace std::chrono_literals;
using domain::json;
namespace sandbox = hub::http::sandbox;
namespace edge = hub::http::edge;

/// 2026-03-01T09:30:15.250Z: not on a minute, not on a second.
inline constexpr domain::time_point noon{std::chrono::milliseconds{1'772'357'415'250}};

using header_list = std::vector<std::pair<std::string, std::string>>;

/// A request as the edge hands it over; `target` may have a query.
edge::request make_request(std::string_view method,
                           std::string_view target,
                           const header_list& headers,
                           std::string body = {});

/// What a provider answered, read.
struct answer {
  int status = 0;
  json body;
  header_list headers;
  bool delivered = false;

  [[nodiscard]] std::string header(std::string_view name) const;
};

answer read(const sandbox::outcome& outcome);

} // namespace hub::tests
