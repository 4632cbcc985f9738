#include "http/client/public_address.hpp"
#include "tests/http/client/engine_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

namespace hub::http::client {

namespace {

bool public_text(const char* text) {
  sockaddr_storage storage{};
  if (std::strchr(text, ':') == nullptr) {
    auto* in = reinterpret_cast<sockaddr_in*>(&storage);
    in->sin_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, text, &in->sin_addr), 1) << text;
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(&storage);
    in->sin6_family = AF_INET6;
    EXPECT_EQ(::inet_pton(AF_INET6, text, &in->sin6_addr), 1) << text;
  }
  return is_public(reinterpret_cast<const sockaddr&>(storage));
}

TEST(public_address, is_one_on_the_internet) {
  for (const auto* text : {"1.1.1.1",
                           "8.8.8.8",
                           "9.255.255.255",
                           "11.0.0.0",
                           "100.63.255.255",
                           "100.128.0.0",
                           "126.255.255.255",
                           "128.0.0.1",
                           "168.63.129.15",
                           "169.253.255.255",
                           "172.15.255.255",
                           "172.32.0.0",
                           "192.0.1.0",
                           "192.167.255.255",
                           "192.169.0.0",
                           "198.17.255.255",
                           "198.20.0.0",
                           "223.255.255.255",
                           "2606:4700:4700::1111",
                           "2a00:1450:4001::1",
                           "2001:4860:4860::8888",
                           "::ffff:8.8.8.8",
                           "64:ff9b::8.8.8.8"})
    EXPECT_TRUE(public_text(text)) << text;
}

TEST(public_address, is_none_that_leads_inside) {
  for (const auto* text : {"0.0.0.0",
                           "0.1.2.3",
                           "10.0.0.1",
                           "10.255.255.255",
                           "100.64.0.1",
                           "100.100.100.200",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.255.254",
                           "168.63.129.16",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.0.192",
                           "192.0.2.1",
                           "192.88.99.1",
                           "192.168.1.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.7",
                           "203.0.113.7",
                           "224.0.0.1",
                           "239.255.255.255",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::7f00:1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.0.0.1",
                           "::ffff:169.254.169.254",
                           "::ffff:0:127.0.0.1",
                           "64:ff9b::127.0.0.1",
                           "64:ff9b::169.254.169.254",
                           "64:ff9b:1::1",
                           "100::1",
                           "2001::1",
                           "2001:db8::1",
                           "2002:7f00:1::",
                           "3fff::1",
                           "5f00::1",
                           "fc00::1",
                           "fd00:ec2::254",
                           "fe80::1",
                           "fec0::1",
                           "ff02::1"})
    EXPECT_FALSE(public_text(text)) << text;
  const sockaddr_un local{AF_UNIX, "/tmp/socket"};
  EXPECT_FALSE(is_public(reinterpret_cast<const sockaddr&>(local)));
}

class user_url : public engine_fixture {
protected:
  answer ask_user_url(const std::string& url) {
    auto what = to(url);
    what.user_url = true;
    return ask(what);
  }
};

TEST_F(user_url, may_not_lead_inside) {
  loopback_server server{echo};
  const auto port = ":" + std::to_string(server.port()) + "/";
  for (const std::string host : {"127.0.0.1",
                                 "127.1",
                                 "2130706433",
                                 "0x7f000001",
                                 "0177.0.0.1",
                                 "0.0.0.0",
                                 "localhost",
                                 "[::1]",
                                 "[::ffff:127.0.0.1]",
                                 "[64:ff9b::7f00:1]",
                                 "169.254.169.254"})
    EXPECT_EQ(code_of(ask_user_url("http://" + host + port)), errc::forbidden) << host;
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(user_url, may_not_lead_inside_by_its_name) {
  loopback_server server{echo};
  const auto port = std::to_string(server.port());
  how.resolve = {"hooks.example:" + port + ":127.0.0.1",
                 "six.example:" + port + ":[::1]",
                 "both.example:" + port + ":10.0.0.1,169.254.169.254"};
  for (const std::string host : {"hooks.example", "six.example", "both.example"})
    EXPECT_EQ(code_of(ask_user_url("http://" + host + ":" + port + "/")), errc::forbidden) << host;
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(user_url, borrows_no_connection_that_others_opened) {
  loopback_server server{echo};
  ASSERT_TRUE(ask(to(server.url())));
  EXPECT_EQ(code_of(ask_user_url(server.url())), errc::forbidden);
}

TEST_F(user_url, reports_what_it_may_call_but_cannot_reach_as_unavailable) {
  EXPECT_EQ(code_of(ask_user_url("http://nobody.invalid/")), errc::unavailable);
}

} // namespace

} // namespace hub::http::client
