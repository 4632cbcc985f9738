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

} // namespace
} // namespace hub::http
