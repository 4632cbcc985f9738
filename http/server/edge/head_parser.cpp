#include "http/server/edge/head_parser.hpp"

#include "http/server/edge/characters.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace hub::http::edge {
namespace {

constexpr std::array<std::string_view, 7> known_methods = {
  "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

// The longest method we know, two spaces, the version and a CR fit besides the target.
constexpr std::size_t line_slack = 24;

bool is_version(std::string_view text) {
  return text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.'
         && is_digit(text[7]);
}

std::optional<refusal> parse_version(std::string_view text, request_head& head) {
  if (!is_version(text))
    return refusals::malformed_line;
  if (text != "HTTP/1.1" && text != "HTTP/1.0")
    return refusals::version_unknown;
  head.http_1_0 = text == "HTTP/1.0";
  head.keep_alive = !head.http_1_0;
  return std::nullopt;
}

std::optional<refusal>
parse_target(std::string_view target, const limits& bounds, request_head& head) {
  if (target.size() > bounds.max_target)
    return refusals::target_too_long;
  // Only origin-form: we are no proxy. A backslash or a fragment is read differently by others.
  const auto plain = [](char c) { return c > ' ' && c < 0x7f && c != '\\' && c != '#'; };
  if (!target.starts_with('/') || !std::all_of(target.begin(), target.end(), plain))
    return refusals::malformed_target;
  const auto mark = target.find('?');
  const auto path = target.substr(0, mark);
  // Pistache would collapse them with a recursive regex, and a proxy may see another path.
  if (path.find("//") != std::string_view::npos)
    return refusals::malformed_target;
  head.path = path;
  if (mark != std::string_view::npos)
    head.query = target.substr(mark + 1);
  return std::nullopt;
}

std::optional<refusal>
parse_request_line(std::string_view line, const limits& bounds, request_head& head) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return refusals::malformed_line;
  const auto method = line.substr(0, first);
  if (auto why = parse_version(line.substr(last + 1), head))
    return why;
  if (!is_token(method))
    return refusals::malformed_line;
  if (std::find(known_methods.begin(), known_methods.end(), method) == known_methods.end())
    return refusals::method_unknown;
  head.method = method;
  return parse_target(line.substr(first + 1, last - first - 1), bounds, head);
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return text.empty()
         || (error == std::errc{} && end == text.data() + text.size() && port <= 65535);
}

bool is_host(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || close == 1)
      return false;
    const auto address = text.substr(1, close - 1);
    const auto after = text.substr(close + 1);
    return address.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos
           && (after.empty() || (after.starts_with(':') && is_port(after.substr(1))));
  }
  const auto colon = text.find(':');
  const auto name = text.substr(0, colon);
  const auto allowed = [](char c) {
    return is_alnum(c) || std::string_view("-._~!$&'()*+;=%").find(c) != std::string_view::npos;
  };
  return std::all_of(name.begin(), name.end(), allowed)
         && (colon == std::string_view::npos || is_port(text.substr(colon + 1)));
}

std::optional<refusal>
parse_length(std::string_view value, const limits& bounds, request_head& head) {
  if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit))
    return refusals::bad_length;
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (error != std::errc{} || length > bounds.max_body)
    return refusals::body_too_large;
  head.body_length = length;
  return std::nullopt;
}

void parse_connection(std::string_view value, request_head& head) {
  while (!value.empty()) {
    const auto option = trim(take_until(value, ','));
    if (equals_ignoring_case(option, "close"))
      head.keep_alive = false;
    else if (equals_ignoring_case(option, "keep-alive") && head.http_1_0)
      head.keep_alive = true;
  }
}

/// The fields that decide where this request ends and the next one begins; one of each at most.
struct framing {
  bool host = false;
  bool length = false;
  bool encoding = false;
  bool close = false;
};

