#include "tests/http/client/engine_fixture.hpp"
#include "tests/support/process.hpp"

#include <atomic>
#include <ostream>
#include <thread>
#include <vector>

namespace hub::http::client {

namespace {

using namespace std::chrono_literals;

class mail_transfer : public engine_fixture {
protected:
  static mail to_server(const loopback_server& server) {
    mail what;
    what.url = server.url("", "smtp");
    what.from = "hub@example.com";
    what.recipients = {"ana@example.org"};
    what.message = "Subject: hi\r\n\r\nbody\r\n.dot\r\n";
    what.require_tls = false;
    what.within = 2s;
    return what;
  }

  std::atomic<bool> cancelled_{false};
  std::atomic<bool> gone_{false};
};

/// Speaks SMTP until a command starts with `until` ("." ends the message); answers that with
/// `with`, or with nothing and leaves. Notes what it hears.
loopback_server::script
smtp(std::string until, std::string with, std::vector<std::string>* heard = nullptr) {
  return [=](server_connection& client) {
    client.write("220 mail.example\r\n");
    bool in_message = false;
    while (const auto line = client.read_line()) {
      if (heard != nullptr)
        heard->push_back(*line);
      if (in_message ? *line == until : until != "." && line->starts_with(until)) {
        client.write(with);
        if (!with.empty())
          client.await_end();
        return;
      }
      if (in_message)
        continue;
      in_message = *line == "DATA";
      client.write(in_message ? "354 go ahead\r\n" : "250-mail.example\r\n250 2.1.0 ok\r\n");
    }
  };
}

TEST_F(mail_transfer, delivers_a_message) {
  std::vector<std::string> heard;
  loopback_server server{smtp(".", "250 2.0.0 queued as 7\r\n221 bye\r\n", &heard)};
  const auto got = ask(to_server(server));
  ASSERT_TRUE(got) << got.why().message;
  EXPECT_EQ(got->status, 250);
  EXPECT_EQ(got->body, "250 2.0.0 queued as 7");
  ASSERT_EQ(heard.size(), 9U);
  EXPECT_EQ(heard[1], "MAIL FROM:<hub@example.com>");
  EXPECT_EQ(heard[2], "RCPT TO:<ana@example.org>");
  EXPECT_EQ(heard[4], "Subject: hi");
  EXPECT_EQ(heard[7], "..dot");
  EXPECT_EQ(sender().figures().calls.front().provider, "smtp");
}

struct refusal {
  const char* name;
  std::string until;
  std::string with;
  int status;

