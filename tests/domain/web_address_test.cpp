#include "domain/web_address.hpp"

#include <gtest/gtest.h>

namespace hub::domain {
namespace {

TEST(web_address, is_read_as_far_as_its_server) {
  const auto found = parse_web_address("https://Id.Example:8443/realms/a?b=c");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->scheme, "https");
  EXPECT_EQ(found->host, "id.example");
  EXPECT_EQ(found->port, "8443");
  EXPECT_EQ(parse_web_address("http://[::1]:80/")->host, "[::1]");
  EXPECT_EQ(parse_web_address("http://[::1]:80/")->port, "80");
  EXPECT_EQ(parse_web_address("https://a?b")->host, "a");
}

TEST(web_address, that_two_programs_could_read_differently_is_none) {
  for (const auto* odd : {"",
                          "https://",
                          "https:///path",
                          "ftp://a",
                          "HTTPS//a",
                          "javascript:alert(1)",
                          "https://user@host/",
                          "https://a\\@b/",
                          "https://a b/",
                          "https://a/\n",
                          "https://a/#fragment",
                          "https://a:0/",
                          "https://a:70000/",
                          "https://a:/",
                          "https://a:80x/",
                          "https://[::1/",
                          "https://[::g]/",
                          "https://h\xC3\xB6st/"})
    EXPECT_FALSE(parse_web_address(odd)) << odd;
}

TEST(web_address, keeps_secrets_by_tls_or_on_this_machine) {
  for (const auto* safe : {"https://a",
                           "http://localhost:3",
                           "http://127.0.0.1",
                           "http://127.9.9.9:1",
                           "http://[::1]"})
    EXPECT_TRUE(keeps_secrets(*parse_web_address(safe))) << safe;
  for (const auto* open : {"http://a",
                           "http://127.0.0.1.example",
                           "http://127.1",
                           "http://127.0.0.1.",
                           "http://127.0.0.256",
                           "http://127.0.0.0.1",
                           "http://localhost.example",
                           "http://10.0.0.1"})
    EXPECT_FALSE(keeps_secrets(*parse_web_address(open))) << open;
}

TEST(web_address, of_one_server_has_its_scheme_host_and_port) {
  const auto same = [](const char* left, const char* right) {
    return same_server(*parse_web_address(left), *parse_web_address(right));
  };
  EXPECT_TRUE(same("https://a/x", "https://A:443/y"));
  EXPECT_TRUE(same("http://a", "http://a:80"));
  EXPECT_FALSE(same("https://a", "http://a"));
  EXPECT_FALSE(same("https://a", "https://a:8443"));
  EXPECT_FALSE(same("https://a", "https://a.b"));
}

TEST(local_path, never_leads_elsewhere) {
  for (const auto* local : {"/", "/api/tickets?status=open", "/a//b", "/%2F%2Fevil.example"})
    EXPECT_TRUE(is_local_path(local)) << local;
  for (const auto* odd : {"",
                          "//evil.example",
                          "/\\evil.example",
                          "\\/evil.example",
                          "https://evil.example",
                          "evil",
                          "/\t/evil.example",
                          "/a\r\nSet-Cookie: x",
                          "/a b",
                          " /a"})
    EXPECT_FALSE(is_local_path(odd)) << odd;
  EXPECT_FALSE(is_local_path("/" + std::string(600, 'a')));
}

} // namespace
} // namespace hub::domain
