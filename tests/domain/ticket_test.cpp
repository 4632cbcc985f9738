#include "domain/ticket.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>

namespace hub::domain {

namespace {

using enum ticket_status;
using testing::HasSubstr;

TEST(ticket_status, survives_its_text) {
  for (const auto status : all_statuses)
    EXPECT_EQ(*parse_ticket_status(to_string(status)), status);
  for (const auto* text : {"", "Open", "done", "in progress", "open "}) {
    const auto read = parse_ticket_status(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.why().code, errc::invalid_input);
    EXPECT_THAT(read.why().message, HasSubstr("open, in_progress, resolved or closed"));
  }
}

TEST(ticket_type, survives_its_text) {
  for (const auto type : all_ticket_types)
    EXPECT_EQ(*parse_ticket_type(to_string(type)), type);
  EXPECT_FALSE(parse_ticket_type("feature"));
  EXPECT_FALSE(parse_ticket_type(""));
}

TEST(channel, survives_its_text) {
  for (const auto which : all_channels)
    EXPECT_EQ(*parse_channel(to_string(which)), which);
  EXPECT_EQ(parse_channel("fax").why().code, errc::invalid_input);
  EXPECT_FALSE(parse_channel(""));
  EXPECT_FALSE(parse_channel("Slack"));
}

TEST(ticket_transition, follows_the_state_machine) {
  const std::map<ticket_status, std::set<ticket_status>> allowed{
    {open, {in_progress, resolved, closed}},
    {in_progress, {open, resolved, closed}},
    {resolved, {open, in_progress, closed}},
    {closed, {open}}};
  for (const auto from : all_statuses)
    for (const auto to : all_statuses) {
      const bool expected = from == to || allowed.at(from).contains(to);
      EXPECT_EQ(check_transition(from, to).has_value(), expected)
        << to_string(from) << " to " << to_string(to);
    }
}

TEST(ticket_transition, lists_the_next_states_without_the_present_one) {
  for (const auto from : all_statuses) {
    const auto next = next_statuses(from);
    EXPECT_FALSE(next.empty());
    for (const auto to : next) {
      EXPECT_NE(to, from);
      EXPECT_TRUE(check_transition(from, to));
    }
  }
}

TEST(ticket_transition, says_what_would_be_allowed) {
  const auto refused = check_transition(closed, resolved);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.why().code, errc::invalid_input);
  EXPECT_EQ(refused.why().message,
            "a ticket that is closed cannot become resolved; allowed from here: open");
}

TEST(ticket_status, tells_finished_from_unfinished) {
  EXPECT_FALSE(is_finished(open));
  EXPECT_FALSE(is_finished(in_progress));
  EXPECT_TRUE(is_finished(resolved));
  EXPECT_TRUE(is_finished(closed));
}

} // namespace

} // namespace hub::domain
