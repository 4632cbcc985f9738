#include "http/sandbox/reading.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace hub::http::sandbox {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

std::string decode_form(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0
        && hex_digit(text[i + 2]) >= 0) {
      result += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      result += text[i] == '+' ? ' ' : text[i];
    }
  }
  return result;
}

bool has_shape(const json& value, shape wanted) {
  switch (wanted) {
  case shape::text:
    return value.is_string();
  case shape::number:
    return value.is_number();
  case shape::integer:
    return value.is_number_integer();
  case shape::boolean:
    return value.is_boolean();
  case shape::object:
    return value.is_object();
  case shape::array:
    return value.is_array();
  case shape::any:
    return true;
  }
  return false;
}

std::size_t size_of(const json& value) {
  if (value.is_string())
    return count_characters(value.get_ref<const std::string&>());
  return value.is_array() ? value.size() : 0;
}

} // namespace

token_state token_state_of(std::string_view token) {
  if (token.empty())
    return token_state::missing;
  if (token.starts_with("revoked"))
    return token_state::revoked;
  return token.starts_with("invalid") ? token_state::invalid : token_state::good;
}

token_state token_of(const edge::request& request) {
  constexpr std::string_view scheme = "bearer ";
  const auto given = request.header("authorization").value_or("");
  if (given.size() <= scheme.size()
      || !std::equal(scheme.begin(), scheme.end(), given.begin(), [](char want, char got) {
           return want == lower(got);
         }))
    return token_state::missing;
  auto token = given.substr(scheme.size());
  token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
  return token_state_of(token);
}

std::string media_type(const edge::request& request) {
  const auto given = request.header("content-type").value_or("");
  std::string type{given.substr(0, given.find_first_of("; "))};
  std::ranges::transform(type, type.begin(), lower);
  return type;
}

std::optional<json> json_object(std::string_view body) {
  // The reader repairs what others write; a provider refuses it.
  if (!json::accept(body))
    return std::nullopt;
  auto read = domain::read_json(body);
  if (!read || !read->is_object())
    return std::nullopt;
  return *std::move(read);
}

std::map<std::string, std::string> form_fields(std::string_view body) {
  std::map<std::string, std::string> fields;
  while (!body.empty()) {
    const auto end = body.find('&');
    const auto pair = body.substr(0, end);
    body = end == std::string_view::npos ? std::string_view{} : body.substr(end + 1);
    if (pair.empty())
      continue;
    const auto equals = pair.find('=');
    fields.emplace(decode_form(pair.substr(0, equals)),
                   equals == std::string_view::npos ? "" : decode_form(pair.substr(equals + 1)));
  }
  return fields;
}

std::size_t count_characters(std::string_view utf8) {
  return static_cast<std::size_t>(
    std::ranges::count_if(utf8, [](char c) { return !is_continuation(c); }));
}

std::size_t count_utf16(std::string_view utf8) {
  return count_characters(utf8) + static_cast<std::size_t>(std::ranges::count_if(utf8, [](char c) {
           return (static_cast<unsigned char>(c) & 0xf8U) == 0xf0U;
         }));
}

std::string first_characters(std::string_view utf8, std::size_t count) {
  std::size_t end = 0;
  while (end < utf8.size() && (count > 0 || is_continuation(utf8[end]))) {
    if (!is_continuation(utf8[end]))
      --count;
    ++end;
  }
  return std::string{utf8.substr(0, end)};
}

bool is_uuid(std::string_view text) {
  constexpr std::array<std::size_t, 4> dashes{8, 13, 18, 23};
  const bool dashed = text.size() == 36;
  if (!dashed && text.size() != 32)
    return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = dashed && std::ranges::find(dashes, i) != dashes.end();
    if (dash ? text[i] != '-' : hex_digit(text[i]) < 0)
      return false;
  }
  return true;
}

std::string plain_uuid(std::string_view text) {
  std::string plain;
  for (const char c : text)
    if (c != '-')
      plain += lower(c);
  if (plain.size() == 32)
    for (const std::size_t at : {20U, 16U, 12U, 8U})
      plain.insert(at, "-");
  return plain;
}

std::string_view name_of(shape what) {
  switch (what) {
  case shape::text:
    return "string";
  case shape::number:
    return "number";
  case shape::integer:
    return "integer";
  case shape::boolean:
    return "boolean";
  case shape::object:
    return "object";
  case shape::array:
    return "array";
  case shape::any:
    break;
  }
  return "value";
}

bool is_one_of(std::string_view text, std::string_view options) {
  while (true) {
    const auto end = options.find('|');
    if (options.substr(0, end) == text)
      return true;
    if (end == std::string_view::npos)
      return false;
    options.remove_prefix(end + 1);
  }
}

std::optional<problem> find_problem(const json& object, std::span<const field> fields) {
  using enum problem::kind;
  for (const auto& rule : fields)
    if (rule.required && !object.contains(std::string{rule.name}))
      return problem{missing, std::string{rule.name}, rule};
  for (const auto& [name, value] : object.items()) {
    const auto rule = std::ranges::find(fields, std::string_view{name}, &field::name);
    if (rule == fields.end())
      return problem{unknown, name};
    if (!has_shape(value, rule->is))
      return problem{wrong_type, name, *rule};
    if (size_of(value) > rule->most)
      return problem{too_long, name, *rule};
    if (!rule->one_of.empty()
        && !is_one_of(value.is_string() ? value.get_ref<const std::string&>() : value.dump(),
                      rule->one_of))
      return problem{not_one_of, name, *rule};
  }
  return std::nullopt;
}

edge::reply json_reply(int status, const json& body) {
  edge::reply answer;
  answer.status = status;
  answer.content_type = "application/json; charset=utf-8";
  answer.body = domain::write_json(body);
  return answer;
}

std::uint64_t mix(std::uint64_t number) {
  number += 0x9e3779b97f4a7c15U;
  number = (number ^ (number >> 30U)) * 0xbf58476d1ce4e5b9U;
  number = (number ^ (number >> 27U)) * 0x94d049bb133111ebU;
  return number ^ (number >> 31U);
}

std::uint64_t mix(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return mix(hash);
}

std::string made_id(std::string_view prefix, std::uint64_t number) {
  std::array<char, 17> digits{};
  std::snprintf(
    digits.data(), digits.size(), "%016llX", static_cast<unsigned long long>(mix(number)));
  return std::string{prefix} + digits.data();
}

std::string made_uuid(std::uint64_t number) {
  const auto high = mix(number);
  const auto low = mix(high);
  std::array<char, 37> text{};
  std::snprintf(text.data(),
                text.size(),
                "%08x-%04x-4%03x-a%03x-%012llx",
                static_cast<unsigned>(high >> 32U),
                static_cast<unsigned>(high >> 16U & 0xffffU),
                static_cast<unsigned>(high & 0xfffU),
                static_cast<unsigned>(low >> 52U),
                static_cast<unsigned long long>(low & 0xffffffffffffU));
  return text.data();
}

std::string from_base64(std::string_view text) {
  constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  unsigned have = 0;
  for (const char c : text) {
    const auto value = letters.find(c);
    if (value == std::string_view::npos)
      continue;
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    have += 6;
    if (have >= 8) {
      have -= 8;
      bytes += static_cast<char>(bits >> have & 0xffU);
    }
  }
  return bytes;
}

std::int64_t unix_seconds(time_point at) {
  return std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
}

} // namespace hub::http::sandbox
