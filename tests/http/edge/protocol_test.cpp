#include "tests/http/edge/edge_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace hub::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

using statuses = std::vector<int>;

statuses statuses_in(std::string_view bytes) {
  statuses all;
  constexpr std::string_view mark = "HTTP/1.1 ";
  for (auto at = bytes.find(mark); at != bytes.npos; at = bytes.find(mark, at + 1))
    // Sentences mention the version, too.
    if (std::isdigit(static_cast<unsigned char>(bytes.at(at + mark.size()))) != 0)
      all.push_back(std::stoi(std::string(bytes.substr(at + mark.size(), 3))));
  return all;
}

/// Bytes that somebody might send, packet by packet, and every answer they may get.
struct wire_case {
  std::string name;
  std::vector<std::string> packets;
  statuses expected;
};

class protocol : public edge_server {
protected:
  protocol() {
    options_.limits.max_body = 64 * 1024;
    start();
  }

  /// All that comes back until the server closes. If it may keep the connection, we say goodbye.
  [[nodiscard]] std::string exchange_packets(const wire_case& what) const {
    auto client = connect();
    for (const auto& packet : what.packets) {
      if (&packet != &what.packets.front())
        std::this_thread::sleep_for(3ms); // keeps the packets apart; every outcome must be the same
      client.send(packet);
    }
    if (what.expected.empty() || what.expected.back() < 400)
      client.finish_sending();
    auto bytes = client.read_all();
    EXPECT_TRUE(client.ended(0ms)) << what.name << ": the server did not close";
    return bytes;
  }

  void check(const std::vector<wire_case>& cases) const {
    for (const auto& each : cases) {
      const auto bytes = exchange_packets(each);
      EXPECT_EQ(statuses_in(bytes), each.expected) << each.name;
      EXPECT_THAT(bytes, Not(HasSubstr("SMUGGLED"))) << each.name;
    }
    EXPECT_TRUE(serves());
    EXPECT_EQ(stats().exceptions, 0U);
    EXPECT_TRUE(all_closed());
  }
};

std::string post(std::string_view headers, std::string_view body = {}) {
  std::string bytes("POST /echo HTTP/1.1\r\nHost: x\r\n");
  return bytes.append(headers).append("\r\n").append(body);
}

TEST_F(protocol, answers_pipelined_requests_however_they_arrive) {
  const auto one = get_request("/echo?n=1");
  const auto two = get_request("/echo?n=2");
  const auto three = get_request("/echo?n=3");
  check({
    {"three in one packet", {one + two + three}, {200, 200, 200}},
    {"three packets", {one, two, three}, {200, 200, 200}},
    {"cut in a line ending", {one + "GET /sync HTTP/1.1\r", "\nHost: x\r\n\r", "\n"}, {200, 200}},
    {"surplus is the next request", {post("Content-Length: 2\r\n", "hi" + one)}, {200, 200}},
    {"surplus in the next packet", {post("Content-Length: 2\r\n", "hi"), one}, {200, 200}},
    {"a line ending before", {"\r\n" + one}, {200}},
    {"a line ending in between", {one + "\r\n\r\n" + two}, {200, 200}},
    {"too many line endings", {"\r\n\r\n\r\n\r\n\r\n" + one}, {400}},
    {"nothing", {""}, {}},
    {"half a head", {"GET /echo HTTP/1.1\r\nHo"}, {}},
    {"half a body", {post("Content-Length: 9\r\n", "hi")}, {}},
  });
}

