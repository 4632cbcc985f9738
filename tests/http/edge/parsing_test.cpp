#include "http/server/edge/characters.hpp"
#include "http/server/edge/head_parser.hpp"
#include "http/server/edge/request.hpp"
#include "http/server/edge/request_id.hpp"
#include "http/server/edge/response_writer.hpp"
#include "http/server/edge/route_table.hpp"
#include "http/server/edge/uri.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

namespace hub::http::edge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

std::optional<refusal> parse(std::string_view bytes, request_head& head) {
  return parse_head(bytes, limits{}, head);
}

TEST(head_parser, reads_what_a_browser_sends) {
  request_head head;
  const auto why =
    parse("POST /api/tickets?x=1&x=2 HTTP/1.1\r\nHost: hub.example:3000\r\n"
          "Content-Type: application/json\r\nContent-Length: 12\r\nX-A:  b c \t\r\n\r\n",
          head);
  ASSERT_FALSE(why);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.path, "/api/tickets");
  EXPECT_EQ(head.query, "x=1&x=2");
  EXPECT_EQ(head.body_length, 12U);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_THAT(head.headers,
              ElementsAre(Pair("host", "hub.example:3000"),
                          Pair("content-type", "application/json"),
                          Pair("content-length", "12"),
                          Pair("x-a", "b c")));
}

TEST(head_parser, gives_pistache_the_request_line_alone) {
  request_head head;
  ASSERT_FALSE(parse("GET /a/%20?b=%ff HTTP/1.0\r\nCookie: odd\r\nAccept: ,\r\n\r\n", head));
  EXPECT_EQ(head.sanitised, "GET /a/%20 HTTP/1.1\r\n\r\n");
}

