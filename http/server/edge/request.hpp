#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::http::edge {

/// One request, read and checked: everything here is decoded, bounded and owned by the request.
struct request {
  std::string method; // "GET", "POST", …; HEAD arrives as GET when only GET is routed
  std::string path;   // decoded
  std::string route;  // the pattern that matched, "/api/tickets/:id"; never customer data
  std::vector<std::pair<std::string, std::string>> path_parameters; // name without ':', decoded
  std::vector<std::pair<std::string, std::string>> query;   // decoded, in order, duplicates kept
  std::vector<std::pair<std::string, std::string>> headers; // names in lower case, values trimmed
  std::string body;                                         // the raw bytes as they came
  std::string peer; // the client's address, "127.0.0.1" or "::1", never ::ffff:-mapped
  std::string id;   // X-Request-Id: the caller's if sane, else ours

  /// The first header of that (lower-case) name.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
  /// The path parameter of that name; empty if the route has none.
  [[nodiscard]] std::string_view path_parameter(std::string_view name) const;
  /// The first query parameter of that name.
  [[nodiscard]] std::optional<std::string_view> query_parameter(std::string_view name) const;
};

} // namespace hub::http::edge