std::optional<refusal> parse_field(std::string_view name,
                                   std::string_view value,
                                   const limits& bounds,
                                   framing& seen,
                                   request_head& head) {
  if (name == "content-length") {
    if (std::exchange(seen.length, true))
      return refusals::bad_length;
    return parse_length(value, bounds, head);
  }
  if (name == "host") {
    if (std::exchange(seen.host, true) || !is_host(value))
      return refusals::bad_host;
  } else if (name == "transfer-encoding") {
    seen.encoding = true;
  } else if (name == "connection") {
    parse_connection(value, head);
    seen.close = seen.close || !head.keep_alive;
  } else if (name == "expect") {
    if (!equals_ignoring_case(value, "100-continue"))
      return refusals::unknown_expectation;
    head.expects_continue = !head.http_1_0;
  }
  return std::nullopt;
}

std::optional<refusal>
parse_line(std::string_view line, const limits& bounds, framing& seen, request_head& head) {
  const auto colon = line.find(':');
  // A name that is no token also covers folded lines and "Name : value".
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return refusals::malformed_header;
  if (head.headers.size() == bounds.max_headers)
    return refusals::head_too_large;
  auto name = lower(line.substr(0, colon));
  const auto value = trim(line.substr(colon + 1));
  auto why = parse_field(name, value, bounds, seen, head);
  head.headers.emplace_back(std::move(name), value);
  return why;
}

std::optional<refusal> check_framing(const framing& seen, const request_head& head) {
  // The two together are the classic smuggling vector; each alone has one meaning.
  if (seen.encoding && seen.length)
    return refusals::two_lengths;
  if (seen.encoding)
    return refusals::length_required;
  if (!seen.host && !head.http_1_0)
    return refusals::bad_host;
  return std::nullopt;
}

} // namespace

std::string_view request_head::header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers)
    if (name == lower_name)
      return value;
  return {};
}

std::optional<refusal> scan_head(std::string_view buffer, const limits& bounds, head_scan& scan) {
  for (; scan.next < buffer.size(); ++scan.next) {
    const auto at = scan.next;
    const char c = buffer[at];
    const bool after_cr = at > 0 && buffer[at - 1] == '\r';
    if (after_cr != (c == '\n') || (is_control(c) && c != '\r' && c != '\n'))
      return refusals::control_character;
    if (at >= bounds.max_head)
      return refusals::head_too_large;
    if (scan.lines == 0 && at > bounds.max_target + line_slack)
      return refusals::target_too_long;
    if (c != '\n')
      continue;
    if (at >= 3 && buffer[at - 2] == '\n') {
      scan.length = ++scan.next;
      return std::nullopt;
    }
    // The request line, the headers, and not one more.
    if (++scan.lines > bounds.max_headers + 1)
      return refusals::head_too_large;
  }
  return std::nullopt;
}

std::optional<refusal>
parse_head(std::string_view bytes, const limits& bounds, request_head& head) {
  head = {};
  if (!bytes.ends_with("\r\n\r\n"))
    return refusals::malformed_header;
  bytes.remove_suffix(2);
  const auto next_line = [&bytes] {
    const auto end = bytes.find("\r\n");
    const auto line = bytes.substr(0, end);
    bytes.remove_prefix(end + 2);
    return line;
  };
  const auto request_line = next_line();
  if (!is_field_value(request_line))
    return refusals::control_character;
  if (auto why = parse_request_line(request_line, bounds, head))
    return why;
  framing seen;
  while (!bytes.empty()) {
    const auto line = next_line();
    if (!is_field_value(line))
      return refusals::control_character;
    if (auto why = parse_line(line, bounds, seen, head))
      return why;
  }
  if (auto why = check_framing(seen, head))
    return why;
  head.keep_alive = head.keep_alive && !seen.close;
  // Pistache's parser needs the line alone: its header parsers answer 500 to harmless oddities,
  // its query loses duplicates, and its body reader trusts whatever length it is told.
  head.sanitised.append(head.method).append(" ").append(head.path).append(" HTTP/1.1\r\n\r\n");
  return std::nullopt;
}

} // namespace hub::http::edge
