#include "domain/local_model.hpp"

#include "domain/common_words.hpp"
#include "domain/text.hpp"
#include "domain/type_evidence.hpp"
#include "tests/domain/planted.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace hub::domain {

namespace {

using testing::IsEmpty;

std::string times(std::size_t count, std::string_view unit) {
  std::string text;
  while (count-- > 0)
    text += unit;
  return text;
}

TEST(language_of, tells_english_from_spanish) {
  EXPECT_EQ(language_of("The export does not work since yesterday"), language::english);
  EXPECT_EQ(language_of("La exportación no funciona desde ayer"), language::spanish);
  EXPECT_EQ(language_of("Hola, el botón \"Save as\" no hace nada y no sé por qué"),
            language::spanish);
  EXPECT_EQ(language_of(""), language::english);
  EXPECT_EQ(language_of("日本語 12345"), language::english);
}

TEST(extractive_summary, takes_the_sentences_that_say_most) {
  const std::string text =
    "Hi team! I hope you are well. The PDF export fails for large reports. When I press export, the "
    "report stays empty and the export never ends. My cat is called Tom. Thanks a lot!";
  const auto summary = extractive_summary("Export fails", text, 130);
  EXPECT_EQ(summary,
            "The PDF export fails for large reports. When I press export, the report stays empty "
            "and the export never ends.");
  EXPECT_EQ(extractive_summary("Export fails", text, 130), summary);
}

TEST(extractive_summary, reads_spanish_and_lines_as_sentences) {
  EXPECT_EQ(extractive_summary(
              "", "Hola a todos\nLa factura sale con IVA doble\nLa factura de mayo también", 60),
            "La factura sale con IVA doble. La factura de mayo también");
  EXPECT_EQ(extractive_summary("", "エラーです。助けて。", 100), "エラーです。 助けて。");
}

TEST(extractive_summary, cuts_one_long_sentence_between_characters) {
  for (const std::string_view unit : {"ñ", "👍🏽a", "e\u0301", "日本"}) {
    const auto summary = extractive_summary("", times(2000, unit), 300);
    EXPECT_EQ(clean_utf8(summary), summary);
    EXPECT_TRUE(summary.ends_with("…")) << summary;
    EXPECT_EQ(prefix_of(summary, 300, 5000), summary);
    EXPECT_GT(summary.size(), 300U);
  }
}

TEST(extractive_summary, is_empty_where_nothing_is_said) {
  for (const std::string_view text : {"", "   \n", "!!! …", "\u200B"})
    EXPECT_THAT(extractive_summary("title", text, 300), IsEmpty());
  EXPECT_EQ(extractive_summary("", "I am so", 300), "I am so");
}

TEST(local_triage, reads_type_priority_and_summary) {
  const auto down = local_triage("Production is down", "Nobody can log in. Everything is down!");
  EXPECT_EQ(down.type, ticket_type::incident);
  EXPECT_EQ(down.urgency, 0);
  EXPECT_EQ(down.summary, "Nobody can log in. Everything is down!");
  const auto untold = local_triage("Only a title", "");
  EXPECT_EQ(untold.summary, "Only a title");
  EXPECT_EQ(local_triage("", "").summary, "(no text)");
}

TEST(local_triage, is_confident_as_far_as_the_words_agree) {
  EXPECT_EQ(local_triage("zxcv", "qwer").confidence, 0);
  const auto sure = local_triage("Production is down", "everything is down").confidence;
  const auto one = local_triage("", "production is down").confidence;
  const auto torn = local_triage("", "production is down. Feature request: dark mode").confidence;
  EXPECT_DOUBLE_EQ(one, 0.5);
  EXPECT_GT(sure, one);
  EXPECT_LT(torn, one);
  EXPECT_LT(sure, 1);
}

TEST(local_triage, stays_in_bounds_on_any_text) {
  tests::planted_texts make{3};
  for (int round = 0; round < 500; ++round) {
    const auto text = make.next({}).text;
    const auto suggested = local_triage(text, text + "\n" + times(20, text));
    ASSERT_FALSE(suggested.summary.empty());
    ASSERT_EQ(prefix_of(suggested.summary, 300, 3000), suggested.summary);
    ASSERT_EQ(clean_utf8(suggested.summary), suggested.summary);
    ASSERT_GE(suggested.confidence, 0);
    ASSERT_LT(suggested.confidence, 1);
  }
}

TEST(local_triage, stays_fast_on_hostile_text) {
  for (const std::string_view unit : {"a", "a. ", "\n", "。", "word ", "e\u0301", "."})
    EXPECT_FALSE(local_triage(times(1U << 18U, unit), times(1U << 18U, unit)).summary.empty());
}

TEST(weigh_types, agrees_with_what_is_inferred) {
  EXPECT_EQ(weigh_types("zxcv").most, 0);
  EXPECT_GT(weigh_types("production is down").most, weigh_types("production is down").next);
}

TEST(local_changelog, speaks_the_language_of_the_ticket) {
  const auto english = local_changelog(
    {"Export fails", "The export of the report fails.", "We fixed the queue.", ""}, {});
  EXPECT_EQ(english,
            "**What happened:**\nYou told us about “Export fails”. The export of the report "
            "fails.\n\n**How we fixed it:**\nWe fixed the queue.\n\n**Going forward:**\nThere is "
            "nothing you need to do. If you notice anything else, just reply to this message.");
  const auto spanish =
    local_changelog({"No exporta", "El informe no se exporta desde ayer.", "", ""}, {});
  EXPECT_EQ(
    spanish,
    "**What happened:**\nNos escribiste sobre «No exporta». El informe no se exporta desde "
    "ayer.\n\n**How we fixed it:**\nNuestro equipo lo revisó y lo "
    "resolvió.\n\n**Going forward:**\nNo tienes que hacer nada. Si notas algo más, responde "
    "a este mensaje.");
}

TEST(local_changelog, is_always_an_entry_without_personal_data) {
  const std::vector<std::string> names{"Zoraida Quiñones", "Bartholomew"};
  const std::vector<std::string> forms{
    "Zoraida Quiñones", "QUIÑONES, Zoraida", "zoraida", "quinones", "Bartholomew"};
  tests::planted_texts make{11};
  for (int round = 0; round < 500; ++round) {
    const auto title = make.next(forms);
    const auto description = make.next(forms);
    const auto notes = make.next(forms);
    const auto entry = local_changelog({title.text + " **Going forward:**",
                                        description.text + "\n**What happened:**\n",
                                        notes.text,
                                        ""},
                                       {names, {}});
    ASSERT_THAT(check_changelog(entry), IsEmpty()) << entry;
    for (const auto& secrets : {title.secrets, description.secrets, notes.secrets})
      for (const auto& secret : secrets)
        ASSERT_EQ(entry.find(secret), std::string::npos) << entry;
  }
  EXPECT_THAT(check_changelog(local_changelog({}, {})), IsEmpty());
  const auto dots = times(5'000, "a.b ");
  EXPECT_THAT(check_changelog(local_changelog({dots, dots, dots, dots}, {})), IsEmpty());
}

double similarity(std::string_view a, std::string_view b) {
  const auto one = local_embedding(a);
  const auto other = local_embedding(b);
  return std::inner_product(one.begin(), one.end(), other.begin(), 0.0);
}

TEST(local_embedding, has_length_one_and_256_places) {
  for (const std::string_view text : {"a", "ab", "The export fails", "日本語", "ñandú"}) {
    EXPECT_EQ(local_embedding(text).size(), local_embedding_size) << text;
    EXPECT_NEAR(similarity(text, text), 1, 1e-6) << text;
  }
}

TEST(local_embedding, is_nothing_for_nothing) {
  for (const std::string_view text : {"", "  ", "!?…", "\u200B\n"})
    EXPECT_THAT(local_embedding(text), IsEmpty()) << text;
}

TEST(local_embedding, ignores_case_accents_and_punctuation) {
  EXPECT_EQ(local_embedding("La EXPORTACIÓN falla!"), local_embedding("la exportacion  falla"));
}

TEST(local_embedding, brings_alike_texts_close) {
  const std::string_view one = "The PDF export of reports fails with an error";
  EXPECT_GT(similarity(one, "Exporting a report as PDF failed, error shown"),
            similarity(one, "Please add a dark theme to the mobile app") + 0.2);
  EXPECT_GT(similarity("no puedo iniciar sesión", "no se puede iniciar la sesion"),
            similarity("no puedo iniciar sesión", "la factura sale duplicada") + 0.2);
}

TEST(local_embedding, hears_what_comes_first_and_no_stop_words) {
  const auto start = times(100, "exports fail ");
  EXPECT_EQ(local_embedding(start + "and the invoice is wrong"), local_embedding(start + "dark"));
  EXPECT_EQ(local_embedding("the export is broken"), local_embedding("export broken"));
  EXPECT_NE(local_embedding("not now"), local_embedding("no, you should"));
}

TEST(local_embedding, never_changes) {
  // Vectors are kept: another hash would make old and new ones strangers.
  const auto vector = local_embedding("export fails");
  const auto strongest = std::max_element(
    vector.begin(), vector.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
  EXPECT_EQ(strongest - vector.begin(), 15);
  EXPECT_NEAR(*strongest, -0.179605, 1e-5);
}

} // namespace

} // namespace hub::domain
