#include "tests/http/sandbox/sandbox_fixture.hpp"

#include <gmock/gmock.h>

namespace hub::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr auto message = "From: Hub <hub@example.com>\r\nTo: ana@example.com\r\n"
                         "Subject: =?UTF-8?Q?Est=C3=A1_resuelto?=\r\n"
                         "Date: Sun, 01 Mar 2026 09:30:15 +0000\r\n"
                         "Message-ID: <delivery-1@example.com>\r\n\r\nIt is fixed.\r\n..\r\n.\r\n";

class sandbox_mail_server : public sandbox_server {
protected:
  /// The reply to what is sent; a reply ends with a line whose fourth character is a space.
  static std::string say(http_client& client, const std::string& bytes) {
    if (!bytes.empty())
      client.send(bytes);
    std::string reply;
    const auto complete = [&] {
      if (!reply.ends_with("\r\n"))
        return false;
      const auto line = reply.rfind("\r\n", reply.size() - 3);
      return reply[(line == std::string::npos ? 0 : line + 2) + 3] == ' ';
    };
    while (!complete()) {
      const auto more = client.read_some(5s);
      if (more.empty())
        break;
      reply += more;
    }
    return reply;
  }
  static void greet(http_client& client) {
    EXPECT_THAT(say(client, ""), StartsWith("220"));
    EXPECT_THAT(say(client, "EHLO hub.example.com\r\n"), HasSubstr("250-SIZE"));
  }
  static void address(http_client& client) {
    EXPECT_THAT(say(client, "MAIL FROM:<hub@example.com>\r\n"), StartsWith("250"));
    EXPECT_THAT(say(client, "RCPT TO:<ana@example.com>\r\n"), StartsWith("250"));
    EXPECT_THAT(say(client, "DATA\r\n"), StartsWith("354"));
  }
};

TEST_F(sandbox_mail_server, keeps_what_it_is_sent) {
  start();
  http_client client{ports_.smtp};
  greet(client);
  address(client);
  EXPECT_THAT(say(client, message), StartsWith("250"));
  EXPECT_THAT(say(client, "QUIT\r\n"), StartsWith("221"));
  EXPECT_TRUE(client.ended());
  const auto mails = state()["messages"];
  ASSERT_EQ(mails.size(), 1U);
  EXPECT_EQ(mails[0]["provider"], "smtp");
  EXPECT_EQ(mails[0]["recipient"], "ana@example.com");
  EXPECT_EQ(mails[0]["id"], "<delivery-1@example.com>");
  EXPECT_EQ(mails[0]["details"]["subject"], "Está resuelto");
  EXPECT_EQ(mails[0]["text"], "It is fixed.\r\n.\r\n");
}

TEST_F(sandbox_mail_server, takes_commands_that_come_together) {
  start();
  http_client client{ports_.smtp};
  greet(client);
  client.send("MAIL FROM:<a@example.com>\r\nRCPT TO:<reject@example.com>\r\nRSET\r\nQUIT\r\n");
  const auto all = client.read_all();
  EXPECT_THAT(all, HasSubstr("550 5.1.1"));
  EXPECT_THAT(all, HasSubstr("221"));
}

TEST_F(sandbox_mail_server, drops_the_answer_after_keeping_the_mail) {
  start();
  set({{"provider", "smtp"}, {"kind", "drop_after_work"}, {"times", 1}});
  http_client client{ports_.smtp};
  greet(client);
  address(client);
  client.send(message);
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(state()["messages"].size(), 1U);
}

TEST_F(sandbox_mail_server, refuses_and_doubles_as_it_is_told) {
  start();
  http_client client{ports_.smtp};
  greet(client);
  const auto deliver = [&](const json& fault) {
    set(fault);
    address(client);
    return say(client, message);
  };
  EXPECT_THAT(deliver({{"provider", "smtp"}, {"kind", "status_500"}, {"times", 1}}),
              StartsWith("451"));
  EXPECT_THAT(deliver({{"provider", "smtp"}, {"kind", "rate_limit"}, {"times", 1}}),
              StartsWith("450"));
  EXPECT_THAT(deliver({{"provider", "smtp"}, {"kind", "error"}, {"code", 552}, {"times", 1}}),
              StartsWith("552"));
  EXPECT_TRUE(state()["messages"].empty());
  EXPECT_THAT(deliver({{"provider", "smtp"}, {"kind", "duplicate"}, {"times", 1}}),
              StartsWith("250"));
  EXPECT_EQ(state()["messages"].size(), 2U);
}

TEST_F(sandbox_mail_server, resets_and_goes_out) {
  start();
  set({{"provider", "smtp"}, {"kind", "reset"}, {"times", 1}});
  http_client client{ports_.smtp};
  greet(client);
  address(client);
  client.send(message);
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(state()["messages"].empty());
  set({{"provider", "smtp"}, {"kind", "outage"}});
  http_client refused{ports_.smtp};
  EXPECT_THAT(say(refused, ""), StartsWith("421"));
  EXPECT_TRUE(refused.ended());
}

TEST_F(sandbox_mail_server, cuts_off_lines_without_end) {
  start();
  http_client client{ports_.smtp};
  greet(client);
  client.send(std::string(64UL * 1024, 'x'));
  EXPECT_THAT(client.read_all(), testing::AnyOf(HasSubstr("421"), testing::IsEmpty()));
}

TEST_F(sandbox_mail_server, turns_clients_away_when_there_are_too_many) {
  start();
  std::vector<http_client> clients;
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back(ports_.smtp);
    EXPECT_THAT(say(clients.back(), ""), StartsWith("220"));
  }
  http_client late{ports_.smtp};
  EXPECT_THAT(say(late, ""), StartsWith("421"));
  clients.clear();
  EXPECT_TRUE(eventually([&] {
    http_client next{ports_.smtp};
    return say(next, "").starts_with("220");
  }));
}

} // namespace
} // namespace hub::tests
