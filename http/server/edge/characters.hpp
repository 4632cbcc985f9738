#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace hub::http::edge {

// The classes of RFC 9110, for ASCII alone: the C library's depend on the locale.

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr bool is_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// A control character that no head may carry; tab is white space, not control, here.
constexpr bool is_control(char c) {
  return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f;
}

constexpr bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alnum(c) || marks.find(c) != std::string_view::npos;
  });
}

/// A field value that cannot end its line or hide from a log.
constexpr bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), is_control);
}

inline std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), to_lower);
  return result;
}

constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return to_lower(x) == to_lower(y);
  });
}

constexpr std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Cuts the part before the first `separator` off `rest` and returns it.
constexpr std::string_view take_until(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return part;
}

} // namespace hub::http::edge
