#include "domain/text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::domain {

namespace {

constexpr std::string_view family = "👨‍👩‍👧‍👦";
constexpr std::string_view spain = "🇪🇸";

std::string times(std::size_t count, std::string_view unit) {
  std::string text;
  while (count-- > 0)
    text += unit;
  return text;
}

TEST(prefix_of, counts_what_people_see_as_one_character) {
  for (const auto one : {family,
                         spain,
                         std::string_view{"e\u0301"},
                         std::string_view{"👍🏽"},
                         std::string_view{"\r\n"},
                         std::string_view{"각"},
                         std::string_view{"ñ"}}) {
    const auto many = times(3, one);
    EXPECT_EQ(prefix_of(many, 2, 1000), times(2, one)) << one;
    EXPECT_EQ(prefix_of(many, 3, 1000), many) << one;
    EXPECT_EQ(prefix_of(many, 1, one.size() + 1), one) << one;
  }
}

TEST(prefix_of, never_cuts_inside_a_character) {
  const auto text = std::string{"a"}.append(family).append("z");
  for (std::size_t bytes = 0; bytes <= text.size(); ++bytes) {
    const auto prefix = prefix_of(text, 100, bytes);
    EXPECT_TRUE(prefix.empty() || prefix == "a" || prefix == text.substr(0, text.size() - 1)
                || prefix == text)
      << bytes;
    EXPECT_LE(prefix.size(), bytes);
  }
}

TEST(prefix_of, returns_all_of_a_short_text_and_nothing_for_no_room) {
  EXPECT_EQ(prefix_of("abc", 3, 3), "abc");
  EXPECT_EQ(prefix_of("abc", 10, 10), "abc");
  EXPECT_EQ(prefix_of("abc", 0, 10), "");
  EXPECT_EQ(prefix_of("abc", 10, 0), "");
  EXPECT_EQ(prefix_of("", 10, 10), "");
}

TEST(prefix_of, keeps_pairs_of_flags_together) {
  const auto flags = times(4, spain);
  EXPECT_EQ(prefix_of(flags, 100, 12), spain); // one and a half fit
}

TEST(title_of, takes_the_first_sentence_or_line) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases{
    {"Export is broken", "Export is broken"},
    {"Export is broken. It worked yesterday.", "Export is broken."},
    {"Export is broken! Help", "Export is broken!"},
    {"Why is it slow? I wonder", "Why is it slow?"},
    {"¿Por qué va lento? No sé", "¿Por qué va lento?"},
    {"First line\nsecond line", "First line"},
    {"\n\n  First line  \r\nsecond", "First line"},
    {"Version 1.2.3 fails on v2.0 too", "Version 1.2.3 fails on v2.0 too"},
    {"See https://example.com/a?b=c.d for more. Bye", "See https://example.com/a?b=c.d for more."},
    {"Ask Dr. Smith, e.g. today. Or not", "Ask Dr. Smith, e.g. today."},
    {"El Sr. Pérez no puede entrar. Ayuda", "El Sr. Pérez no puede entrar."},
    {"It loads... and then nothing. Odd", "It loads... and then nothing."},
    {"エラーです。 助けて", "エラーです。"},
    {"a  lot \t of\u00A0white   space", "a lot of white space"},
    {"con\x01trol\x7F chars\u200B and \u202Ebidi", "control chars and bidi"},
    {"... !!! What? Yes", "... !!! What?"},
  };
  for (const auto& [text, title] : cases)
    EXPECT_EQ(title_of(text), title) << text;
}

TEST(title_of, looks_past_a_greeting) {
  EXPECT_EQ(title_of("Hi team!\nThe export fails. Please help"), "The export fails.");
  EXPECT_EQ(title_of("Hola, buenos días.\n\nNo funciona el botón"), "No funciona el botón");
  EXPECT_EQ(title_of("Hello!"), "Hello!");
  EXPECT_EQ(title_of("Hello world is missing. Fix it"), "Hello world is missing.");
}

TEST(title_of, is_never_empty) {
  for (const std::string_view text : {"", "   ", "\n\r\t", "\x01\x02", "\u200B\u00A0", "\uFEFF"})
    EXPECT_EQ(title_of(text), "(no text)") << text.size();
  EXPECT_EQ(title_of("👍"), "👍");
  EXPECT_EQ(title_of("..."), "...");
}

TEST(title_of, shortens_to_120_characters) {
  const auto words = title_of(times(100, "palabra "));
  EXPECT_TRUE(words.ends_with("palabra…")) << words;
  EXPECT_EQ(prefix_of(words, 120, 10'000), words);
  EXPECT_GT(words.size(), 100U);

  EXPECT_EQ(title_of(times(200, "x")), times(119, "x").append("…"));
  EXPECT_EQ(title_of(times(120, "x")), times(120, "x"));
  EXPECT_EQ(title_of(times(120, spain)), times(120, spain));
  EXPECT_EQ(title_of(times(121, spain)), times(119, spain).append("…"));
}

TEST(title_of, bounds_its_bytes_whatever_the_characters) {
  const auto zalgo = title_of(times(50, std::string{"a"}.append(times(40, "\u0301"))));
  EXPECT_LE(zalgo.size(), 1000U);
  EXPECT_EQ(title_of(std::string{"a"}.append(times(4000, "\u0301"))), "(no text)");
  EXPECT_EQ(title_of(times(1U << 20U, " ")), "(no text)");
}

TEST(fold, ignores_case_and_accents) {
  EXPECT_EQ(fold("Contraseña"), "contrasena");
  EXPECT_EQ(fold("CONTRASEN\u0303A"), "contrasena");
  EXPECT_EQ(fold("ÁÉÍÓÚ üÑ"), "aeiou un");
  EXPECT_EQ(fold("Straße"), "strasse");
  EXPECT_EQ(fold("ＦＵＬＬ"), "full");
  EXPECT_EQ(fold("ΑΒΓ"), "αβγ");
  EXPECT_EQ(fold(""), "");
  EXPECT_EQ(fold("日本語 😀"), "日本語 😀");
}

TEST(fold, folds_what_is_folded_to_itself) {
  for (const std::string_view text : {"Ünïcödé ĞİŞ", "ﬁ ﬂ ½", "Ǆ ǅ", "İ", "ẞ"})
    EXPECT_EQ(fold(fold(text)), fold(text)) << text;
}

} // namespace

} // namespace hub::domain
