#include "domain/csv.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace hub::domain {
namespace {

std::string cell(std::string_view text) {
  const std::array<std::string_view, 1> one{text};
  auto line = csv_line(one);
  EXPECT_TRUE(line.ends_with("\r\n"));
  line.resize(line.size() - 2);
  return line;
}

TEST(csv, quotes_every_cell_and_joins_them) {
  const std::array<std::string_view, 4> cells{"a", "", "b,c", "say \"hi\"\nthere"};
  EXPECT_EQ(csv_line(cells), "\"a\",\"\",\"b,c\",\"say \"\"hi\"\"\nthere\"\r\n");
}

TEST(csv, shows_formulas_as_text) {
  for (const auto& formula : std::vector<std::string>{"=1+1",
                                                      "=cmd|' /C calc'!A0",
                                                      "+1",
                                                      "-2+3",
                                                      "@SUM(A1)",
                                                      "\t=1",
                                                      "\r=1",
                                                      "\n=1",
                                                      "  =1",
                                                      std::string("\0=1", 3),
                                                      "=HYPERLINK(\"http://a\",\"b\")",
                                                      "\xEF\xBC\x9D"
                                                      "1",
                                                      "\xEF\xBC\x8B"
                                                      "1",
                                                      "\xEF\xBC\x8D"
                                                      "1",
                                                      "\xEF\xBC\xA0"
                                                      "1"})
    EXPECT_TRUE(cell(formula).starts_with("\"'")) << formula;
}

TEST(csv, leaves_other_text_alone) {
  EXPECT_EQ(cell("a=b"), "\"a=b\"");
  EXPECT_EQ(cell("anna@example.com"), "\"anna@example.com\"");
  EXPECT_EQ(cell("  spaced"), "\"  spaced\"");
  EXPECT_EQ(cell(std::string("a\0b", 3)), "\"ab\"") << "no reader knows what to do with it";
}

} // namespace
} // namespace hub::domain
