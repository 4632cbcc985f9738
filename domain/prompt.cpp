#include "domain/prompt.hpp"

#include "domain/code_point.hpp"
#include "domain/json_reading.hpp"
#include "domain/text.hpp"

namespace hub::domain {

namespace {

constexpr std::string_view ellipsis = "…";
// On average, with room for one long emoji: marks can be piled up without end.
constexpr std::size_t bytes_a_character = 8;
constexpr std::size_t spare_bytes = 64;

bool is_dropped(utf8proc_int32_t value) {
  if (value < 0xA0)
    return value < 0x20 || value >= 0x7F;
  return value == 0x200B || value == 0x200E || value == 0x200F || value == 0xFEFF
         || (value >= 0x202A && value <= 0x202E) || (value >= 0x2066 && value <= 0x2069);
}

} // namespace

std::string data_block(const std::vector<std::pair<std::string_view, std::string>>& members) {
  std::string block{"{"};
  for (const auto& [name, value] : members) {
    block += block.size() == 1 ? "\n" : ",\n";
    block += "  " + write_json(std::string{name}) + ": ";
    for (const char c : write_json(value)) {
      if (c == '<')
        block += "\\u003c";
      else if (c == '>')
        block += "\\u003e";
      else
        block += c;
    }
  }
  return block + "\n}";
}

std::string abbreviated(std::string_view text, std::size_t characters) {
  const auto bytes = characters * bytes_a_character + spare_bytes;
  if (prefix_of(text, characters, bytes).size() == text.size())
    return std::string{text};
  return std::string{prefix_of(text, characters - 1, bytes - ellipsis.size())}.append(ellipsis);
}

bool says_something(std::string_view text) {
  while (!text.empty()) {
    const auto [value, size] = front_of(text);
    if (is_letter(value) || is_number(value))
      return true;
    text.remove_prefix(size);
  }
  return false;
}

std::string one_paragraph(std::string_view text) {
  std::string folded;
  bool space_pending = false;
  while (!text.empty()) {
    const auto [value, size] = front_of(text);
    if (is_white(value)) {
      space_pending = !folded.empty();
    } else if (!is_dropped(value)) {
      if (space_pending)
        folded += ' ';
      space_pending = false;
      folded += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return folded;
}

} // namespace hub::domain
