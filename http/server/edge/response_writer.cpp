#include "http/server/edge/response_writer.hpp"

#include "http/server/edge/characters.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace hub::http::edge {
namespace {

std::string_view reason(int status) {
  switch (status) {
  case 200:
    return "OK";
  case 201:
    return "Created";
  case 202:
    return "Accepted";
  case 204:
    return "No Content";
  case 206:
    return "Partial Content";
  case 301:
    return "Moved Permanently";
  case 302:
    return "Found";
  case 303:
    return "See Other";
  case 304:
    return "Not Modified";
  case 307:
    return "Temporary Redirect";
  case 308:
    return "Permanent Redirect";
  case 400:
    return "Bad Request";
  case 401:
    return "Unauthorized";
  case 403:
    return "Forbidden";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 406:
    return "Not Acceptable";
  case 408:
    return "Request Timeout";
  case 409:
    return "Conflict";
  case 410:
    return "Gone";
  case 411:
    return "Length Required";
  case 412:
    return "Precondition Failed";
  case 413:
    return "Content Too Large";
  case 414:
    return "URI Too Long";
  case 415:
    return "Unsupported Media Type";
  case 416:
    return "Range Not Satisfiable";
  case 417:
    return "Expectation Failed";
  case 422:
    return "Unprocessable Content";
  case 428:
    return "Precondition Required";
  case 429:
    return "Too Many Requests";
  case 431:
    return "Request Header Fields Too Large";
  case 500:
    return "Internal Server Error";
  case 501:
    return "Not Implemented";
  case 502:
    return "Bad Gateway";
  case 503:
    return "Service Unavailable";
  case 504:
    return "Gateway Timeout";
  case 505:
    return "HTTP Version Not Supported";
  default:
    return "Status"; // the phrase is decoration
  }
}

constexpr std::array<std::string_view, 6> framing_names = {
  "connection", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"};

// The edge's own win over a reply's: two of them would contradict each other.
constexpr std::array<std::string_view, 4> own_names = {
  "date", "strict-transport-security", "x-content-type-options", "x-request-id"};

struct header_line {
  std::string_view name;
  std::string_view value;
};

// What holds unless a reply says otherwise: an answer is data, not a page, and nobody else's.
constexpr std::array<header_line, 5> cautions = {{
  {"Cache-Control", "no-store"},
  {"Content-Security-Policy",
   "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
  {"Cross-Origin-Opener-Policy", "same-origin"},
  {"Referrer-Policy", "no-referrer"},
  {"X-Frame-Options", "DENY"},
}};

// A year: OWASP ASVS 5.0, 3.4.1. Browsers heed it only where they came by TLS themselves.
constexpr std::string_view only_by_tls = "max-age=31536000; includeSubDomains";

template <std::size_t Size>
bool names(const std::array<std::string_view, Size>& list, std::string_view name) {
  return std::any_of(
    list.begin(), list.end(), [&](auto known) { return equals_ignoring_case(known, name); });
}

void put(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void two_digits(std::string& out, unsigned value) {
  out += static_cast<char>('0' + value / 10 % 10);
  out += static_cast<char>('0' + value % 10);
}

// By hand, because strftime follows the locale.
std::string format_date(std::chrono::sys_seconds at) {
  constexpr std::array<std::string_view, 7> days = {
    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> months = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  std::string out(days.at(std::chrono::weekday(day).c_encoding()));
  out += ", ";
  two_digits(out, static_cast<unsigned>(date.day()));
  out.append(" ").append(months.at(static_cast<unsigned>(date.month()) - 1));
  out.append(" ").append(std::to_string(static_cast<int>(date.year()))).append(" ");
  two_digits(out, static_cast<unsigned>(time.hours().count()));
  out += ':';
  two_digits(out, static_cast<unsigned>(time.minutes().count()));
  out += ':';
  two_digits(out, static_cast<unsigned>(time.seconds().count()));
  return out + " GMT";
}

void put_cors(std::string& out, std::string_view origin) {
  put(out, "Access-Control-Allow-Origin", origin);
  put(out, "Access-Control-Allow-Credentials", "true");
  put(out,
      "Access-Control-Expose-Headers",
      "X-Total-Count, X-Next-Cursor, Link, ETag, Location, Retry-After, Idempotent-Replay, "
      "X-Request-Id");
}

bool says(const reply& head, std::string_view name) {
  return std::any_of(head.headers.begin(), head.headers.end(), [&](const auto& header) {
    return equals_ignoring_case(header.first, name);
  });
}

void put_cautions(std::string& out, const reply& head, bool over_tls) {
  for (const auto& [name, value] : cautions)
    if (!says(head, name))
      put(out, name, value);
  if (over_tls)
    put(out, "Strict-Transport-Security", only_by_tls);
}

void put_framing(std::string& out, int status, const head_facts& facts) {
  if (!is_bodiless(status)) {
    if (facts.framing == body_framing::chunked)
      put(out, "Transfer-Encoding", "chunked");
    else if (facts.framing == body_framing::length)
      put(out, "Content-Length", std::to_string(facts.length));
  }
  put(out, "Connection", facts.keep_alive ? "keep-alive" : "close");
}

} // namespace

bool is_well_formed(const reply& head) {
  return head.status >= 200 && head.status <= 599 && is_field_value(head.content_type)
         && std::all_of(head.headers.begin(), head.headers.end(), [](const auto& header) {
              return is_token(header.first) && is_field_value(header.second)
                     && !names(framing_names, header.first);
            });
}

std::string_view http_date() {
  thread_local std::string text;
  thread_local std::chrono::sys_seconds formatted{};
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (text.empty() || now != formatted) {
    text = format_date(now);
    formatted = now;
  }
  return text;
}

std::string write_head(const reply& head, const head_facts& facts) {
  std::string out;
  out.reserve(512);
  out.append("HTTP/1.1 ").append(std::to_string(head.status)).append(" ");
  out.append(reason(head.status)).append("\r\n");
  put(out, "Date", http_date());
  put(out, "X-Request-Id", facts.request_id);
  put(out, "X-Content-Type-Options", "nosniff");
  if (!head.content_type.empty() && !is_bodiless(head.status))
    put(out, "Content-Type", head.content_type);
  for (const auto& [name, value] : head.headers)
    if (!names(own_names, name))
      put(out, name, value);
  put_cautions(out, head, facts.over_tls);
  if (!facts.cors_origin.empty())
    put_cors(out, facts.cors_origin);
  if (facts.varies_by_origin)
    put(out, "Vary", "Origin");
  put_framing(out, head.status, facts);
  return out += "\r\n";
}

std::vector<std::pair<std::string, std::string>> preflight_headers(std::string_view allowed) {
  return {
    {"Access-Control-Allow-Methods", std::string(allowed)},
    {"Access-Control-Allow-Headers",
     "Content-Type, If-Match, Idempotency-Key, Authorization, X-CSRF-Token, X-Request-Id, "
     "Last-Event-ID"},
    {"Access-Control-Max-Age", "600"},
  };
}

} // namespace hub::http::edge
