#pragma once

#include "http/server/edge/responder.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::http::edge {

/// How the client learns where the body ends.
enum class body_framing { length, chunked, until_close };

/// What the edge adds to a reply's head.
struct head_facts {
  std::string_view request_id;
  std::string_view cors_origin;  // empty: no CORS headers
  bool over_tls = false;         // the client speaks TLS to the proxy in front
  bool varies_by_origin = false; // some origins get CORS headers: caches must tell them apart
  body_framing framing = body_framing::length;
  std::size_t length = 0;
  bool keep_alive = false;
};

/// True for a head that says what it means: a final status, names that are tokens, values without
/// line breaks, and none of the headers by which the edge frames messages.
bool is_well_formed(const reply& head);

/// True for statuses whose answers never have a body.
constexpr bool is_bodiless(int status) {
  return status == 204 || status == 304;
}

/// The status line and every header, with the empty line.
std::string write_head(const reply& head, const head_facts& facts);

/// The headers by which a preflight learns what it may send; `allowed` lists the path's methods.
std::vector<std::pair<std::string, std::string>> preflight_headers(std::string_view allowed);

/// "Sun, 06 Nov 1994 08:49:37 GMT", now.
std::string_view http_date();

} // namespace hub::http::edge
