#include "domain/form_reading.hpp"

#include "domain/text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

namespace hub::domain {

std::string decode_form(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%' && i + 2 < text.size()) {
      std::uint8_t byte = 0;
      const auto* end = text.data() + i + 3;
      if (const auto [stop, error] = std::from_chars(text.data() + i + 1, end, byte, 16);
          error == std::errc{} && stop == end) {
        decoded += static_cast<char>(byte);
        i += 2;
        continue;
      }
    }
    decoded += c == '+' ? ' ' : c;
  }
  return decoded;
}

std::string form_value(std::string_view form, std::string_view name) {
  while (!form.empty()) {
    const auto pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(pair.size() + 1, form.size()));
    const auto key = pair.substr(0, pair.find('='));
    if (key.size() > name.size() * 3)
      continue;
    if (key == name || decode_form(key) == name)
      return clean_utf8(decode_form(pair.substr(std::min(key.size() + 1, pair.size()))));
  }
  return {};
}

bool announces_form(std::string_view content_type) {
  std::string lower{content_type.substr(0, 256)};
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower.find("application/x-www-form-urlencoded") != std::string::npos;
}

} // namespace hub::domain
