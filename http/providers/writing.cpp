#include "http/providers/writing.hpp"

#include <algorithm>
#include <utility>

namespace hub::http::providers {

client::call bearer_call(std::string_view provider,
                         std::string_view operation,
                         std::string_view method,
                         std::string_view base_url,
                         std::string_view path,
                         std::string_view token,
                         const domain::json& body) {
  while (base_url.ends_with('/'))
    base_url.remove_suffix(1);
  client::call what;
  what.provider = provider;
  what.operation = operation;
  what.method = method;
  what.url.append(base_url).append(path);
  what.headers.emplace_back("Authorization", std::string{"Bearer "}.append(token));
  what.headers.emplace_back("Accept", "application/json");
  if (!body.is_null()) {
    what.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
    what.body = domain::write_json(body);
  }
  return what;
}

std::string encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                       || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain)
      out += c;
    else
      (out += '%').append(1, digits[byte >> 4U]).append(1, digits[byte & 0xFU]);
  }
  return out;
}

std::size_t utf16_length(std::string_view text) {
  std::size_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool starts = (byte & 0xC0U) != 0x80U;
    units += (starts ? 1U : 0U) + (byte >= 0xF0U ? 1U : 0U);
  }
  return units;
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    case '\'':
      out += "&#39;";
      break;
    default:
      out += c;
    }
  }
  return out;
}

} // namespace hub::http::providers
