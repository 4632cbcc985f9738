#pragma once

#include "http/server/edge/responder.hpp"

#include <string_view>

namespace hub::http::edge {

/// An answer that the edge gives by itself, in the contract's form. `sentence` needs no escaping.
struct refusal {
  int status;
  std::string_view code;
  std::string_view sentence;

  friend bool operator==(const refusal&, const refusal&) = default;
};

reply to_reply(const refusal& why);

/// Every refusal the edge knows.
namespace refusals {

inline constexpr refusal malformed_line{
  400, "malformed_request", "The request line is not valid HTTP/1.1."};
inline constexpr refusal malformed_target{
  400, "malformed_target", "The request target must be a path that begins with one slash."};
inline constexpr refusal malformed_header{
  400,
  "malformed_header",
  "A header line is malformed; send 'Name: value' lines that end in CRLF."};
inline constexpr refusal control_character{
  400,
  "malformed_request",
  "The request head has a control character or a line that does not end in CRLF."};
inline constexpr refusal bad_host{400, "bad_host", "Send exactly one well-formed Host header."};
inline constexpr refusal bad_length{
  400, "bad_content_length", "Send one Content-Length header that is a plain decimal number."};
inline constexpr refusal two_lengths{
  400, "conflicting_lengths", "Send Content-Length or Transfer-Encoding, never both."};
inline constexpr refusal bad_escape{
  400, "bad_escape", "The path or the query has a percent escape that is not valid UTF-8 text."};
inline constexpr refusal not_found{404, "not_found", "There is nothing at this path."};
inline constexpr refusal method_not_allowed{
  405,
  "method_not_allowed",
  "This path does not support that method; the Allow header lists those it does."};
inline constexpr refusal too_slow{
  408, "request_timeout", "The request did not arrive in time; send it again without pausing."};
inline constexpr refusal length_required{
  411,
  "length_required",
  "Send the body with a Content-Length header; chunked bodies are not accepted."};
inline constexpr refusal body_too_large{
  413, "body_too_large", "The body is larger than this server accepts."};
inline constexpr refusal target_too_long{
  414, "target_too_long", "The request target is longer than this server accepts."};
inline constexpr refusal unknown_expectation{
  417, "expectation_failed", "The only expectation this server meets is 100-continue."};
inline constexpr refusal head_too_large{
  431,
  "headers_too_large",
  "The request headers are larger or more numerous than this server accepts."};
inline constexpr refusal internal{
  500,
  "internal_error",
  "Something went wrong on our side; quote the X-Request-Id when you report it."};
inline constexpr refusal method_unknown{
  501, "method_not_implemented", "This server does not implement that method."};
inline constexpr refusal too_many_connections{
  503, "too_many_connections", "Too many connections are open; try again in a moment."};
inline constexpr refusal handler_too_slow{
  504, "timeout", "The answer took too long to prepare; try again."};
inline constexpr refusal version_unknown{
  505, "version_not_supported", "This server speaks HTTP/1.1 and HTTP/1.0."};

} // namespace refusals
} // namespace hub::http::edge
