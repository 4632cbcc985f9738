#include "domain/slack_text.hpp"

#include "domain/form_reading.hpp"
#include "domain/json_reading.hpp"
#include "domain/report.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hub::domain {

namespace {

TEST(plain_from_mrkdwn, takes_broken_references_as_text) {
  EXPECT_EQ(plain_from_mrkdwn("<>"), "");
  EXPECT_EQ(plain_from_mrkdwn("<@>"), "@");
  EXPECT_EQ(plain_from_mrkdwn("a < b <@U1> > c"), "a < b @U1 > c");
  EXPECT_EQ(plain_from_mrkdwn("&am&amp;&"), "&am&&");
  EXPECT_EQ(plain_from_mrkdwn("<|x>"), "x ()");
}

TEST(form_value, reads_the_first_of_equal_names) {
  EXPECT_EQ(form_value("a=1&a=2", "a"), "1");
  EXPECT_EQ(form_value("b=1&%61=x+y%2B", "a"), "x y+");
  EXPECT_EQ(form_value("a", "a"), "");
  EXPECT_EQ(form_value("", "a"), "");
  EXPECT_EQ(form_value("&&&", "a"), "");
  EXPECT_EQ(form_value("aa=1", "a"), "");
}

TEST(announces_form, ignores_case_and_parameters) {
  EXPECT_TRUE(announces_form("Application/X-WWW-Form-URLEncoded; charset=UTF-8"));
  EXPECT_FALSE(announces_form("application/json"));
  EXPECT_FALSE(announces_form(""));
}

TEST(normalise_slack, keeps_a_text_of_a_megabyte_whole) {
  const std::string words(1'000'000, 'w');
  const json delivery{
    {"type", "event_callback"},
    {"team_id", "T1"},
    {"event_id", "Ev1"},
    {"event",
     {{"type", "message"}, {"channel", "C1"}, {"user", "U1"}, {"ts", "1.2"}, {"text", words}}}};
  const auto body = write_json(delivery);
  const auto understood = normalise_slack({body, "application/json", {}});
  ASSERT_TRUE(understood);
  EXPECT_EQ(std::get<report>(understood->items.front().content).text, words);
}

} // namespace

} // namespace hub::domain
