#pragma once

#include "domain/result.hpp"
#include "domain/time.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Reads JSON that others wrote. Nothing here throws: a value that is missing or of another type
// reads as "nothing", and the caller decides whether it can live without it.
namespace hub::domain {

using json = nlohmann::json;

/// Deeper nesting is refused: copying and writing JSON recurse once per level.
inline constexpr std::size_t max_json_nesting = 64;

/// Whether brackets outside of strings nest deeper than that; looks at bytes, so it also holds for
/// what is not JSON at all.
[[nodiscard]] bool nests_too_deep(std::string_view bytes);

/// Parses `bytes`. Broken UTF-8, lone surrogate escapes and numbers too large for a double are
/// repaired (U+FFFD, U+FFFD, null) rather than refused; `malformed` when that does not help.
result<json> read_json(std::string_view bytes);

/// The member `key` of an object; JSON null when there is none.
const json& member(const json& object, std::string_view key);

/// The value at the end of a path of keys; JSON null when the path breaks off.
template <class... Keys>
const json& value_at(const json& from, const Keys&... keys) {
  const auto* at = &from;
  ((at = &member(*at, keys)), ...);
  return *at;
}

/// Valid UTF-8 without NUL; empty unless `value` is a string.
std::string text_of(const json& value);

/// A string or a whole number, as an identifier: kept to the byte, empty for anything else.
std::string id_of(const json& value);

/// A moment as providers write it: Unix seconds or milliseconds, as number or text, or RFC 3339.
/// Zero and less mean "not known".
std::optional<time_point> moment_of(const json& value);

/// A whole number, also one written as text.
std::optional<std::int64_t> number_of(const json& value);

/// `value` when it is an array, an empty array otherwise.
const json& list_of(const json& value);

template <class... Keys>
std::string text_at(const json& from, const Keys&... keys) {
  return text_of(value_at(from, keys...));
}

template <class... Keys>
std::string id_at(const json& from, const Keys&... keys) {
  return id_of(value_at(from, keys...));
}

template <class... Keys>
std::optional<time_point> moment_at(const json& from, const Keys&... keys) {
  return moment_of(value_at(from, keys...));
}

template <class... Keys>
const json& list_at(const json& from, const Keys&... keys) {
  return list_of(value_at(from, keys...));
}

/// Writes JSON without spaces; never throws.
std::string write_json(const json& value);

} // namespace hub::domain
