#include "http/providers/writing.hpp"

#include "http/providers/notion.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hub::http::providers {

namespace {

std::string times(const std::string& unit, int count) {
  std::string out;
  for (int left = count; left > 0; --left)
    out += unit;
  return out;
}

TEST(utf16_length, counts_as_providers_do) {
  EXPECT_EQ(utf16_length(""), 0U);
  EXPECT_EQ(utf16_length("abc"), 3U);
  EXPECT_EQ(utf16_length("\xC3\xA9\xE2\x82\xAC"), 2U);
  EXPECT_EQ(utf16_length("\xF0\x9F\x98\x80"), 2U);
}

TEST(path_segment, can_name_nothing_but_itself) {
  EXPECT_EQ(encoded("a b/../c?d#e%\xC3\xA9"), "a%20b%2F..%2Fc%3Fd%23e%25%C3%A9");
}

TEST(notion_segments, are_whole_characters_within_the_limits) {
  for (const auto& unit : {std::string{"a"},
                           std::string{"\xC3\xA9"},
                           std::string{"\xE2\x82\xAC"},
                           std::string{"\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB"}}) {
    const auto text = times(unit, 9'000);
    std::string joined;
    for (const auto segment : notion::segments_of(text)) {
      EXPECT_LE(utf16_length(segment), 2'000U);
      EXPECT_EQ(segment.size() % unit.size(), 0U) << "cut within a character";
      joined += segment;
    }
    EXPECT_TRUE(text.starts_with(joined));
    EXPECT_TRUE(joined == text || notion::segments_of(text).size() == 100U);
  }
  EXPECT_TRUE(notion::segments_of("").empty());
  EXPECT_EQ(notion::segments_of(std::string(1'000'000, 'a')).size(), 100U);
}

TEST(notion_segments, end_even_when_one_character_never_does) {
  const auto text = "a" + times("\xCC\x81", 5'000);
  std::string joined;
  for (const auto segment : notion::segments_of(text)) {
    EXPECT_LE(segment.size(), 2'000U);
    joined += segment;
  }
  EXPECT_EQ(joined, text);
}

} // namespace

} // namespace hub::http::providers