TEST(head_parser, knows_when_the_connection_may_stay) {
  const auto stays = [](std::string_view version, std::string_view headers) {
    request_head head;
    const auto bytes =
      "GET / " + std::string(version) + "\r\nHost: x\r\n" + std::string(headers) + "\r\n";
    EXPECT_FALSE(parse(bytes, head));
    return head.keep_alive;
  };
  EXPECT_TRUE(stays("HTTP/1.1", ""));
  EXPECT_TRUE(stays("HTTP/1.1", "Connection: TE, Upgrade\r\n"));
  EXPECT_FALSE(stays("HTTP/1.1", "Connection: TE, cLoSe\r\n"));
  EXPECT_FALSE(stays("HTTP/1.0", ""));
  EXPECT_TRUE(stays("HTTP/1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(stays("HTTP/1.0", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_FALSE(stays("HTTP/1.0", "Connection: close\r\nConnection: keep-alive\r\n"));
}

TEST(head_parser, accepts_and_refuses_hosts) {
  const auto status = [](std::string_view host) {
    request_head head;
    const auto why = parse("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n", head);
    return why ? why->status : 200;
  };
  for (const auto* good : {"example.com",
                           "example.com:8080",
                           "example.com:",
                           "[::1]",
                           "[::1]:80",
                           "",
                           "a_b",
                           "10.0.0.1:1"})
    EXPECT_EQ(status(good), 200) << good;
  for (const auto* bad :
       {"a:b", "x:99999", "x:-1", "a b", "a,b", "a/b", "u@h", "[::1", "[]", "]:[", "[::1]x", "[g]"})
    EXPECT_EQ(status(bad), 400) << bad;
}

TEST(head_parser, keeps_the_request_id_of_a_refused_request) {
  request_head head;
  const auto why = parse("GET / HTTP/1.1\r\nX-Request-Id: abc\r\nHost: a b\r\n\r\n", head);
  EXPECT_EQ(why, refusals::bad_host);
  EXPECT_EQ(head.header("x-request-id"), "abc");
}

TEST(head_scan, finds_the_end_wherever_the_packets_are_cut) {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: x\r\n\r\nrest";
  const auto length = bytes.size() - 4;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    head_scan scan;
    EXPECT_FALSE(scan_head(std::string_view(bytes).substr(0, cut), limits{}, scan));
    EXPECT_EQ(scan.length, cut < length ? 0 : length);
    EXPECT_FALSE(scan_head(bytes, limits{}, scan));
    EXPECT_EQ(scan.length, length);
  }
}

TEST(head_scan, refuses_as_soon_as_nothing_can_help) {
  const auto verdict = [](std::string_view bytes) {
    head_scan scan;
    return scan_head(bytes, {.max_target = 50, .max_head = 200, .max_headers = 3}, scan);
  };
  EXPECT_EQ(verdict("\x16\x03\x01"), refusals::control_character);
  EXPECT_EQ(verdict("GET / HTTP/1.1\n"), refusals::control_character);
  EXPECT_EQ(verdict("GET / HTTP/1.1\rX"), refusals::control_character);
  EXPECT_EQ(verdict("GET /" + std::string(80, 'a')), refusals::target_too_long);
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\nX: " + std::string(200, 'a')), refusals::head_too_large);
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\n"), std::nullopt);
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\nd:\r\n"), refusals::head_too_large);
}

TEST(uri, decodes_paths_and_queries) {
  EXPECT_EQ(decode_path("/a%20b/%C3%a9+c"), "/a b/\u00e9+c");
  EXPECT_THAT(decode_query("a=1&b=x+y%26&a=2&&flag&=v&e=").value(),
              ElementsAre(Pair("a", "1"),
                          Pair("b", "x y&"),
                          Pair("a", "2"),
                          Pair("flag", ""),
                          Pair("", "v"),
                          Pair("e", "")));
}

TEST(uri, refuses_what_is_no_text) {
  for (const auto* bad : {"%",
                          "%4",
                          "%zz",
                          "a%0",
                          "%00",
                          "%ff",
                          "%c0%af",
                          "%ed%a0%80",
                          "%f4%90%80%80",
                          "%e2%82",
                          "%80",
                          "%f8%88%80%80%80"}) {
    EXPECT_EQ(decode_path(bad), std::nullopt) << bad;
    EXPECT_EQ(decode_query(std::string("a=") + bad), std::nullopt) << bad;
    EXPECT_EQ(decode_query(std::string(bad) + "=a"), std::nullopt) << bad;
  }
  EXPECT_TRUE(is_utf8("\xf4\x8f\xbf\xbf\xee\x80\x80"));
}

TEST(request_ids, are_the_callers_if_sane) {
  EXPECT_EQ(request_id_from("A-z_0.9"), "A-z_0.9");
  EXPECT_EQ(request_id_from(std::string(128, 'a')), std::string(128, 'a'));
  for (const auto& odd :
       {std::string(), std::string(129, 'a'), std::string("a b"), std::string("a\"")}) {
    const auto made = request_id_from(odd);
    EXPECT_NE(made, odd);
    EXPECT_TRUE(is_sane_request_id(made));
  }
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i)
    ids.insert(make_request_id());
  EXPECT_EQ(ids.size(), 1000U);
}

TEST(route_table, tells_the_methods_of_a_path) {
  route_table table;
  table.add("GET", "/api/tickets/:id");
  table.add("PATCH", "/api/tickets/:ticket");
  table.add("POST", "/api/tickets/:id/triage");
  table.add("GET", "/");
  EXPECT_EQ(table.allowed("/api/tickets/7"), "GET, HEAD, PATCH, OPTIONS");
  EXPECT_EQ(table.allowed("/api/tickets/7/"), "GET, HEAD, PATCH, OPTIONS");
  EXPECT_EQ(table.allowed("/api/tickets/7/triage"), "POST, OPTIONS");
  EXPECT_EQ(table.allowed("/"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(table.allowed("/api/tickets"), "");
  EXPECT_EQ(table.allowed("/api"), "");
  EXPECT_TRUE(table.serves("GET", "/api/tickets/7"));
  EXPECT_FALSE(table.serves("HEAD", "/api/tickets/7"));
  EXPECT_FALSE(table.serves("POST", "/api/tickets/7"));
}

TEST(route_table, refuses_patterns_it_would_misread) {
  route_table table;
  table.add("GET", "/a/:id");
  EXPECT_THROW(table.add("GET", "/a/:other"), std::invalid_argument);
  EXPECT_THROW(table.add("GET", "a"), std::invalid_argument);
  EXPECT_THROW(table.add("GET", "/a//b"), std::invalid_argument);
  EXPECT_THROW(table.add("GET", "/a/*"), std::invalid_argument);
  EXPECT_THROW(table.add("GET", "/a/:"), std::invalid_argument);
  EXPECT_THROW(table.add("FETCH", "/b"), std::invalid_argument);
  EXPECT_THAT(parameter_names("/a/:id/b/:c"), ElementsAre(":id", ":c"));
}

TEST(response_head, says_everything_once) {
  const reply what{.status = 201,
                   .content_type = "application/json",
                   .body = "{}",
                   .headers = {{"Location", "/x"}, {"x-request-id", "forged"}, {"Date", "never"}}};
  const auto head =
    write_head(what, {.request_id = "r1", .cors_origin = {}, .length = 2, .keep_alive = true});
  EXPECT_TRUE(head.starts_with("HTTP/1.1 201 Created\r\nDate: "));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nX-Request-Id: r1\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nLocation: /x\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 2\r\nConnection: keep-alive\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("forged")));
  EXPECT_THAT(head, Not(HasSubstr("never")));
  EXPECT_THAT(head, Not(HasSubstr("Access-Control")));
}