TEST_F(protocol, refuses_chunked_bodies_and_reads_nothing_after_them) {
  const std::string smuggled = get_request("/echo?SMUGGLED=1");
  const std::string te = "Transfer-Encoding: chunked\r\n";
  check({
    {"one packet", {post(te, "5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n")}, {411}},
    {"a packet per chunk", {post(te), "5\r\nhello\r\n", "3\r\nabc\r\n", "0\r\n\r\n"}, {411}},
    {"terminator split", {post(te, "5\r\nhello\r\n0\r\n"), "\r\n"}, {411}},
    {"split between CR and LF", {post(te, "5\r\nhello\r"), "\n0\r\n\r\n"}, {411}},
    {"trailers split", {post(te, "5\r\nhello\r\n0\r\n"), smuggled}, {411}},
    {"negative", {post(te, "-5\r\nhello\r\n0\r\n\r\n")}, {411}},
    {"huge", {post(te, "7fffffffffffffff\r\nhello\r\n0\r\n\r\n")}, {411}},
    {"8 GB", {post(te, "200000000\r\nhello\r\n")}, {411}},
    {"extension", {post(te, "5;a=b\r\nhello\r\n0\r\n\r\n" + smuggled)}, {411}},
    {"tab", {post("Transfer-Encoding:\tchunked\r\n", "0\r\n\r\n")}, {411}},
    {"ch", {post("Transfer-Encoding: ch\r\n", "3\r\nabc\r\n0\r\n\r\n")}, {411}},
    {"chunked, identity", {post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n")}, {411}},
    {"twice", {post(te + "Transfer-Encoding: gzip\r\n", "0\r\n\r\n")}, {411}},
    {"gzip", {post("Transfer-Encoding: gzip\r\n")}, {411}},
    {"identity", {post("Transfer-Encoding: identity\r\n")}, {411}},
    {"empty", {post("Transfer-Encoding:\r\n")}, {411}},
    {"with a length", {post("Content-Length: 4\r\n" + te, "0\r\n\r\n" + smuggled)}, {400}},
    {"with a length after", {post(te + "Content-Length: 4\r\n", "0\r\n\r\n" + smuggled)}, {400}},
    {"space before the colon", {post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n")}, {400}},
  });
}

TEST_F(protocol, refuses_lengths_that_two_readers_could_read_differently) {
  const std::string smuggled = get_request("/echo?SMUGGLED=1");
  check({
    {"conflicting", {post("Content-Length: 4\r\nContent-Length: 2\r\n", "abcd")}, {400}},
    {"repeated", {post("Content-Length: 4\r\nContent-Length: 4\r\n", "abcd" + smuggled)}, {400}},
    {"list", {post("Content-Length: 5, 5\r\n", "hello" + smuggled)}, {400}},
    {"space before the colon", {post("Content-Length : 4\r\n", "abcd")}, {400}},
    {"trailing letters", {post("Content-Length: 4abc\r\n", "abcd")}, {400}},
    {"tab before the value", {post("Content-Length:\t4\r\n", "abcd")}, {200}},
    {"letters", {post("Content-Length: abc\r\n", smuggled)}, {400}},
    {"negative", {post("Content-Length: -1\r\n", smuggled)}, {400}},
    {"signed", {post("Content-Length: +0\r\n", smuggled)}, {400}},
    {"hexadecimal", {post("Content-Length: 0x10\r\n", smuggled)}, {400}},
    {"empty", {post("Content-Length:\r\n", smuggled)}, {400}},
    {"beyond 64 bits", {post("Content-Length: 99999999999999999999999\r\n", "x")}, {413}},
    {"1 TB", {post("Content-Length: 1099511627776\r\n", "x")}, {413}},
    {"20 GB", {post("Content-Length: 21474836480\r\n", "x")}, {413}},
    {"one byte too many", {post("Content-Length: 65537\r\n", "x")}, {413}},
    {"70 k", {post("Content-Length: 70000\r\n", std::string(70000, 'a'))}, {413}},
    {"413, then a request inside the body",
     {post("Content-Length: 70000\r\n", std::string(65535, 'a')), smuggled},
     {413}},
    {"GET with a body", {"GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"}, {200}},
  });
}

TEST_F(protocol, refuses_malformed_heads) {
  using namespace std::string_literals;
  check({
    {"bare LF", {"GET /echo HTTP/1.1\nHost: x\n\n"}, {400}},
    {"bare CR", {"GET /echo HTTP/1.1\r\nHost: x\rX: y\r\n\r\n"}, {400}},
    {"header without colon", {"GET /echo HTTP/1.1\r\nHost: x\r\nFoo\r\nBar: x\r\n\r\n"}, {400}},
    {"header without name", {"GET /echo HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n"}, {400}},
    {"folded", {"GET /echo HTTP/1.1\r\nHost: x\r\nFoo: a\r\n b\r\nC: d\r\n\r\n"}, {400}},
    {"leading space", {"GET /echo HTTP/1.1\r\n Host: x\r\n\r\n"}, {400}},
    {"NUL in a header", {"GET /echo HTTP/1.1\r\nHost: x\r\nX-N: a\0b\r\n\r\n"s}, {400}},
    {"NUL in the path", {"GET /items/a\0b HTTP/1.1\r\nHost: x\r\n\r\n"s}, {400}},
    {"NUL in the method", {"G\0T /echo HTTP/1.1\r\nHost: x\r\n\r\n"s}, {400}},
    {"CRLF in the target", {"GET /items/a\r\nX: HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"no version", {"GET /echo \r\n\r\n"}, {400}},
    {"no version, no space", {"GET /echo\r\n\r\n"}, {400}},
    {"broken version", {"GET /echo HTTP/1.\r\nHost: x\r\n\r\n"}, {400}},
    {"space after the version", {"GET /echo HTTP/1.1 \r\nHost: x\r\n\r\n"}, {400}},
    {"HTTP/2.0", {"GET /echo HTTP/2.0\r\n\r\n"}, {505}},
    {"HTTP/9.9", {"GET /echo HTTP/9.9\r\nHost: x\r\n\r\n"}, {505}},
    {"HTTP/2 preface", {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}, {505}},
    {"TLS hello", {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s + std::string(200, 'x')}, {400}},
    {"empty target", {"GET  HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"two spaces", {"GET  /echo HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"no slash", {"GET echo HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"query alone", {"GET ?a=b HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"absolute form", {"GET http://x/echo HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"asterisk", {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"fragment", {"GET /echo#x HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"backslash", {"GET /a\\b HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"raw UTF-8", {"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"double slash", {"GET //echo HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"4,000 slashes", {"GET " + std::string(4000, '/') + " HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"20,000 slashes", {"GET " + std::string(20000, '/') + " HTTP/1.1\r\nHost: x\r\n\r\n"}, {414}},
    {"no method", {" /echo HTTP/1.1\r\nHost: x\r\n\r\n"}, {400}},
    {"method in lower case", {"get /echo HTTP/1.1\r\nHost: x\r\n\r\n"}, {501}},
    {"unknown method", {"FOO /echo HTTP/1.1\r\nHost: x\r\n\r\n"}, {501}},
    {"CONNECT", {"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n"}, {501}},
    {"TRACE", {"TRACE /echo HTTP/1.1\r\nHost: x\r\n\r\n"}, {501}},
    {"no host", {"GET /echo HTTP/1.1\r\n\r\n"}, {400}},
    {"two hosts", {"GET /echo HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"}, {400}},
    {"no host in HTTP/1.0", {"GET /echo HTTP/1.0\r\n\r\n"}, {200}},
    {"long target",
     {"GET /items/" + std::string(10000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"},
     {414}},
    {"long header", {get_request("/echo", "X-L: " + std::string(60000, 'a') + "\r\n")}, {431}},
    {"error, then a request",
     {"GET /echo HTTP/3.0\r\n\r\n" + get_request("/echo?SMUGGLED=1")},
     {505}},
  });
  std::string many;
  for (int i = 0; i < 5000; ++i)
    many += "X" + std::to_string(i) + ": 1\r\n";
  check({{"5,000 headers", {get_request("/echo", many)}, {431}}});
  const auto hundred_lines = many.substr(0, many.find("X99:"));
  check({{"100 headers with Host", {get_request("/echo", hundred_lines)}, {200}}});
  check({{"101 headers with Host", {get_request("/echo", hundred_lines + "Y: 1\r\n")}, {431}}});
}

TEST_F(protocol, passes_odd_header_values_on_unharmed) {
  const std::vector<std::pair<std::string, std::string>> harmless = {
    {"Accept", "*/*"},
    {"Accept",
     "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/"
     "*;q=0.8,application/signed-exchange;v=b3;q=0.7"},
    {"Accept",
     "application/openmetrics-text;version=1.0.0,application/"
     "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"},
    {"Accept", "application/vnd.github+json"},
    {"Accept", "text/event-stream"},
    {"Accept", "application/json, text/plain, */*"},
    {"Accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"},
    {"Accept", ""},
    {"Accept", "x"},
    {"Accept", "application/json,"},
    {"Accept", "application/x-protobuf;q=1, */*"},
    {"Accept", "image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"},
    {"Accept", "application/json;q=0.9;charset=utf-8"},
    {"Content-Type", "application/json"},
    {"Content-Type", "application/json; charset=utf-8"},
    {"Content-Type", "application/json;charset=UTF-8"},
    {"Content-Type", "multipart/form-data; boundary=----WebKitFormBoundary7MA4"},
    {"Content-Type", "json"},
    {"Content-Type", ""},
    {"Content-Type", "application/cloudevents+json; charset=utf-8"},
    {"Content-Type", "text/plain;charset=\"utf-8\""},
    {"Content-Type", "application/vnd.api+json"},
    {"Content-Type", "application/x-protobuf"},
    {"Content-Type", "application/json;"},
    {"Cache-Control", "no-cache"},
    {"Cache-Control", "max-age=0"},
    {"Cache-Control", "max-age=0, must-revalidate"},
    {"Cache-Control", "foo"},
    {"Cache-Control", "max-age=60, stale-while-revalidate=30"},
    {"Cache-Control", "No-Cache"},
    {"Cache-Control", ""},
    {"Cache-Control", "immutable"},
    {"Connection", "keep-alive"},
    {"Connection", "Upgrade"},
    {"Connection", "keep-alive, Upgrade"},
    {"Connection", "TE, close"},
    {"Connection", ""},
    {"Cookie", "foo"},
    {"Cookie", "a=1;"},
    {"Cookie", "a=1; foo"},
    {"Cookie", ""},
    {"Cookie", "=v"},
    {"Cookie", "a=1;b=2"},
    {"Set-Cookie", "a=1; Max-Age=x"},
    {"Set-Cookie", "foo"},
    {"Date", "Sun, 06 Nov 1994 08:49:37 GMT"},
    {"Date", "garbage"},
    {"Date", ""},
    {"Authorization", "Bearer x"},
    {"Authorization", "Basic %%%"},
    {"Content-Encoding", "gzip"},
    {"Content-Encoding", "br"},
    {"User-Agent", ""},
    {"User-Agent", "\xff\xff"},
    {"Expect", "100-continue"},
    {"Upgrade-Insecure-Requests", "1"},
    {"Access-Control-Allow-Origin", "*"},
    {"Allow", "GET"},
    {"Location", "/x"},
    {"Server", "x"},
  };
  for (const auto& [name, value] : harmless) {
    const auto answer = get("/echo", name + ": " + value + "\r\n");
    EXPECT_EQ(answer.status, 200) << name << ": " << value;
    auto line = "h " + name + "=" + value + "\n";
    std::transform(line.begin(),
                   line.begin() + 2 + static_cast<long>(name.size()),
                   line.begin(),
                   [](char c) { return static_cast<char>(std::tolower(c)); });
    EXPECT_THAT(answer.body, HasSubstr(line));
  }
  EXPECT_EQ(get("/echo", "Expect: foo\r\n").status, 417);
  EXPECT_EQ(stats().exceptions, 0U);
}

TEST_F(protocol, hands_requests_over_decoded) {
  const auto answer =
    say("POST /items/a%2Fb%20c?q=x+y&q=%C3%A9&r HTTP/1.1\r\nHost: h\r\nX-Odd:  a b  \r\n"
        "X-Request-Id: me-1\r\nContent-Length: 4\r\n\r\n\x01\xff{}");
  EXPECT_EQ(
    answer.body,
    "POST /items/a/b c /items/:id\np id=a/b c\nq q=x y\nq q=\u00e9\nq r=\nh host=h\nh x-odd=a b\n"
    "h x-request-id=me-1\nh content-length=4\npeer 127.0.0.1\nid me-1\nbody \x01\xff{}");
  EXPECT_THAT(get("/items/1/parts/%C3%A9").body, HasSubstr("p id=1\np part=\u00e9\n"));
  EXPECT_THAT(get("/").body, HasSubstr("GET / /\n"));
  EXPECT_THAT(get("/echo/").body, HasSubstr("GET /echo/ /echo\n"));
}

TEST_F(protocol, refuses_bad_escapes_and_keeps_the_connection) {
  auto client = connect();
  for (const auto* target :
       {"/items/%00", "/items/%zz", "/items/%ff", "/items/%", "/echo?c=%ff", "/echo?%0=1"}) {
    client.get(target);
    const auto answer = client.read();
    ASSERT_TRUE(answer) << target;
    EXPECT_EQ(answer->status, 400) << target;
    EXPECT_THAT(answer->body, HasSubstr(R"("code":"bad_escape"})"));
  }
  client.get("/sync");
  EXPECT_EQ(client.read()->body, "hello");
}

TEST_F(protocol, answers_404_405_and_options_on_a_connection_that_stays) {
  auto client = connect();
  client.get("/nothing/here");
  auto answer = client.read().value();
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.body, R"({"error":"There is nothing at this path.","code":"not_found"})");
  EXPECT_EQ(answer.header("content-type"), "application/json");

  client.send("DELETE /sync HTTP/1.1\r\nHost: x\r\n\r\n");
  answer = client.read().value();
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.header("allow"), "GET, HEAD, OPTIONS");
  EXPECT_THAT(answer.body, HasSubstr(R"("code":"method_not_allowed"})"));

  client.send("POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(client.read()->status, 404);

  client.send("OPTIONS /items/7 HTTP/1.1\r\nHost: x\r\n\r\n");
  answer = client.read().value();
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("allow"), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  EXPECT_FALSE(answer.has("content-length"));
  EXPECT_FALSE(answer.has("access-control-allow-methods"));

  client.send("OPTIONS /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read()->status, 404);
  client.get("/../../etc/passwd");
  EXPECT_EQ(client.read()->status, 404);
  client.get("/sync");
  EXPECT_EQ(client.read()->body, "hello");
  EXPECT_EQ(stats().accepted, 1U);
}

TEST_F(protocol, answers_head_for_every_get_route) {
  auto client = connect();
  client.send("HEAD /sync HTTP/1.1\r\nHost: x\r\n\r\n");
  auto answer = client.read(5s, true).value();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-length"), "5");
  client.send("HEAD /probe HTTP/1.1\r\nHost: x\r\n\r\n");
  answer = client.read(5s, true).value();
  EXPECT_EQ(answer.header("x-asked"), "HEAD");
  client.send("HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read(5s, true)->status, 404);
  client.send("HEAD /sse HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read(5s, true)->header("content-type"), "text/event-stream");
  client.get("/sync");
  EXPECT_EQ(client.read()->body, "hello");
}

TEST_F(protocol, sends_the_edges_headers_with_every_answer) {
  const std::vector<std::string> all = {get_request("/sync"),
                                        get_request("/nothing"),
                                        get_request("/throw"),
                                        get_request("/drop"),
                                        get_request("/export?rows=1"),
                                        "OPTIONS /sync HTTP/1.1\r\nHost: x\r\n\r\n",
                                        "GET /sync HTTP/1.1\r\n\r\n",
                                        "TRACE / HTTP/1.1\r\n\r\n",
                                        post("Content-Length: 99999999\r\n")};
  for (const auto& bytes : all) {
    const auto answer = say(bytes);
    EXPECT_THAT(answer.header("date"), HasSubstr(" GMT")) << bytes;
    EXPECT_EQ(answer.header("x-content-type-options"), "nosniff") << bytes;
    EXPECT_EQ(answer.header("x-request-id").size(), 32U) << bytes;
    EXPECT_EQ(std::count_if(answer.headers.begin(),
                            answer.headers.end(),
                            [](const auto& each) { return each.first == "x-request-id"; }),
              1);
    if (answer.status >= 400) {
      EXPECT_THAT(answer.body, testing::MatchesRegex(R"(\{"error":"[^"]+","code":"[a-z_]+"\})"));
      EXPECT_EQ(answer.header("content-type"), "application/json");
    }
  }
}

TEST_F(protocol, returns_the_callers_request_id_if_it_is_sane) {
  EXPECT_EQ(get("/sync", "X-Request-Id: Abc-1.2_3\r\n").header("x-request-id"), "Abc-1.2_3");
  EXPECT_EQ(get("/sync", "X-Request-Id: a b\r\n").header("x-request-id").size(), 32U);
  EXPECT_EQ(get("/sync", "X-Request-Id: \r\n").header("x-request-id").size(), 32U);
  EXPECT_EQ(
    get("/sync", "X-Request-Id: " + std::string(129, 'a') + "\r\n").header("x-request-id").size(),
    32U);
  const auto refused = say("GET / HTTP/1.1\r\nX-Request-Id: mine\r\nHost: a b\r\n\r\n");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.header("x-request-id"), "mine");
}

TEST_F(protocol, asks_for_a_body_the_client_holds_back) {
  auto client = connect();
  client.send(post("Content-Length: 5\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(client.read()->status, 100);
  client.send("hello");
  EXPECT_THAT(client.read()->body, HasSubstr("body hello"));
  client.send(post("Content-Length: 5\r\nExpect: 100-Continue\r\n", "hello"));
  EXPECT_EQ(client.read()->status, 200);
  client.send(post("Content-Length: 5000000\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(client.read()->status, 413);
  EXPECT_TRUE(client.ended());
}

TEST_F(protocol, speaks_http_1_0) {
  auto client = connect();
  client.send("GET /sync HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(client.read()->body, "hello");
  client.send("GET /export?rows=3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto answer = client.read().value();
  EXPECT_FALSE(answer.has("transfer-encoding"));
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(answer.body.ends_with("2,some,csv,row,with,text,abcdefghijklmnopqrstuvwxyz\n"));
  EXPECT_TRUE(client.ended());
}

TEST_F(protocol, never_lets_a_reply_split_the_response) {
  for (const auto* query : {"value=a%0d%0aX-B:%20c",
                            "value=a%0ab",
                            "value=a%0db",
                            "name=X%20A",
                            "name=X-A%0d%0aX-B",
                            "name=Content-Length&value=1",
                            "name=Transfer-Encoding&value=chunked",
                            "type=a%0d%0aX-B:%20c",
                            "status=99",
                            "status=100",
                            "status=1000",
                            "stream=1&value=a%0d%0ab"}) {
    const auto before = stats().exceptions;
    const auto answer = get(std::string("/evil?") + query);
    EXPECT_EQ(answer.status, 500) << query;
    EXPECT_FALSE(answer.has("x-b")) << query;
    EXPECT_THAT(answer.body, Not(HasSubstr("evil"))) << query;
    EXPECT_EQ(stats().exceptions, before + 1) << query;
  }
  EXPECT_EQ(get("/evil?value=fine").header("x-a"), "fine");
}

TEST_F(protocol, observes_every_answer_once) {
  const std::vector<std::pair<std::string, int>> all = {
    {get_request("/sync", "X-Request-Id: one\r\n"), 200},
    {get_request("/nothing"), 404},
    {"HEAD /items/3 HTTP/1.1\r\nHost: x\r\n\r\n", 200},
    {get_request("/throw"), 500},
    {post("Content-Length: 3\r\n", "abc"), 200},
    {"FOO / HTTP/1.1\r\n\r\n", 501},
  };
  std::size_t observed = 0;
  for (const auto& [bytes, status] : all) {
    ++observed;
    auto client = connect();
    client.send(bytes);
    EXPECT_EQ(client.read(5s, bytes.starts_with("HEAD"))->status, status);
    ASSERT_TRUE(eventually([&] { return seen().size() == observed; }));
  }
  EXPECT_FALSE(eventually([&] { return seen().size() > all.size(); }, 50ms));
  const auto exchanges = seen();
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(exchanges[i].status, all[i].second);
  EXPECT_EQ(exchanges[0].method, "GET");
  EXPECT_EQ(exchanges[0].route, "/sync");
  EXPECT_EQ(exchanges[0].request_id, "one");
  EXPECT_EQ(exchanges[0].peer, "127.0.0.1");
  EXPECT_EQ(exchanges[0].response_bytes, 5U);
  EXPECT_EQ(exchanges[1].route, "");
  EXPECT_EQ(exchanges[2].method, "HEAD");
  EXPECT_EQ(exchanges[2].route, "/items/:id");
  EXPECT_EQ(exchanges[2].response_bytes, 0U);
  EXPECT_EQ(exchanges[4].request_bytes, 3U);
  EXPECT_EQ(exchanges[5].route, "");
}

class cross_origin : public edge_server {
protected:
  cross_origin() {
    options_.cors_origins = {"http://localhost:3001", "https://hub.example"};
    start();
  }
};

TEST_F(cross_origin, lets_known_origins_read_every_answer) {
  for (const auto* path : {"/sync", "/nothing", "/throw", "/export?rows=1"}) {
    const auto answer = get(path, "Origin: https://hub.example\r\n");
    EXPECT_EQ(answer.header("access-control-allow-origin"), "https://hub.example") << path;
    EXPECT_EQ(answer.header("access-control-allow-credentials"), "true");
    EXPECT_EQ(answer.header("access-control-expose-headers"),
              "X-Total-Count, X-Next-Cursor, Link, ETag, Location, Retry-After, Idempotent-Replay, "
              "X-Request-Id");
    EXPECT_EQ(answer.header("vary"), "Origin");
  }
}

TEST_F(cross_origin, tells_unknown_origins_nothing) {
  for (const auto* origin :
       {"http://evil.example", "https://hub.example.evil", "null", "HTTPS://HUB.EXAMPLE", ""}) {
    const auto answer = get("/sync", std::string("Origin: ") + origin + "\r\n");
    EXPECT_EQ(answer.status, 200);
    EXPECT_THAT(answer.head, Not(HasSubstr("Access-Control"))) << origin;
    EXPECT_EQ(answer.header("vary"), "Origin") << "a cache must not keep this for a known one";
  }
  EXPECT_EQ(get("/sync").header("vary"), "Origin");
  const auto preflight = say("OPTIONS /sync HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\n"
                             "Access-Control-Request-Method: GET\r\n\r\n");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_THAT(preflight.head, Not(HasSubstr("Access-Control")));
}

TEST_F(cross_origin, answers_preflights) {
  const auto answer =
    say("OPTIONS /items/3 HTTP/1.1\r\nHost: x\r\nOrigin: http://localhost:3001\r\n"
        "Access-Control-Request-Method: PATCH\r\n"
        "Access-Control-Request-Headers: if-match\r\n\r\n");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("access-control-allow-origin"), "http://localhost:3001");
  EXPECT_EQ(answer.header("access-control-allow-methods"),
            "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  EXPECT_EQ(answer.header("access-control-allow-headers"),
            "Content-Type, If-Match, Idempotency-Key, Authorization, X-CSRF-Token, X-Request-Id, "
            "Last-Event-ID");
  EXPECT_EQ(answer.header("access-control-max-age"), "600");
}

} // namespace
} // namespace hub::tests
