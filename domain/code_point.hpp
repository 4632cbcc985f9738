#pragma once

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

/// Single characters of UTF-8 text; for the files of this folder alone.
namespace hub::domain {

struct code_point {
  utf8proc_int32_t value = 0xFFFD;
  std::size_t size = 1; // in bytes
};

/// The code point at the front of `text`, which is not empty. A broken byte counts as U+FFFD.
inline code_point front_of(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80)
    return {first, 1};
  utf8proc_int32_t value = 0;
  const auto size =
    utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                     static_cast<utf8proc_ssize_t>(std::min<std::size_t>(text.size(), 4)),
                     &value);
  if (size <= 0)
    return {};
  return {value, static_cast<std::size_t>(size)};
}

inline bool is_letter(utf8proc_int32_t value) {
  if (value < 0x80)
    return (value >= 'a' && value <= 'z') || (value >= 'A' && value <= 'Z');
  switch (utf8proc_category(value)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
    return true;
  default:
    return false;
  }
}

/// Accents and joiners: what has no life of its own inside a word.
inline bool is_mark(utf8proc_int32_t value) {
  if (value < 0x80)
    return false;
  switch (utf8proc_category(value)) {
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_CF:
    return true;
  default:
    return false;
  }
}

inline bool is_number(utf8proc_int32_t value) {
  return value < 0x80 ? value >= '0' && value <= '9'
                      : utf8proc_category(value) == UTF8PROC_CATEGORY_ND;
}

inline bool is_white(utf8proc_int32_t value) {
  if (value < 0x80)
    return value == ' ' || (value >= '\t' && value <= '\r');
  const auto category = utf8proc_category(value);
  return value == 0x85 || category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL
         || category == UTF8PROC_CATEGORY_ZP;
}

} // namespace hub::domain
