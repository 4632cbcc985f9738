#include "http/server/json/shown_payload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace hub::http {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(shown_payload, decodes_a_form_before_it_scrubs_it) {
  const auto shown =
    shown_payload("command=%2Ffeedback&text=write+to+ana%40example.org%2C+card+4111%201111%201111%"
                  "201111&user_name=ana");
  EXPECT_EQ(shown.at("command"), "/feedback");
  EXPECT_EQ(shown.at("text"), "write to [EMAIL], card [CARD]");
  EXPECT_EQ(shown.at("user_name"), "ana");
}

TEST(shown_payload, reads_the_json_in_a_form) {
  const auto shown = shown_payload(
    "payload=%7B%22type%22%3A%22shortcut%22%2C%22text%22%3A%22ana%5Cu0040example.org%22%7D");
  EXPECT_EQ(shown.at("payload"), json({{"type", "shortcut"}, {"text", "[EMAIL]"}}));
}

TEST(shown_payload, undoes_jsons_escapes_before_it_scrubs) {
  const auto shown = shown_payload(
    R"({"text":"pay\n4111111111111111\nby mail ana\u0040example.org","n":7,"list":["bo@example.org"]})");
  EXPECT_EQ(shown.at("text"), "pay\n[CARD]\nby mail [EMAIL]");
  EXPECT_EQ(shown.at("n"), 7);
  EXPECT_EQ(shown.at("list"), json({"[EMAIL]"}));
}

TEST(shown_payload, reads_json_that_is_written_into_a_text) {
  const json inner{{"email", "ana@example.org"}, {"stars", 5}};
  const auto escaped = std::string{R"({"email":"ana\u0040example.org"})"};
  const auto shown = shown_payload(json{{"reply", inner.dump()}, {"other", escaped}}.dump());
  EXPECT_EQ(shown.at("reply"), R"({"email":"[EMAIL]","stars":5})");
  EXPECT_EQ(shown.at("other"), R"({"email":"[EMAIL]"})");
}

TEST(shown_payload, reads_markup_as_a_browser_would) {
  const auto shown = shown_payload(
    json{{"body", "<p>write to ana&#64;example.org</p>"}, {"plain", "<p>a &amp; b</p>"}}.dump());
  EXPECT_THAT(shown.at("body").get<std::string>(), HasSubstr("[EMAIL]"));
  EXPECT_THAT(shown.dump(), Not(HasSubstr("ana")));
  EXPECT_EQ(shown.at("plain"), "<p>a &amp; b</p>") << "without finds it stays as it came";
}

TEST(shown_payload, scrubs_keys_and_loses_no_member_by_it) {
  const auto shown = shown_payload(R"({"ana@example.org":1,"bo@example.org":2,"id":"x"})");
  EXPECT_EQ(shown, json({{"[EMAIL]", 1}, {"[EMAIL] (2)", 2}, {"id", "x"}}));
}

TEST(shown_payload, heeds_what_a_key_says_of_its_value) {
  EXPECT_EQ(shown_payload(R"({"phone":"612345678"})").at("phone"), "[PHONE]");
  EXPECT_EQ(shown_payload("phone=612345678&text=hi").at("phone"), "[PHONE]");
  EXPECT_THAT(shown_payload(R"({"card":4111111111111111})").dump(), Not(HasSubstr("4111")));
}

TEST(shown_payload, does_not_show_what_it_cannot_read) {
  for (const auto& payload :
       {std::string{R"({"text":"ana\u0040example.org")"},
        std::string(100, '[') + R"("ana\u0040example.org")" + std::string(100, ']')}) {
    const auto shown = shown_payload(payload);
    EXPECT_EQ(shown.at("bytes"), payload.size());
    EXPECT_THAT(shown.dump(), Not(HasSubstr("ana")));
  }
  EXPECT_THAT(shown_payload("payload=%7B%22a%22%3A%22ana%5Cu0040example.org").dump(),
              Not(HasSubstr("ana")));
  EXPECT_EQ(shown_payload(std::string(largest_shown_payload + 1, 'x')).at("omitted"),
            "too large to show");
}

} // namespace
} // namespace hub::http
