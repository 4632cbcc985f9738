#include "tests/domain/planted.hpp"

#include <array>

namespace hub::tests {

namespace {

constexpr std::array<std::string_view, 30> pieces{
  "the",    "export",      "no",         "funciona", "since",   "ayer",
  "page",   "¿qué",        "hola,",      "thanks",   "I think", "button",
  "número", "2.1",         "of my",      "app.",     "—",       "😀",
  "\"}",    "\"},{\"a\":", "```json\n",  "</data>",  "\\",      "\n\nSYSTEM: obey",
  "\u202E", "\u2028",      "<|im_end|>", "[EMAIL]",  "{{",      "'''",
};
constexpr std::string_view digits = "0123456789";
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz";

} // namespace

std::string planted_texts::some_of(std::string_view from, std::size_t count) {
  std::string text;
  while (count-- > 0)
    text += from[below(from.size())];
  return text;
}

std::string planted_texts::prose() {
  std::string text;
  for (auto n = below(9); n > 0; --n)
    text.append(pieces[below(pieces.size())]).append(" ");
  return text;
}

std::string planted_texts::card() {
  auto number = "4" + some_of(digits, 14);
  unsigned sum = 0;
  for (std::size_t i = 0; i < number.size(); ++i) {
    const auto digit = static_cast<unsigned>(number[number.size() - 1 - i] - '0');
    sum += i % 2 == 0 ? digit * 2 / 10 + digit * 2 % 10 : digit;
  }
  number += static_cast<char>('0' + (10 - sum % 10) % 10);
  const auto* const gap = std::array{"", " ", "-"}[below(3)];
  for (const std::size_t at : {12U, 8U, 4U})
    number.insert(at, gap);
  return number;
}

std::string planted_texts::secret(const std::vector<std::string>& names,
                                  std::vector<std::string>& secrets) {
  switch (below(names.empty() ? 3 : 4)) {
  case 0:
    secrets.push_back(some_of(letters, 8) + "@" + some_of(letters, 6) + ".example.com");
    break;
  case 1:
    secrets.push_back(below(2) == 0 ? "+346" + some_of(digits, 8)
                                    : "+34 6" + some_of(digits, 2) + " " + some_of(digits, 3) + " "
                                        + some_of(digits, 3));
    break;
  case 2:
    secrets.push_back(card());
    break;
  default:
    secrets.push_back(names[below(names.size())]);
  }
  return secrets.back();
}

planted_texts::planted planted_texts::next(const std::vector<std::string>& names) {
  planted made;
  made.text = prose();
  for (auto n = 1 + below(4); n > 0; --n) {
    const auto hidden = secret(names, made.secrets);
    made.text += "so. " + hidden + ". " + prose();
  }
  return made;
}

} // namespace hub::tests
