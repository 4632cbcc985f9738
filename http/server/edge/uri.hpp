#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::http::edge {

/// Well-formed UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);

/// Decodes %XX; nullopt for a bad escape, a NUL, or bytes that are not UTF-8.
std::optional<std::string> decode_path(std::string_view text);

using query_pairs = std::vector<std::pair<std::string, std::string>>;

/// Decodes "a=1&b=2" in order, duplicates kept, '+' as a space; nullopt as for paths.
std::optional<query_pairs> decode_query(std::string_view text);

} // namespace hub::http::edge
