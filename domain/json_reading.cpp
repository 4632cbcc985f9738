#include "domain/json_reading.hpp"

#include "domain/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace hub::domain {

namespace {

/// The code unit of `\uXXXX` at the front of `text`.
std::optional<unsigned> escaped_unit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u')
    return std::nullopt;
  unsigned unit = 0;
  const auto* end = text.data() + 6;
  if (const auto [stop, error] = std::from_chars(text.data() + 2, end, unit, 16);
      error != std::errc{} || stop != end)
    return std::nullopt;
  return unit;
}

bool is_high_surrogate(unsigned unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}

bool is_low_surrogate(unsigned unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

/// Copies one escape sequence from the front of `text`, lone surrogates as U+FFFD; returns its
/// length.
std::size_t repair_escape(std::string_view text, std::string& repaired) {
  const auto unit = escaped_unit(text);
  std::size_t length = unit ? 6 : std::min<std::size_t>(2, text.size());
  if (unit && is_high_surrogate(*unit)) {
    const auto next = escaped_unit(text.substr(6));
    if (next && is_low_surrogate(*next)) {
      length = 12;
    } else {
      repaired += "\\ufffd";
      return length;
    }
  } else if (unit && is_low_surrogate(*unit)) {
    repaired += "\\ufffd";
    return length;
  }
  repaired += text.substr(0, length);
  return length;
}

/// Copies the number at the front of `text`, or null where no double can hold it; returns its
/// length.
std::size_t repair_number(std::string_view text, std::string& repaired) {
  const auto length = std::min(text.find_first_not_of("+-.0123456789Ee"), text.size());
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + length, value);
  if (error == std::errc::result_out_of_range && stop == text.data() + length)
    repaired += "null";
  else
    repaired += text.substr(0, length);
  return length;
}

/// Mends what senders are known to get wrong inside otherwise sound JSON.
std::string repair(std::string_view bytes) {
  const auto text = clean_utf8(bytes);
  const std::string_view all = text;
  std::string repaired;
  repaired.reserve(text.size());
  bool in_string = false;
  for (std::size_t i = 0; i < all.size();) {
    const char c = all[i];
    if (in_string && c == '\\') {
      i += repair_escape(all.substr(i), repaired);
    } else if (!in_string && (c == '-' || (c >= '0' && c <= '9'))) {
      i += repair_number(all.substr(i), repaired);
    } else {
      in_string = in_string != (c == '"');
      repaired += c;
      ++i;
    }
  }
  return repaired;
}

std::optional<time_point> known(result<time_point> read) {
  if (!read || *read <= time_point{})
    return std::nullopt;
  return *read;
}

/// Numbers too large to be seconds within four-digit years are milliseconds.
std::optional<time_point> moment_from(double number) {
  constexpr double last_second = 253402300799;
  if (!std::isfinite(number) || number <= 0 || number / 1000 > last_second)
    return std::nullopt;
  const double milliseconds = number > last_second ? number : number * 1000;
  return time_point{std::chrono::milliseconds{std::llround(milliseconds)}};
}

} // namespace

bool nests_too_deep(std::string_view bytes) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > max_json_nesting)
        return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

result<json> read_json(std::string_view bytes) {
  if (nests_too_deep(bytes))
    return fail(errc::malformed, "the body nests JSON more than 64 levels deep");
  auto parsed = json::parse(bytes, nullptr, false);
  if (parsed.is_discarded())
    parsed = json::parse(repair(bytes), nullptr, false);
  if (parsed.is_discarded())
    return fail(errc::malformed, "the body is not JSON");
  return parsed;
}

const json& member(const json& object, std::string_view key) {
  static const json nothing;
  if (!object.is_object())
    return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string text_of(const json& value) {
  const auto* text = value.get_ptr<const json::string_t*>();
  return text == nullptr ? std::string{} : clean_utf8(*text);
}

std::string id_of(const json& value) {
  if (const auto* text = value.get_ptr<const json::string_t*>())
    return *text;
  if (const auto* number = value.get_ptr<const json::number_unsigned_t*>())
    return std::to_string(*number);
  if (const auto* number = value.get_ptr<const json::number_integer_t*>())
    return std::to_string(*number);
  return {};
}

std::optional<time_point> moment_of(const json& value) {
  if (const auto* text = value.get_ptr<const json::string_t*>()) {
    if (auto seconds = parse_unix_seconds(*text))
      return known(seconds);
    std::int64_t number = 0;
    const auto* end = text->data() + text->size();
    if (const auto [stop, error] = std::from_chars(text->data(), end, number);
        error == std::errc{} && stop == end)
      return moment_from(static_cast<double>(number));
    return known(parse_rfc3339(*text));
  }
  return value.is_number() ? moment_from(value.get<double>()) : std::nullopt;
}

std::optional<std::int64_t> number_of(const json& value) {
  const auto digits = id_of(value);
  std::int64_t number = 0;
  const auto* end = digits.data() + digits.size();
  if (const auto [stop, error] = std::from_chars(digits.data(), end, number);
      error != std::errc{} || stop != end)
    return std::nullopt;
  return number;
}

const json& list_of(const json& value) {
  static const json empty = json::array();
  return value.is_array() ? value : empty;
}

std::string write_json(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace hub::domain
