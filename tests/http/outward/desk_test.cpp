#include "http/outward/desk.hpp"

#include "tests/http/client/loopback_server.hpp"

#include <gmock/gmock.h>

#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace hub::http {
namespace {

using actors::found_message;
using actors::sent_message;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::chrono::seconds since_epoch{1'700'000'000};

/// A desk whose Slack has `pages` pages of other people's messages.
class desk_at_slack : public ::testing::Test {
protected:
  void play(tests::server_connection& client) {
    for (auto request = client.read_request(); !request.empty(); request = client.read_request()) {
      const std::lock_guard lock{guard_};
      requests_.push_back(request.substr(0, request.find('\r')));
      const bool more = std::cmp_less(requests_.size(), pages_);
      client.answer(std::string{R"({"ok":true,"messages":[],"response_metadata":{"next_cursor":")"}
                      + (more ? "more" : "") + R"("}})",
                    "Content-Type: application/json\r\n");
    }
  }

  domain::result<found_message> find() {
    const auto accounts = std::make_shared<const provider_accounts>(
      provider_accounts{.slack = {.base_url = server_.url("/api"), .token = "t"}});
    const auto desk = make_provider_desk(
      engine_,
      [accounts](const domain::uuid&) { return accounts; },
      [] { return domain::time_point{since_epoch}; });
    auto promised = std::make_shared<std::promise<domain::result<found_message>>>();
    auto found = promised->get_future();
    desk->find({.whom = domain::provider::slack, .recipient = "C0123456789", .text = "hello"},
               domain::time_point{since_epoch},
               [promised](const domain::result<found_message>& got) { promised->set_value(got); });
    return found.get();
  }

  int pages_ = 1;
  std::mutex guard_;
  std::vector<std::string> requests_; // their first lines
  tests::loopback_server server_{[this](tests::server_connection& client) { play(client); }};
  client::engine engine_{{}};
};

TEST_F(desk_at_slack, asks_for_a_while_before_and_after_the_send) {
  const auto found = find();
  ASSERT_TRUE(found) << found.why().message;
  EXPECT_EQ(*found, found_message::no);
  ASSERT_THAT(requests_, SizeIs(1));
  EXPECT_THAT(requests_[0], HasSubstr("oldest=1699999400.000000")) << "ten minutes";
  EXPECT_THAT(requests_[0], HasSubstr("latest=1700000360.000000"));
}

TEST_F(desk_at_slack, reads_to_the_end_of_a_few_pages) {
  pages_ = 5;
  const auto found = find();
  ASSERT_TRUE(found) << found.why().message;
  EXPECT_EQ(*found, found_message::no);
  EXPECT_THAT(requests_, SizeIs(5));
}

TEST_F(desk_at_slack, cannot_tell_where_there_is_no_end) {
  pages_ = 1000;
  const auto found = find();
  ASSERT_TRUE(found) << found.why().message;
  EXPECT_EQ(*found, found_message::cannot_tell);
  EXPECT_THAT(requests_, SizeIs(5)) << "one permit is not for more";
}

/// A desk with one server behind it, whichever the provider.
class desk_that_sends : public ::testing::Test {
protected:
  static domain::result<sent_message> send(const std::shared_ptr<const provider_accounts>& as,
                                           actors::outgoing_message what) {
    client::engine engine{{}};
    const auto desk = make_provider_desk(
      engine,
      [as](const domain::uuid&) { return as; },
      [] { return domain::time_point{since_epoch}; });
    auto promised = std::make_shared<std::promise<domain::result<sent_message>>>();
    auto sent = promised->get_future();
    desk->send(std::move(what),
               [promised](const domain::result<sent_message>& got) { promised->set_value(got); });
    return sent.get();
  }
};

TEST_F(desk_that_sends, fills_in_a_template_on_whatsapp) {
  std::string heard;
  tests::loopback_server server{[&](tests::server_connection& client) {
    heard = client.read_request();
    client.answer(R"({"messages":[{"id":"wamid.1"}]})", "Content-Type: application/json\r\n");
  }};
  const auto sent =
    send(std::make_shared<const provider_accounts>(provider_accounts{
           .whatsapp = {.base_url = server.url("/v23.0"), .phone_number_id = "1", .token = "t"}}),
         {.whom = domain::provider::whatsapp,
          .recipient = "34600000101",
          .text = "not this",
          .form = {.name = "issue_resolved", .language = "es", .parameters = {"It works."}}});
  ASSERT_TRUE(sent) << sent.why().message;
  EXPECT_EQ(sent->provider_message_id, "wamid.1");
  EXPECT_THAT(heard, HasSubstr(R"("name":"issue_resolved")"));
  EXPECT_THAT(heard, HasSubstr(R"("code":"es")"));
  EXPECT_THAT(heard, HasSubstr(R"("text":"It works.")"));
  EXPECT_THAT(heard, ::testing::Not(HasSubstr("not this")));
}

TEST_F(desk_that_sends, answers_a_mail_in_its_thread) {
  std::string letter;
  tests::loopback_server server{[&](tests::server_connection& client) {
    client.write("220 mail.example\r\n");
    bool in_message = false;
    while (const auto line = client.read_line()) {
      if (in_message && *line == ".") {
        client.write("250 2.0.0 queued\r\n221 bye\r\n");
        return client.await_end();
      }
      if (in_message)
        letter.append(*line).append("\n");
      else
        client.write(*line == "DATA" ? "354 go\r\n" : "250 ok\r\n");
      in_message = in_message || *line == "DATA";
    }
  }};
  const auto sent = send(std::make_shared<const provider_accounts>(provider_accounts{
                           .mail = {.url = server.url("", "smtp"), .require_tls = false},
                           .mail_from = "hub@example.com"}),
                         {.whom = domain::provider::smtp,
                          .recipient = "ana@example.org",
                          .thread = "<m1@example.org>",
                          .subject = "Re: It crashes",
                          .text = "It works."});
  ASSERT_TRUE(sent) << sent.why().message;
  EXPECT_THAT(letter, HasSubstr("\nSubject: Re: It crashes\n"));
  EXPECT_THAT(letter, HasSubstr("\nIn-Reply-To: <m1@example.org>\n"));
  EXPECT_THAT(letter, HasSubstr("\nReferences: <m1@example.org>\n"));
}

} // namespace
} // namespace hub::http
