#include "http/server/edge/uri.hpp"

#include "http/server/edge/characters.hpp"

#include <cstddef>
#include <cstdint>

namespace hub::http::edge {
namespace {

int hex_digit(char c) {
  if (is_digit(c))
    return c - '0';
  const char l = to_lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

enum class plus { literal, space };

std::optional<std::string> decode(std::string_view text, plus meaning) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && meaning == plus::space) {
      c = ' ';
    }
    if (c == '\0')
      return std::nullopt;
    result += c;
  }
  if (!is_utf8(result))
    return std::nullopt;
  return result;
}

struct utf8_form {
  std::size_t tail;    // continuation bytes
  std::uint32_t bits;  // of the first byte
  std::uint32_t least; // anything smaller is overlong
};

std::optional<utf8_form> form_of(std::uint8_t first) {
  if (first < 0x80)
    return utf8_form{0, first, 0};
  if ((first & 0xe0U) == 0xc0U)
    return utf8_form{1, first & 0x1fU, 0x80};
  if ((first & 0xf0U) == 0xe0U)
    return utf8_form{2, first & 0x0fU, 0x800};
  if ((first & 0xf8U) == 0xf0U)
    return utf8_form{3, first & 0x07U, 0x10000};
  return std::nullopt;
}

} // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto form = form_of(static_cast<std::uint8_t>(text[i++]));
    if (!form || text.size() - i < form->tail)
      return false;
    auto point = form->bits;
    for (std::size_t end = i + form->tail; i < end; ++i) {
      const auto byte = static_cast<std::uint8_t>(text[i]);
      if ((byte & 0xc0U) != 0x80U)
        return false;
      point = point << 6U | (byte & 0x3fU);
    }
    if (point < form->least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
      return false;
  }
  return true;
}

std::optional<std::string> decode_path(std::string_view text) {
  return decode(text, plus::literal);
}

std::optional<query_pairs> decode_query(std::string_view text) {
  query_pairs result;
  while (!text.empty()) {
    auto pair = take_until(text, '&');
    if (pair.empty())
      continue;
    auto name = decode(take_until(pair, '='), plus::space);
    auto value = decode(pair, plus::space);
    if (!name || !value)
      return std::nullopt;
    result.emplace_back(std::move(*name), std::move(*value));
  }
  return result;
}

} // namespace hub::http::edge
