#include "domain/notification.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hub::domain {
namespace {

using namespace std::chrono_literals;

TEST(notification_status, has_names_that_read_back) {
  for (const auto* name : {"pending",
                           "pending_batch_review",
                           "sent",
                           "delivered",
                           "failed",
                           "permanently_failed",
                           "channel_restricted",
                           "rejected",
                           "uncertain"}) {
    const auto status = parse_notification_status(name);
    ASSERT_TRUE(status) << name;
    EXPECT_EQ(to_string(*status), name);
  }
  const auto unknown = parse_notification_status("lost");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.why().code, errc::invalid_input);
  EXPECT_NE(unknown.why().message.find("uncertain"), std::string::npos) << "it names the known";
}

TEST(reply_window, is_open_for_a_little_less_than_a_day) {
  const time_point now{std::chrono::hours{24 * 365 * 50}};
  EXPECT_TRUE(within_reply_window(now, now));
  EXPECT_TRUE(within_reply_window(now + 1min, now)) << "clocks differ";
  EXPECT_TRUE(within_reply_window(now - 23h, now));
  EXPECT_FALSE(within_reply_window(now - 24h + 1min, now)) << "it may have to wait for its turn";
  EXPECT_FALSE(within_reply_window(now - 24h, now));
  EXPECT_FALSE(within_reply_window(time_point{}, now)) << "they never wrote";
}

TEST(template_languages, are_chosen_by_locale) {
  const std::vector<std::string> existing{"en_US", "es_MX", "es", "pt_BR"};
  EXPECT_EQ(template_language(existing, std::nullopt), "en_US");
  EXPECT_EQ(template_language(existing, "es"), "es") << "the very one";
  EXPECT_EQ(template_language(existing, "es-MX"), "es_MX");
  EXPECT_EQ(template_language(existing, "ES_mx.UTF-8"), "es_MX");
  EXPECT_EQ(template_language(existing, "es_AR"), "es_MX") << "the first of the tongue";
  EXPECT_EQ(template_language(existing, "pt"), "pt_BR");
  EXPECT_EQ(template_language(existing, "de_DE"), "en_US");
  EXPECT_EQ(template_language(existing, ""), "en_US");
  EXPECT_EQ(template_language({}, "en_US"), "");
}

TEST(template_parameters, are_one_short_line) {
  EXPECT_EQ(template_parameter("  *What happened:*\r\n\tIt   broke.\n\n\nWe\u00A0fixed it. "),
            "*What happened:* It broke. We fixed it.");
  EXPECT_EQ(template_parameter(std::string(200, 'a')), std::string(200, 'a'));
  EXPECT_EQ(template_parameter(std::string(201, 'a')), std::string(199, 'a') + "…");
  EXPECT_EQ(template_parameter(std::string(198, 'a') + " bc"), std::string(198, 'a') + "…");
  EXPECT_EQ(template_parameter(""), "");
}

TEST(template_parameters, are_cut_between_what_people_see_as_characters) {
  std::string families;
  for (int count = 0; count < 60; ++count)
    families += "👨‍👩‍👧";
  const auto cut = template_parameter(families);
  EXPECT_LE(cut.size(), 1'000U);
  ASSERT_TRUE(cut.ends_with("…"));
  EXPECT_EQ((cut.size() - 3) % std::string{"👨‍👩‍👧"}.size(), 0U)
    << "no family is parted";
}

struct way {
  channel where;
  const char* person;
  const char* thread;
  const char* recipient; // empty: there is none
  const char* in_thread;
};

class destinations : public ::testing::TestWithParam<way> {};

TEST_P(destinations, lead_where_the_person_wrote) {
  const auto& [where, person, thread, recipient, in_thread] = GetParam();
  const auto found = destination_of(where, person, thread);
  if (std::string{recipient}.empty()) {
    ASSERT_FALSE(found);
    EXPECT_EQ(found.why().code, errc::not_found);
    return;
  }
  ASSERT_TRUE(found) << found.why().message;
  EXPECT_EQ(found->recipient, recipient);
  EXPECT_EQ(found->thread, in_thread);
}

INSTANTIATE_TEST_SUITE_P(
  of,
  destinations,
  ::testing::Values(
    way{channel::slack, "T1:U1", "T1:C1:1714060800.123456", "C1", "1714060800.123456"},
    way{channel::slack, "T1:U1", "T1:C1:command-13345.2243.99", "U1", ""},
    way{channel::slack, "T1:U1", "T1:U1:view-V1:1714060800.abc", "U1", ""},
    way{channel::slack, "T1:U1", "T1:U1:view-V1:1714060800.123456", "U1", ""},
    way{channel::slack, "T1:U1", "workflow:ISSUE-1", "U1", ""},
    way{channel::slack, "T1:U1", "", "U1", ""},
    way{channel::slack, "W1", "", "W1", ""},
    way{channel::slack, "T1:ana@example.org", "workflow:ISSUE-1", "", ""},
    way{channel::slack, "T1:workflow:ISSUE-1", "workflow:ISSUE-1", "", ""},
    way{channel::slack, "", "", "", ""},
    way{channel::intercom, "app1:c1", "app1:4711", "4711", ""},
    way{channel::intercom, "c1", "4711", "4711", ""},
    way{channel::intercom, "app1:c1", "", "", ""},
    way{channel::whatsapp, "15551234567", "wamid.X", "15551234567", ""},
    way{channel::whatsapp, "", "wamid.X", "", ""},
    way{
      channel::email, "ana@example.org", "<m1@example.org>", "ana@example.org", "<m1@example.org>"},
    way{channel::email, "ana", "<m1@example.org>", "", ""},
    way{channel::in_app, "u1", "", "", ""},
    way{channel::api, "u1", "", "", ""}));

TEST(reply_subjects, name_what_they_answer_once) {
  EXPECT_EQ(reply_subject("It crashes"), "Re: It crashes");
  EXPECT_EQ(reply_subject("RE: It\r\ncrashes"), "RE: It crashes");
  EXPECT_EQ(reply_subject("Reports are slow"), "Re: Reports are slow");
  EXPECT_LE(reply_subject(std::string(5'000, 'x')).size(), 200U);
}

} // namespace
} // namespace hub::domain
