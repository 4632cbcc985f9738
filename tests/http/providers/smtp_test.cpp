#include "http/providers/smtp.hpp"

#include "tests/http/providers/played.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hub::http::providers::smtp {

namespace {

using domain::errc;

class mail_letter : public testing::Test {
protected:
  static letter simple() {
    letter what;
    what.from = "support@hub.example";
    what.to = "ana@example.org";
    what.subject = "Your report";
    what.text = "It is fixed.\n";
    what.delivery_id = "0190-d1";
    return what;
  }

  static std::string message_of(const letter& what) {
    const auto made = compose({"smtps://mail.example", "", "", true}, what, present);
    EXPECT_TRUE(made) << made.why().message;
    return made ? made->message : std::string{};
  }

  static std::string header(const std::string& message, const std::string& name) {
    const auto head = "\r\n" + message.substr(0, message.find("\r\n\r\n")) + "\r\n";
    auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos)
      return {};
    at += name.size() + 4;
    auto end = head.find("\r\n", at);
    while (end + 2 < head.size() && head[end + 2] == ' ')
      end = head.find("\r\n", end + 2);
    return head.substr(at, end - at);
  }

  static std::string body(const std::string& message) {
    return message.substr(message.find("\r\n\r\n") + 4);
  }
};

TEST_F(mail_letter, is_written_as_mail_servers_expect) {
  auto what = simple();
  what.from_name = "Feedback Hub";
  what.to_name = "Ana";
  what.in_reply_to = "<r1@example.org>";
  what.references = {"<r0@example.org>", "<r1@example.org>"};
  const auto made = compose({"smtp://mail.example:587", "hub", "secret", true}, what, present);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->url, "smtp://mail.example:587");
  EXPECT_EQ(made->user, "hub");
  EXPECT_EQ(made->password, "secret");
  EXPECT_EQ(made->from, "support@hub.example");
  EXPECT_EQ(made->recipients, std::vector<std::string>{"ana@example.org"});
  EXPECT_EQ(made->message,
            "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
            "From: Feedback Hub <support@hub.example>\r\n"
            "To: Ana <ana@example.org>\r\n"
            "Message-ID: <0190-d1@hub.example>\r\n"
            "In-Reply-To: <r1@example.org>\r\n"
            "References: <r0@example.org>\r\n <r1@example.org>\r\n"
            "Subject: Your report\r\n"
            "Auto-Submitted: auto-generated\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n"
            "\r\n"
            "It is fixed.\r\n");
}

TEST_F(mail_letter, has_the_same_id_however_often_it_is_sent) {
  auto what = simple();
  const auto first = header(message_of(what), "Message-ID");
  what.text = "edited";
  EXPECT_EQ(header(message_of(what), "Message-ID"), first);
  EXPECT_EQ(first, message_id_of(what.delivery_id, what.from));
  EXPECT_EQ(message_id_of("a b>\r\nX: y", "s@d"), "<a_b___X__y@d>");
}

TEST_F(mail_letter, encodes_what_is_not_plain) {
  auto what = simple();
  what.subject = "Contrase\xC3\xB1"
                 "a =?x?= arreglada";
  what.to_name = "Ana \"A\" <x@y>";
  const auto message = message_of(what);
  EXPECT_EQ(header(message, "Subject"), "=?UTF-8?Q?Contrase=C3=B1a_=3D=3Fx=3F=3D_arreglada?=");
  EXPECT_EQ(header(message, "To"), "=?UTF-8?Q?Ana_=22A=22_=3Cx=40y=3E?=\r\n <ana@example.org>");
}

TEST_F(mail_letter, folds_long_headers_between_characters) {
  auto what = simple();
  what.subject.clear();
  for (int i = 0; i < 100; ++i)
    what.subject += "\xF0\x9F\x98\x80";
  const auto subject = header(message_of(what), "Subject");
  for (std::size_t at = 0; at < subject.size();) {
    const auto end = std::min(subject.find("\r\n", at), subject.size());
    EXPECT_LE(end - at, 76U);
    at = end + 2;
  }
  std::size_t words = 0;
  for (auto at = subject.find("=?UTF-8?Q?"); at != std::string::npos;
       at = subject.find("=?UTF-8?Q?", at + 1)) {
    ++words;
    EXPECT_EQ((subject.find("?=", at + 10) - at - 10) % 12, 0U) << "cut within a character";
  }
  EXPECT_EQ(words, 20U);
}

TEST_F(mail_letter, cannot_be_made_to_carry_more_headers_or_recipients) {
  for (const std::string evil : {"a\r\nBcc: x@y.z", "a\nBcc: x@y.z", "a\rBcc: x@y.z"}) {
    auto what = simple();
    what.subject = evil;
    what.from_name = evil;
    what.to_name = evil;
    what.in_reply_to = "<" + evil + ">";
    what.references = {"<" + evil + ">", "no-brackets", "<a><b>"};
    what.delivery_id = evil;
    const auto message = message_of(what);
    EXPECT_TRUE(header(message, "Bcc").empty()) << message;
    EXPECT_TRUE(header(message, "In-Reply-To").empty());
    EXPECT_TRUE(header(message, "References").empty());
  }
  for (const std::string address : {"",
                                    "ana",
                                    "@example.org",
                                    "ana@",
                                    "ana@example.org\r\nBcc: x@y.z",
                                    "ana@example.org, x@y.z",
                                    "Ana <ana@example.org>",
                                    "a na@example.org",
                                    "\"a\"@example.org",
                                    "ana@[127.0.0.1]",
                                    "a@b@c"}) {
    auto what = simple();
    what.to = address;
    const auto to = compose({}, what, present);
    ASSERT_FALSE(to) << address;
    EXPECT_EQ(to.why().code, errc::invalid_input);
    what = simple();
    what.from = address;
    EXPECT_FALSE(compose({}, what, present)) << address;
  }
}

TEST_F(mail_letter, has_a_body_of_short_plain_lines_whatever_the_text_is) {
  auto what = simple();
  what.text = "caf\xC3\xA9 = 1\r\n.\r\n.dot\nFrom here\ntrailing \ntab\t\rbare\n\n"
              + std::string(300, 'x') + std::string("\0end", 4);
  const auto written = body(message_of(what));
  EXPECT_TRUE(written.starts_with("caf=C3=A9 =3D 1\r\n=2E\r\n=2Edot\r\n=46rom here\r\n"
                                  "trailing=20\r\ntab=09\r\nbare\r\n\r\nxxx"))
    << written;
  for (std::size_t at = 0; at < written.size();) {
    const auto end = written.find("\r\n", at);
    ASSERT_NE(end, std::string::npos);
    EXPECT_LE(end - at, 76U);
    EXPECT_NE(written[at], '.');
    at = end + 2;
  }
  for (const char c : written)
    EXPECT_TRUE((c >= 0x20 && c < 0x7F) || c == '\r' || c == '\n');
}

TEST_F(mail_letter, needs_a_delivery_and_a_text) {
  auto what = simple();
  what.delivery_id.clear();
  EXPECT_FALSE(compose({}, what, present));
  what = simple();
  what.text.clear();
  EXPECT_FALSE(compose({}, what, present));
}

} // namespace

} // namespace hub::http::providers::smtp