TEST(response_head, is_cautious_unless_told_otherwise) {
  reply what;
  const auto plain = write_head(what, {.request_id = "r1", .cors_origin = {}});
  EXPECT_THAT(plain, HasSubstr("\r\nCache-Control: no-store\r\n"));
  EXPECT_THAT(
    plain,
    HasSubstr(
      "\r\nContent-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'\r\n"));
  EXPECT_THAT(plain, HasSubstr("\r\nCross-Origin-Opener-Policy: same-origin\r\n"));
  EXPECT_THAT(plain, HasSubstr("\r\nReferrer-Policy: no-referrer\r\n"));
  EXPECT_THAT(plain, HasSubstr("\r\nX-Frame-Options: DENY\r\n"));
  EXPECT_THAT(plain, Not(HasSubstr("Strict-Transport-Security")));

  what.headers = {{"content-security-policy", "default-src 'self'"}};
  const auto page = write_head(what, {.request_id = "r1", .cors_origin = {}, .over_tls = true});
  EXPECT_THAT(page, HasSubstr("\r\ncontent-security-policy: default-src 'self'\r\n"));
  EXPECT_THAT(page, Not(HasSubstr("default-src 'none'")));
  EXPECT_THAT(page,
              HasSubstr("\r\nStrict-Transport-Security: max-age=31536000; includeSubDomains\r\n"));
}

TEST(response_head, refuses_to_be_split) {
  const auto fine = [](std::string name, std::string value) {
    return is_well_formed({.status = 200,
                           .content_type = "text/plain",
                           .body = {},
                           .headers = {{std::move(name), std::move(value)}}});
  };
  EXPECT_TRUE(fine("X-A", "b\tc \xc3\xa9"));
  EXPECT_FALSE(fine("X-A", "b\r\nX-B: c"));
  EXPECT_FALSE(fine("X-A", "b\nc"));
  EXPECT_FALSE(fine("X-A", std::string("b\0c", 3)));
  EXPECT_FALSE(fine("X-A: b\r\nX-B", "c"));
  EXPECT_FALSE(fine("", "c"));
  EXPECT_FALSE(fine("Content-Length", "5"));
  EXPECT_FALSE(fine("transfer-encoding", "chunked"));
  EXPECT_FALSE(
    is_well_formed({.status = 200, .content_type = "a\r\nb: c", .body = {}, .headers = {}}));
  EXPECT_FALSE(is_well_formed({.status = 100, .content_type = "", .body = {}, .headers = {}}));
  EXPECT_FALSE(is_well_formed({.status = 1000, .content_type = "", .body = {}, .headers = {}}));
}

TEST(response_head, dates_as_rfc_9110_wants) {
  EXPECT_THAT(std::string(http_date()),
              testing::MatchesRegex("[A-Z][a-z][a-z], [0-9][0-9] [A-Z][a-z][a-z] 2[0-9][0-9][0-9] "
                                    "[0-9][0-9]:[0-9][0-9]:[0-9][0-9] GMT"));
}

TEST(refusals, are_json_without_escapes) {
  EXPECT_EQ(to_reply(refusals::not_found).body,
            R"({"error":"There is nothing at this path.","code":"not_found"})");
}

} // namespace
} // namespace hub::http::edge
