#include "domain/text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::domain {

namespace {

using namespace std::string_literals;

TEST(clean_utf8, leaves_sound_text_alone) {
  for (const auto* text : {"", "plain", "¡Contraseña!", "日本語", "😀 \xF4\x8F\xBF\xBF", "a\tb\r\n"})
    EXPECT_EQ(clean_utf8(text), text);
}

TEST(clean_utf8, drops_nul) {
  EXPECT_EQ(clean_utf8("a\0b\0"s), "ab");
  EXPECT_EQ(clean_utf8("\0"s), "");
}

TEST(clean_utf8, replaces_each_broken_sequence_once) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases{
    {"a\x80z", "a�z"},                // a continuation alone
    {"a\xC3z", "a�z"},                // cut after the lead
    {"a\xE2\x82z", "a�z"},            // cut after two of three
    {"a\xF0\x9F\x98z", "a�z"},        // cut after three of four
    {"\xF0\x9F\x98", "�"},            // cut by the end
    {"a\xC0\xAFz", "a��z"},           // over-long slash
    {"a\xE0\x80\xAFz", "a���z"},      // over-long in three
    {"a\xED\xA0\x80z", "a�z"},        // encoded surrogate
    {"a\xED\xA0", "a��"},             // half of one
    {"a\xF4\x90\x80\x80z", "a����z"}, // beyond U+10FFFF
    {"\xFF\xFE", "��"},
    {"\xC3\xC3\xA9", "�é"},
  };
  for (const auto& [broken, clean] : cases)
    EXPECT_EQ(clean_utf8(broken), clean);
}

TEST(clean_utf8, is_stable) {
  std::string every_byte;
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; second += 7)
      every_byte.append({static_cast<char>(first), static_cast<char>(second)});
  const auto once = clean_utf8(every_byte);
  EXPECT_EQ(clean_utf8(once), once);
}

} // namespace

} // namespace hub::domain
