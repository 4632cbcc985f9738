#include "http/server/edge/characters.hpp"
#include "http/server/edge/head_parser.hpp"
#include "http/server/edge/request_id.hpp"
#include "http/server/edge/route_table.hpp"
#include "http/server/edge/uri.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace hub::http::edge;

constexpr limits bounds{.max_target = 200, .max_head = 2000, .max_headers = 8, .max_body = 5000};

void require(bool holds) {
  if (!holds)
    std::abort();
}

/// A head cut into packets anywhere means what it means in one piece.
head_scan scan_in_pieces(std::string_view bytes, std::size_t piece, std::optional<refusal>& why) {
  head_scan scan;
  for (std::size_t end = 0; end < bytes.size() && scan.length == 0 && !why;) {
    end = std::min(bytes.size(), end + piece);
    why = scan_head(bytes.substr(0, end), bounds, scan);
  }
  return scan;
}

void check_text(const std::optional<std::string>& text) {
  require(!text || (is_utf8(*text) && text->find('\0') == std::string::npos));
}

/// What every handler, and Pistache, may rely on.
void check_head(const request_head& head) {
  require(is_token(head.method) && head.body_length <= bounds.max_body);
  require(head.path.starts_with('/') && head.path.find("//") == std::string::npos);
  require(head.path.size() + head.query.size() <= bounds.max_target);
  require(head.sanitised == head.method + " " + head.path + " HTTP/1.1\r\n\r\n");
  require(std::all_of(
    head.sanitised.begin(), head.sanitised.end() - 4, [](char c) { return c >= ' ' && c < 0x7f; }));
  require(head.headers.size() <= bounds.max_headers);
  int lengths = 0;
  int hosts = 0;
  for (const auto& [name, value] : head.headers) {
    require(is_token(name) && name == lower(name));
    require(is_field_value(value) && value == trim(value));
    // Whoever sees a length and a chunked body may be made to see another request.
    require(name != "transfer-encoding");
    lengths += name == "content-length" ? 1 : 0;
    hosts += name == "host" ? 1 : 0;
  }
  require(lengths <= 1 && hosts <= 1 && (hosts == 1 || head.http_1_0));
  require(lengths == 1 || head.body_length == 0);
  require(is_sane_request_id(request_id_from(head.header("x-request-id"))));
}

void check_target(const request_head& head) {
  check_text(decode_path(head.path));
  if (const auto query = decode_query(head.query))
    for (const auto& [name, value] : *query) {
      check_text(name);
      check_text(value);
    }
  static const route_table routes = [] {
    route_table table;
    table.add("GET", "/a/:id");
    table.add("POST", "/a/:id/b");
    return table;
  }();
  require(!routes.serves("GET", head.path) || routes.allowed(head.path).starts_with("GET, HEAD"));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(data, data + size);
  std::optional<refusal> at_once;
  std::optional<refusal> in_pieces;
  const auto scan = scan_in_pieces(bytes, std::max<std::size_t>(size, 1), at_once);
  require(scan_in_pieces(bytes, 1 + size % 7, in_pieces).length == scan.length);
  require(at_once == in_pieces);
  request_head head;
  const auto length = scan.length == 0 ? size : scan.length;
  const auto why = parse_head(std::string_view(bytes).substr(0, length), bounds, head);
  if (why)
    require(why->status >= 400 && why->status < 600);
  else if (scan.length != 0 && !at_once)
    check_head(head);
  if (!why)
    check_target(head);
  check_text(decode_path(bytes));
  static_cast<void>(decode_query(bytes));
  return 0;
}
