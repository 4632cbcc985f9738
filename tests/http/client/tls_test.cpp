#include "tests/http/client/tls_fixture.hpp"

#include <atomic>
#include <stdexcept>

namespace hub::http::client {

namespace {

using namespace std::chrono_literals;

class tls : public tls_fixture {
protected:
  [[nodiscard]] std::unique_ptr<loopback_server> serve(const std::string& certificate) {
    return std::make_unique<loopback_server>(
      [this](server_connection& client) {
        for (auto request = client.read_request(); !request.empty();
             request = client.read_request()) {
          ++requests;
          client.answer("secret");
        }
      },
      file(certificate + ".pem"),
      file(certificate + ".key"));
  }

  std::atomic<int> requests{0};
};

TEST_F(tls, refuses_a_certificate_nobody_vouches_for) {
  const auto server = serve("good");
  EXPECT_EQ(code_of(ask(to(server->url("/", "https")))), errc::unavailable);
  EXPECT_EQ(requests, 0);
}

TEST_F(tls, accepts_a_certificate_of_an_authority_it_was_given) {
  how.extra_ca_file = file("ca.pem");
  const auto server = serve("good");
  for (int i = 0; i < 3; ++i) {
    const auto got = ask(to(server->url("/", "https")));
    ASSERT_TRUE(got) << got.why().message;
    EXPECT_EQ(got->body, "secret");
  }
  EXPECT_EQ(server->connections(), 1);
}

TEST_F(tls, refuses_a_certificate_for_another_name) {
  how.extra_ca_file = file("ca.pem");
  const auto server = serve("other");
  EXPECT_EQ(code_of(ask(to(server->url("/", "https")))), errc::unavailable);
  EXPECT_EQ(requests, 0);
}

TEST_F(tls, reports_a_server_that_speaks_no_tls_as_unavailable) {
  loopback_server plain{[](server_connection& client) {
    client.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    client.await_end();
  }};
  EXPECT_EQ(code_of(ask(to(plain.url("/", "https")))), errc::unavailable);
}

TEST_F(tls, gives_up_on_a_handshake_that_takes_too_long) {
  loopback_server silent{[](server_connection& client) { client.await_end(); }};
  auto what = to(silent.url("/", "https"));
  what.connect_within = 100ms;
  EXPECT_EQ(code_of(ask(what)), errc::unavailable);
}

TEST_F(tls, says_which_certificates_cannot_be_read) {
  how.extra_ca_file = file("missing.pem");
  EXPECT_THROW(sender(), std::runtime_error);
}

} // namespace

} // namespace hub::http::client
