#include "domain/redaction.hpp"

#include "domain/text.hpp"
#include "tests/domain/planted.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace hub::domain {

namespace {

struct naming {
  std::vector<std::string> names;
  std::string_view text;
  std::string_view clean;
};

TEST(scrub_names, hides_whole_names_and_telling_parts) {
  const std::vector<naming> cases{
    {{"Ana García"}, "Soy Ana García, hola", "Soy [NAME], hola"},
    {{"Ana García"}, "ANA GARCIA and ana garcía", "[NAME] and [NAME]"},
    {{"Ana Garci\u0301a"}, "García", "[NAME]"},
    {{"Ana García"}, "Garci\u0301a.", "[NAME]."},
    {{"Ana García"}, "García, Ana", "[NAME]"},
    {{"Ana García"}, "ana.garcia ana_garcia ana-garcia anagarcia", "[NAME]"},
    {{"Ana García"}, "ana99 wrote", "[NAME]99 wrote"},
    {{"Ana García"}, "Ana's export", "[NAME]'s export"},
    {{"Ana García"}, "A\u200Bna", "[NAME]"},
    {{"Ana García"}, "Ａｎａ", "[NAME]"},
    {{"Ana García"}, "banana, Anabel, García's", "banana, Anabel, [NAME]'s"},
    {{"Ana García"}, "Anas", "Anas"},
    {{"Sean O'Brien"}, "O'Brien and O\u2019Brien", "O'[NAME] and O\u2019[NAME]"},
    {{"Sean O'Brien"}, "I am Sean O'Brien", "I am [NAME]"},
    {{"José de la Cruz"},
     "José de la Cruz y la cruz de la moneda",
     "[NAME] y la cruz de la moneda"},
    {{"Li Wei"}, "li is a list item", "li is a list item"},
    {{"Mark Will"}, "I will mark it", "I will mark it"},
    {{"Mark Will"}, "regards, Mark Will", "regards, [NAME]"},
    {{"Rosa"}, "the rosa button", "the rosa button"},
    {{"Support Team"}, "the team gives support", "the team gives support"},
    {{"Support Team"}, "says Support Team", "says [NAME]"},
    {{"Jürgen Groß"}, "JUERGEN? jurgen GROSS", "JUERGEN? [NAME]"},
    {{"Иван Петров"}, "это ИВАН петров", "это [NAME]"},
    {{"王小明"}, "我是王小明，你好", "我是[NAME]，你好"},
    {{"김민수"}, "김민수가 말했다", "[NAME]가 말했다"},
    {{"ana.garcia@example.com"}, "ask garcia about example", "ask [NAME] about example"},
    {{"@ana"}, "ana", "[NAME]"},
    {{""}, "nothing", "nothing"},
    {{"  ", "!!", "😀"}, "nothing 😀", "nothing 😀"},
    {{"U02ABCDEF"}, "U02ABCDEF", "U02[NAME]"},
    {{"Card Email"}, "[EMAIL] [CARD] [PHONE]", "[EMAIL] [CARD] [PHONE]"},
    {{"Zoe Kard"}, "[KARD] [NAME] zoe", "[KARD] [NAME] [NAME]"},
    {{"Ana García", "Luis Pérez"}, "García met Pérez", "[NAME] met [NAME]"},
  };
  for (const auto& [names, text, clean] : cases)
    EXPECT_EQ(scrub_names(text, names), clean) << text;
}

TEST(scrub_names, tells_what_it_took) {
  std::vector<redacted_piece> taken;
  scrub_names("de Ana García", {"Ana García"}, &taken);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].type, "name");
  EXPECT_EQ(taken[0].original, "Ana García");
}

TEST(scrub_names, reads_sixty_four_names_and_no_novels) {
  std::vector<std::string> names(64, "Nobody Here");
  names.emplace_back("Late Comerson");
  EXPECT_EQ(scrub_names("comerson", names), "comerson");
  std::string novel(300, 'a');
  novel += " abc";
  EXPECT_EQ(scrub_names("abc", {novel}), "abc");
}

TEST(scrub_names, stays_linear_on_hostile_text) {
  const std::vector<std::string> names(64, "Ana Ana Ana Ana Ana Ana Ana Zed");
  for (const std::string_view unit : {"ana ", "a", "王", "[", "a\u0301", "\u0301", "[A", "ana王"}) {
    std::string text;
    while (text.size() < (1U << 18U))
      text += unit;
    const auto clean = scrub_names(text, names);
    EXPECT_EQ(clean_utf8(clean), clean) << unit;
  }
}

TEST(own_addresses, stay_and_nobody_elses) {
  const own_addresses own{{"acme.example"}, {"help@gmail.com"}};
  const std::vector<std::pair<std::string_view, std::string_view>> cases{
    {"write to support@acme.example", "write to support@acme.example"},
    {"Support@ACME.example", "Support@ACME.example"},
    {"help@gmail.com or helpx@gmail.com", "help@gmail.com or [EMAIL]"},
    {"ana@sub.acme.example", "[EMAIL]"},
    {"ana@acme.example.evil.com", "[EMAIL]"},
    {"ana@notacme.example", "[EMAIL]"},
    {"ana@gmail.com,info@acme.example", "[EMAIL],info@acme.example"},
    {"password: info@acme.example", "password: [PASSWORD]"},
    {"4111111111111111@acme.example", "[CARD]@acme.example"},
  };
  for (const auto& [text, clean] : cases) {
    EXPECT_EQ(scrub(text, own).text, clean);
    EXPECT_EQ(scrub(scrub(text, own).text, own).text, scrub(text, own).text) << text;
  }
  EXPECT_FALSE(own.hold("acme.example"));
  EXPECT_FALSE(own.hold("@acme.example"));
}

TEST(redacted, hides_addresses_before_names_take_them_apart) {
  const privacy_rules rules{{"Ana García"}, {{"acme.example"}, {}}};
  EXPECT_EQ(redacted("Ana, ana.garcia@gmail.com, help@acme.example", rules),
            "[NAME], [EMAIL], help@acme.example");
  EXPECT_EQ(redacted("ana@acme.example", rules), "[NAME]@acme.example");
}

TEST(redacted, drops_what_only_models_read) {
  EXPECT_EQ(redacted("a\U000E0041\U000E007Fb\u2028c\xFFz", {}), "ab\nc\uFFFDz");
}

TEST(redacted, settles_at_once) {
  const privacy_rules rules{{"Zoraida Quiñones", "Bartholomew", "Password Card"}, {}};
  tests::planted_texts make{99};
  for (int round = 0; round < 3000; ++round) {
    const auto text = make.next({"Zoraida", "bartholomew", "password card", "card: "}).text;
    const auto once = redacted(text, rules);
    ASSERT_EQ(redacted(once, rules), once) << text;
    ASSERT_EQ(clean_utf8(once), once) << text;
  }
}

TEST(redacted, tells_every_piece) {
  std::vector<redacted_piece> taken;
  EXPECT_EQ(redacted("Ana: a@b.co", {{"Ana Zed"}, {}}, &taken), "[NAME]: [EMAIL]");
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].type, "email");
  EXPECT_EQ(taken[0].original, "a@b.co");
  EXPECT_EQ(taken[1].original, "Ana");
}

} // namespace

} // namespace hub::domain
