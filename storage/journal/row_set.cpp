#include "storage/journal/row_set.hpp"

namespace hub::storage {

void array_literal::separate() {
  if (text_.size() > 1)
    text_ += ',';
}

void array_literal::quote(std::string_view text) {
  text_ += '"';
  for (const char character : text) {
    if (character == '"' || character == '\\')
      text_ += '\\';
    text_ += character;
  }
  text_ += '"';
}

void array_literal::add(std::string_view text) {
  separate();
  quote(text);
}

void array_literal::add(bytes raw) {
  constexpr std::string_view digits = "0123456789abcdef";
  separate();
  text_ += "\"\\\\x"; // an escaped backslash: the element is \x…
  const auto start = text_.size();
  text_.resize(start + raw.value.size() * 2);
  auto* out = text_.data() + start;
  for (const char character : raw.value) {
    const auto byte = static_cast<unsigned char>(character);
    *out++ = digits[byte >> 4U];
    *out++ = digits[byte & 0xFU];
  }
  text_ += '"';
}

void array_literal::add(day_of day) {
  separate();
  text_ += domain::to_rfc3339(day.at).substr(0, 10);
}

void array_literal::add(const domain::uuid& id) {
  separate();
  text_ += to_string(id);
}

void array_literal::add(domain::time_point at) {
  add(std::string_view{domain::to_rfc3339(at)});
}

void array_literal::add(const std::vector<std::string>& texts) {
  array_literal inner;
  for (const auto& text : texts)
    inner.add(text);
  add(std::string_view{std::move(inner).finish()});
}

void array_literal::add(bool value) {
  separate();
  text_ += value ? 't' : 'f';
}

void array_literal::add_null() {
  separate();
  text_ += "NULL";
}

} // namespace hub::storage
