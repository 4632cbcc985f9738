#pragma once

#include "http/server/edge/limits.hpp"
#include "http/server/edge/refusal.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::http::edge {

/// A request head that passed every check, and what it says about the bytes that follow it.
struct request_head {
  std::string method;                                       // one of the seven we know
  std::string path;                                         // as sent, begins with '/'
  std::string query;                                        // as sent, without '?'
  std::vector<std::pair<std::string, std::string>> headers; // names in lower case, values trimmed
  std::size_t body_length = 0;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;
  std::string sanitised; // what Pistache's parser gets: nothing it could trip on

  [[nodiscard]] std::string_view header(std::string_view lower_name) const;
};

/// Where the search for the end of a head stands; one per request.
struct head_scan {
  std::size_t next = 0; // first byte not looked at
  std::size_t lines = 0;
  std::size_t length = 0; // of the whole head with its empty line; 0 while incomplete
};

/// Looks at the bytes that arrived since the last call and refuses a head that can no longer become
/// valid, so that nobody waits for the rest of it.
std::optional<refusal> scan_head(std::string_view buffer, const limits& bounds, head_scan& scan);

/// Parses a complete head (with its empty line). On refusal `head` holds what was read until then.
std::optional<refusal> parse_head(std::string_view bytes, const limits& bounds, request_head& head);

} // namespace hub::http::edge
