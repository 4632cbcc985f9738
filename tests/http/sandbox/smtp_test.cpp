#include "http/sandbox/smtp_dialogue.hpp"
#include "tests/http/sandbox/requests.hpp"

#include <gmock/gmock.h>

namespace hub::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr auto headers =
  "From: Hub <hub@example.com>\r\nTo: ana@example.com\r\n"
  "Date: Sun, 01 Mar 2026 09:30:15 +0000\r\nMessage-ID: <d1@example.com>\r\n";

class sandbox_smtp : public testing::Test {
protected:
  std::string say(std::string_view line) { return dialogue_.line(line).say; }
  /// Up to DATA, which is accepted.
  void begin(const std::string& parameters = {}) {
    say("EHLO hub");
    say("MAIL FROM:<hub@example.com>" + parameters);
    say("RCPT TO:<ana@example.com>");
    EXPECT_THAT(say("DATA"), StartsWith("354"));
  }
  sandbox::smtp_step end(const std::string& message) {
    std::string_view rest = message;
    while (!rest.empty()) {
      const auto size = rest.find("\r\n");
      EXPECT_EQ(say(rest.substr(0, size)), "");
      rest.remove_prefix(size + 2);
    }
    return dialogue_.line(".");
  }

  sandbox::smtp_dialogue dialogue_;
};

TEST_F(sandbox_smtp, takes_a_message) {
  EXPECT_THAT(say("EHLO hub"), HasSubstr("8BITMIME"));
  EXPECT_THAT(say("MAIL FROM:<hub@example.com> BODY=8BITMIME SIZE=100"), StartsWith("250"));
  EXPECT_THAT(say("RCPT TO:<ana@example.com>"), StartsWith("250"));
  EXPECT_THAT(say("RCPT TO:<luis@example.org>"), StartsWith("250"));
  EXPECT_THAT(say("DATA"), StartsWith("354"));
  const auto done = end(std::string{headers} + "\r\nHello\r\n..dot\r\n");
  EXPECT_THAT(done.say, StartsWith("250"));
  ASSERT_TRUE(done.complete);
  EXPECT_EQ(done.complete->sender, "hub@example.com");
  EXPECT_EQ(done.complete->recipients,
            (std::vector<std::string>{"ana@example.com", "luis@example.org"}));
  EXPECT_THAT(done.complete->data, testing::EndsWith("\r\n\r\nHello\r\n.dot\r\n"));
  EXPECT_THAT(say("MAIL FROM:<>"), StartsWith("250")); // another one
  EXPECT_TRUE(dialogue_.line("QUIT").close);
}

TEST_F(sandbox_smtp, refuses_some_recipients) {
  say("EHLO hub");
  say("MAIL FROM:<hub@example.com>");
  EXPECT_THAT(say("RCPT TO:<reject@example.com>"), StartsWith("550"));
  EXPECT_THAT(say("RCPT TO:<later@example.com>"), StartsWith("451"));
  EXPECT_THAT(say("RCPT TO:<nonsense>"), StartsWith("501"));
  EXPECT_THAT(say("RCPT TO:<pelé@example.com>"), StartsWith("553"));
  EXPECT_THAT(say("DATA"), StartsWith("503"));
  for (int i = 0; i < 100; ++i)
    EXPECT_THAT(say("RCPT TO:<a" + std::to_string(i) + "@example.com>"), StartsWith("250"));
  EXPECT_THAT(say("RCPT TO:<b@example.com>"), StartsWith("452"));
}

