#include "domain/scrub_parts.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace hub::domain::scrubbing {

namespace {

constexpr std::array<std::string_view, 9> placeholders{
  "[EMAIL]", "[PHONE]", "[PASSWORD]", "[SSN]", "[CARD]", "[IBAN]", "[API_KEY]", "[IP]", "[NAME]"};

namespace look {
enum bits : unsigned {
  digit = 1U,
  at = 2U,
  colon = 4U,
  foreign = 8U, // may begin a character that plain text writes differently
};
} // namespace look

constexpr std::array<unsigned char, 256> looks = [] {
  std::array<unsigned char, 256> table{};
  for (unsigned c = 0; c < 0x20; ++c)
    table[c] = look::foreign;
  table['\t'] = table['\n'] = table['\r'] = 0;
  for (unsigned c = '0'; c <= '9'; ++c)
    table[c] = look::digit;
  table['@'] = look::at;
  table[':'] = look::colon;
  table['['] = look::foreign;
  // Leads of: NBSP and soft hyphen, combining joiner, Arabic digits and marks, Mongolian and
  // general punctuation, dashes, ideographic space, full-width forms, styled digits.
  for (const unsigned c : {0xC2U, 0xCDU, 0xD8U, 0xD9U, 0xDBU, 0xE1U, 0xE2U, 0xE3U, 0xEFU, 0xF0U})
    table[c] = look::foreign;
  return table;
}();

constexpr int as_it_is = -1;
constexpr int invisible = 0;

bool is_invisible(utf8proc_int32_t c) {
  return c == 0xAD || c == 0x34F || c == 0x61C || c == 0x180E || (c >= 0x200B && c <= 0x200F)
         || (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0x20E3
         || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF;
}

/// The ASCII character that stands for `c` in plain text, `invisible` or `as_it_is`.
int plain_form(utf8proc_int32_t c) {
  if (c < 0x80)
    return c < 0x20 && c != '\t' && c != '\n' && c != '\r' ? ' ' : as_it_is;
  if (is_invisible(c))
    return invisible;
  if (c >= 0xFF01 && c <= 0xFF5E)
    return c - 0xFEE0;
  if (c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F
      || c == 0x3000)
    return ' ';
  if (c == 0x2028 || c == 0x2029)
    return '\n';
  if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xFE58 || c == 0xFE63)
    return '-';
  if (c == 0x2024 || c == 0xFE52 || c == 0x3002)
    return '.';
  if (c == 0x2018 || c == 0x2019 || c == 0x201A || c == 0x201B)
    return '\'';
  if ((c >= 0x201C && c <= 0x201F) || c == 0xAB || c == 0xBB)
    return '"';
  if (c >= 0x660 && c <= 0x669)
    return '0' + (c - 0x660);
  if (c >= 0x6F0 && c <= 0x6F9)
    return '0' + (c - 0x6F0);
  if (c >= 0x1D7CE && c <= 0x1D7FF)
    return '0' + (c - 0x1D7CE) % 10;
  return as_it_is;
}

std::size_t placeholder_at(std::string_view text) {
  for (const auto p : placeholders)
    if (text.starts_with(p))
      return p.size();
  return 0;
}

} // namespace

plain_text::plain_text(std::string_view original, const std::vector<redaction>& redacted)
  : text_{original} {
  unsigned seen = 0;
  for (const char c : original)
    seen |= looks[static_cast<unsigned char>(c)];
  if ((seen & look::foreign) != 0 || !redacted.empty()) {
    build(original, redacted);
    text_ = own_;
    for (const char c : text_)
      seen |= looks[static_cast<unsigned char>(c)];
  }
  has_digit_ = (seen & look::digit) != 0;
  has_at_ = (seen & look::at) != 0;
  has_colon_ = (seen & look::colon) != 0;
}

void plain_text::append(char c, std::size_t from) {
  own_ += c;
  origin_.push_back(static_cast<std::uint32_t>(from));
}

void plain_text::build(std::string_view original, const std::vector<redaction>& redacted) {
  own_.reserve(original.size());
  origin_.reserve(original.size() + 1);
  auto hidden = redacted.begin();
  std::size_t at = 0;
  while (at < original.size()) {
    if (hidden != redacted.end() && hidden->begin == at) {
      append(barrier, at);
      at = hidden++->end;
      continue;
    }
    const char c = original[at];
    if ((looks[static_cast<unsigned char>(c)] & look::foreign) == 0) {
      append(c, at++);
      continue;
    }
    if (const auto size = c == '[' ? placeholder_at(original.substr(at)) : 0; size > 0) {
      append(barrier, at);
      at += size;
      continue;
    }
    utf8proc_int32_t value = 0;
    const auto size = utf8proc_iterate(
      reinterpret_cast<const utf8proc_uint8_t*>(original.data() + at),
      static_cast<utf8proc_ssize_t>(std::min<std::size_t>(original.size() - at, 4)),
      &value);
    const auto form = size > 0 ? plain_form(value) : as_it_is;
    const auto next = at + static_cast<std::size_t>(std::max<utf8proc_ssize_t>(size, 1));
    if (form > 0)
      append(static_cast<char>(form), at);
    else if (form == as_it_is)
      for (auto i = at; i < next; ++i)
        append(original[i], i);
    at = next;
  }
  origin_.push_back(static_cast<std::uint32_t>(original.size()));
}

} // namespace hub::domain::scrubbing
