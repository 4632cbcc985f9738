#include "domain/csv.hpp"

#include <algorithm>
#include <array>

namespace hub::domain {

namespace {

// The last four are the full-width forms of the first, which some spreadsheets read alike.
constexpr std::array<std::string_view, 11> formula_starts{"=",
                                                          "+",
                                                          "-",
                                                          "@",
                                                          "\t",
                                                          "\r",
                                                          "\n",
                                                          "\xEF\xBC\x9D",
                                                          "\xEF\xBC\x8B",
                                                          "\xEF\xBC\x8D",
                                                          "\xEF\xBC\xA0"};

bool may_be_formula(std::string_view cell) {
  // Spreadsheets skip spaces before they look, and NULs are not written at all.
  const auto start = cell.find_first_not_of(std::string_view{" \0", 2});
  if (start == std::string_view::npos)
    return false;
  return std::ranges::any_of(formula_starts,
                             [&](auto prefix) { return cell.substr(start).starts_with(prefix); });
}

void put_cell(std::string& line, std::string_view cell) {
  line += '"';
  if (may_be_formula(cell))
    line += '\'';
  for (const char c : cell) {
    if (c == '"')
      line += '"';
    if (c != '\0')
      line += c;
  }
  line += '"';
}

} // namespace

std::string csv_line(std::span<const std::string_view> cells) {
  std::string line;
  for (const auto cell : cells) {
    if (!line.empty())
      line += ',';
    put_cell(line, cell);
  }
  return line += "\r\n";
}

} // namespace hub::domain