TEST_F(sandbox_smtp, wants_commands_in_their_order) {
  EXPECT_THAT(say("MAIL FROM:<a@example.com>"), StartsWith("503"));
  EXPECT_THAT(say("NOOP"), StartsWith("250"));
  EXPECT_THAT(say("HELO hub"), StartsWith("250"));
  EXPECT_THAT(say("RCPT TO:<a@example.com>"), StartsWith("503"));
  EXPECT_THAT(say("DATA"), StartsWith("503"));
  EXPECT_THAT(say("MAIL FROM:<a@example.com>"), StartsWith("250"));
  EXPECT_THAT(say("MAIL FROM:<a@example.com>"), StartsWith("503"));
  EXPECT_THAT(say("RSET"), StartsWith("250"));
  EXPECT_THAT(say("MAIL TO:<a@example.com>"), StartsWith("501"));
  EXPECT_THAT(say("MAIL FROM:<a@example.com> SIZE=99999999999"), StartsWith("552"));
  EXPECT_THAT(say("MAIL FROM:<a@example.com> COLOUR=RED"), StartsWith("555"));
  EXPECT_THAT(say("SING"), StartsWith("500"));
}

TEST_F(sandbox_smtp, signs_in_whoever_is_not_revoked) {
  say("EHLO hub");
  EXPECT_THAT(say("AUTH PLAIN AGh1YgBzZWNyZXQ="), StartsWith("235")); // hub, secret
  EXPECT_THAT(say("AUTH LOGIN"), StartsWith("334"));
  EXPECT_THAT(say("aHVi"), StartsWith("334"));
  EXPECT_THAT(say("c2VjcmV0"), StartsWith("235"));
  EXPECT_THAT(say("AUTH PLAIN"), StartsWith("334"));
  EXPECT_THAT(say("AHJldm9rZWQAeA=="), StartsWith("535")); // revoked
  EXPECT_THAT(say("AUTH PLAIN eA=="), StartsWith("501"));
  EXPECT_THAT(say("AUTH CRAM-MD5"), StartsWith("504"));
  EXPECT_THAT(say("AUTH LOGIN"), StartsWith("334"));
  EXPECT_THAT(say("*"), StartsWith("501"));
}

TEST_F(sandbox_smtp, refuses_messages_that_are_not_mail) {
  const std::vector<std::pair<std::string, std::string>> cases{
    {"Subject: x\r\n\r\nno From\r\n", "exactly one from"},
    {std::string{headers} + "From: again@example.com\r\n\r\nx\r\n", "exactly one from"},
    {std::string{headers} + "\r\n" + std::string(999, 'x') + "\r\n", "998"},
    {std::string{headers} + "Subject: ñ\r\n\r\nx\r\n", "SMTPUTF8"},
    {std::string{headers} + "\r\nbare\nline\r\n", "bare CR or LF"},
  };
  for (const auto& [message, part] : cases) {
    begin();
    const auto done = end(message);
    EXPECT_THAT(done.say, HasSubstr(part));
    EXPECT_FALSE(done.complete);
  }
  begin(" SMTPUTF8");
  EXPECT_TRUE(end(std::string{headers} + "Subject: ñ\r\n\r\nx\r\n").complete);
}

TEST_F(sandbox_smtp, refuses_messages_that_are_too_large) {
  begin();
  const std::string line(900, 'x');
  for (std::size_t size = 0; size <= sandbox::smtp_dialogue::largest_message; size += 900)
    EXPECT_EQ(say(line), "");
  EXPECT_THAT(say("."), StartsWith("552"));
}

TEST(sandbox_mail, reads_as_people_do) {
  const auto read = sandbox::read_mail(
    "Subject: =?UTF-8?B?U2XDsW9y?= =?utf-8?Q?_Pe=C3=B1a?=\r\n"
    "References: <a@x>\r\n <b@x>\r\n"
    "Content-Type: multipart/alternative; boundary=\"cut\"\r\n\r\n"
    "preamble\r\n--cut\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\nS=C3=AD, =\r\nclaro.\r\n--cut\r\n"
    "Content-Type: text/html\r\n\r\n<p>S</p>\r\n--cut--\r\n");
  EXPECT_EQ(read.header("subject"), "Señor Peña");
  EXPECT_EQ(read.header("references"), "<a@x> <b@x>");
  EXPECT_EQ(read.text, "Sí, claro.");
  const auto packed =
    sandbox::read_mail("Content-Transfer-Encoding: base64\r\n\r\nSG9s\r\nYQ==\r\n");
  EXPECT_EQ(packed.text, "Hola");
}

} // namespace
} // namespace hub::tests
