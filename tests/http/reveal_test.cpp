#include "tests/http/routed_hub.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <atomic>

namespace hub::testing {
namespace {

using domain::errc;
using domain::fail;
using domain::verdict;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto secret = "ana@example.com";
constexpr auto place = "/api/tickets/01890a5d-ac96-774b-bcce-b302099a8057/messages/"
                       "01890a5d-ac96-774b-bcce-b302099a8058/reveal";

class reveals : public routed_hub {
protected:
  reveals() {
    reads.original = [this](domain::uuid) {
      storage::original_message found;
      found.body = "mail ";
      found.body += secret;
      found.pii_types = {"email"};
      found.was_scrubbed = scrubbed_;
      return found;
    };
    commit = [this](const domain::change& what) -> domain::result<verdict> {
      last_ = what;
      ++commits_;
      if (refuses_)
        return fail(*refuses_, "no");
      verdict said;
      said.what = verdict::kind::committed;
      return said;
    };
  }

  answer ask() { return api().post(place, nlohmann::json::object()); }

  std::atomic<bool> scrubbed_{true};
  std::optional<errc> refuses_;
  domain::change last_;
  std::atomic<int> commits_{0};
};

TEST_F(reveals, a_message_and_says_so_in_its_tickets_history_and_the_audit_log) {
  const auto shown = ask();
  EXPECT_EQ(shown.status, 200);
  EXPECT_EQ(shown.at("body"), std::string{"mail "} + secret);
  EXPECT_EQ(shown.header("cache-control"), "no-store");
  ASSERT_EQ(last_.events.size(), 1U);
  EXPECT_EQ(last_.events[0].type, "pii_revealed");
  EXPECT_EQ(to_string(last_.events[0].ticket_id), "01890a5d-ac96-774b-bcce-b302099a8057");
  ASSERT_TRUE(last_.action);
  EXPECT_EQ(last_.action->what, "pii_revealed");
  EXPECT_EQ(last_.action->target, "01890a5d-ac96-774b-bcce-b302099a8058");
  EXPECT_EQ(last_.action->by.label, "tester@example.com");
  EXPECT_THAT(last_.events[0].data + last_.action->after, Not(HasSubstr(secret)));
  ask();
  EXPECT_EQ(commits_, 2) << "each is an event";
}

TEST_F(reveals, nothing_that_is_not_certainly_on_record) {
  for (const auto why :
       {errc::unavailable, errc::unknown_outcome, errc::timed_out, errc::internal}) {
    refuses_ = why;
    const auto refused = ask();
    EXPECT_GE(refused.status, 500) << refused.text;
    EXPECT_THAT(refused.text, Not(HasSubstr(secret)));
  }
}

TEST_F(reveals, without_record_what_everybody_sees) {
  scrubbed_ = false;
  EXPECT_EQ(ask().status, 200);
  EXPECT_EQ(commits_, 0);
}

TEST_F(reveals, only_what_is_there) {
  reads.original = [](domain::uuid) -> domain::result<storage::original_message> {
    return fail(errc::not_found, "this ticket has no such message");
  };
  EXPECT_EQ(ask().status, 404);
  EXPECT_EQ(api().post("/api/tickets/x/messages/y/reveal", {}).status, 404);
  EXPECT_EQ(commits_, 0);
}

} // namespace
} // namespace hub::testing