  friend std::ostream& operator<<(std::ostream& out, const refusal& shown) {
    return out << shown.name;
  }
};

class refused_mail : public mail_transfer, public testing::WithParamInterface<refusal> {};

TEST_P(refused_mail, is_a_reply) {
  loopback_server server{smtp(GetParam().until, GetParam().with)};
  const auto got = ask(to_server(server));
  ASSERT_TRUE(got) << got.why().message;
  EXPECT_EQ(got->status, GetParam().status);
}

INSTANTIATE_TEST_SUITE_P(
  at,
  refused_mail,
  testing::Values(refusal{"sender", "MAIL", "550 5.7.1 not you\r\n", 550},
                  refusal{"recipient", "RCPT", "451 4.3.0 later\r\n", 451},
                  refusal{"unknown_recipient", "RCPT", "550 5.1.1 nobody\r\n", 550},
                  refusal{"data", "DATA", "554 5.5.1 no\r\n", 554},
                  refusal{"message", ".", "552 5.3.4 too big\r\n", 552},
                  refusal{"message_for_now", ".", "452 4.2.2 full\r\n", 452}),
  [](const auto& tested) { return std::string{tested.param.name}; });

TEST_F(mail_transfer, goes_where_somebody_chose_only_if_that_is_public) {
  loopback_server server{smtp(".", "250 2.0.0 queued as 7\r\n221 bye\r\n")};
  auto chosen = to_server(server);
  chosen.user_url = true;
  EXPECT_EQ(code_of(ask(chosen)), errc::forbidden);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(mail_transfer, is_refused_by_a_greeting) {
  loopback_server server{[](server_connection& client) {
    client.write("421 4.3.2 too many connections\r\n");
    client.await_end();
  }};
  const auto got = ask(to_server(server));
  ASSERT_TRUE(got) << got.why().message;
  EXPECT_EQ(got->status, 421);
}

TEST_F(mail_transfer, is_unknown_when_the_server_goes_after_the_message) {
  loopback_server server{smtp(".", "")};
  EXPECT_EQ(code_of(ask(to_server(server))), errc::unknown_outcome);
}

TEST_F(mail_transfer, is_unavailable_when_the_server_goes_before_the_message) {
  for (const std::string until : {"EHLO", "MAIL", "RCPT", "DATA"}) {
    loopback_server server{smtp(until, "")};
    EXPECT_EQ(code_of(ask(to_server(server))), errc::unavailable) << until;
  }
}

/// The server keeps the connection open and never judges the message.
class unjudged_mail : public mail_transfer {
protected:
  std::atomic<bool> taken{false};
  loopback_server server{[this](server_connection& client) {
    client.write("220 mail.example\r\n");
    bool in_message = false;
    for (auto line = client.read_line(); line && line != "."; line = client.read_line()) {
      if (!in_message)
        client.write(line == "DATA" ? "354 go\r\n" : "250 ok\r\n");
      in_message = in_message || line == "DATA";
    }
    taken = true;
    client.await_end();
  }};
};

TEST_F(unjudged_mail, is_unknown_at_its_deadline) {
  auto what = to_server(server);
  what.within = 300ms;
  const auto began = std::chrono::steady_clock::now();
  const auto got = ask(what);
  EXPECT_EQ(code_of(got), errc::unknown_outcome);
  EXPECT_EQ(got.why().message, "no answer within 300 ms; the provider may have done it");
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
}

TEST_F(unjudged_mail, holds_up_neither_other_providers_nor_the_end) {
  loopback_server lively{echo};
  auto what = to_server(server);
  what.within = 60s;
  auto waiting = start(what);
  ASSERT_TRUE(tests::eventually([&] { return taken.load(); }));
  EXPECT_TRUE(ask(to(lively.url())));
  const auto began = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
  EXPECT_EQ(code_of(waiting.get()), errc::unknown_outcome);
}

TEST_F(unjudged_mail, holds_up_no_mail_to_another_server) {
  auto what = to_server(server);
  what.within = 60s;
  auto waiting = start(what);
  ASSERT_TRUE(tests::eventually([&] { return taken.load(); }));
  loopback_server other{smtp(".", "250 2.0.0 queued as 7\r\n221 bye\r\n")};
  auto quick = to_server(other);
  quick.within = 20s;
  for (int mails = 0; mails < 3; ++mails) {
    const auto got = ask(quick);
    ASSERT_TRUE(got) << got.why().message;
    EXPECT_EQ(got->status, 250);
  }
  EXPECT_EQ(waiting.wait_for(0s), std::future_status::timeout);
  EXPECT_EQ(sender().figures().in_flight, 1U);
}

TEST_F(unjudged_mail, shares_its_line_where_there_are_no_more) {
  how.max_mail_hosts = 1;
  auto what = to_server(server);
  what.within = 5s;
  auto waiting = start(what);
  ASSERT_TRUE(tests::eventually([&] { return taken.load(); }));
  loopback_server other{smtp(".", "250 2.0.0 queued as 7\r\n221 bye\r\n")};
  auto quick = to_server(other);
  quick.within = 1s;
  EXPECT_EQ(code_of(ask(quick)), errc::unavailable) << "nothing was sent, so it can be sent again";
  EXPECT_EQ(code_of(waiting.get()), errc::unknown_outcome);
  quick.within = 20s;
  EXPECT_TRUE(ask(quick)) << "the line is free again";
}

TEST_F(mail_transfer, can_be_cancelled_on_any_line) {
  loopback_server silent{[](server_connection& client) { client.await_end(); }};
  loopback_server mute{[](server_connection& client) { client.await_end(); }};
  call_id first = 0;
  call_id second = 0;
  auto what = to_server(silent);
  what.within = 60s;
  auto one = start(what, &first);
  what.url = mute.url("", "smtp");
  auto other = start(what, &second);
  ASSERT_TRUE(tests::eventually([&] { return silent.connections() + mute.connections() == 2; }));
  sender().cancel(second);
  EXPECT_EQ(code_of(other.get()), errc::unavailable);
  EXPECT_EQ(one.wait_for(0s), std::future_status::timeout);
  sender().cancel(first);
  EXPECT_EQ(code_of(one.get()), errc::unavailable);
}

TEST_F(mail_transfer, is_not_ended_for_the_server_when_it_is_cancelled) {
  std::atomic<bool> begun{false};
  std::atomic<bool> whole{false};
  loopback_server server{[&](server_connection& client) {
    client.write("220 mail.example\r\n");
    bool in_message = false;
    while (const auto line = client.read_line()) {
      whole = whole || line == ".";
      if (!in_message)
        client.write(line == "DATA" ? "354 go\r\n" : "250 ok\r\n");
      in_message = in_message || line == "DATA";
      begun = begun || line->starts_with("0123");
      while (begun && !cancelled_)
        std::this_thread::yield(); // the rest of the message waits in between
    }
    gone_ = true;
  }};
  auto what = to_server(server);
  what.within = 60s;
  for (int lines = 0; lines < 1'000'000; ++lines)
    what.message += "0123456789\r\n";
  call_id id = 0;
  auto waiting = start(what, &id);
  ASSERT_TRUE(tests::eventually([&] { return begun.load(); }));
  sender().cancel(id);
  EXPECT_EQ(code_of(waiting.get()), errc::unknown_outcome);
  cancelled_ = true;
  ASSERT_TRUE(tests::eventually([&] { return gone_.load(); }));
  EXPECT_FALSE(whole) << "half a mail is none";
}

TEST_F(mail_transfer, sends_nothing_in_the_clear_unless_allowed) {
  loopback_server server{smtp("MAIL", "250 ok\r\n")};
  auto what = to_server(server);
  what.require_tls = true;
  EXPECT_EQ(code_of(ask(what)), errc::unavailable);
}

TEST_F(mail_transfer, refuses_addresses_and_lines_that_would_say_more) {
  loopback_server server{echo};
  auto what = to_server(server);
  for (const std::string address : {"", "a@b>\r\nDATA", "a@b c", "<a@b>", "a@b\n"}) {
    auto changed = what;
    changed.from = address;
    EXPECT_EQ(code_of(ask(changed)), errc::invalid_input) << address;
    changed = what;
    changed.recipients.push_back(address);
    EXPECT_EQ(code_of(ask(changed)), errc::invalid_input) << address;
  }
  for (const std::string message : {"a\nb", "a\r\n.\nb\r\n", "a\rb", "a\r", "\n"}) {
    auto changed = what;
    changed.message = message;
    EXPECT_EQ(code_of(ask(changed)), errc::invalid_input);
  }
  what.recipients.clear();
  EXPECT_EQ(code_of(ask(what)), errc::invalid_input);
  EXPECT_EQ(server.connections(), 0);
}

} // namespace

} // namespace hub::http::client
