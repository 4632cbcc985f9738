#pragma once

#include "config/schema.hpp"
#include "domain/result.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hub::config {

/// A value as it was written: text, or an array of texts in the settings file.
using written_value = std::variant<std::string, std::vector<std::string>>;

/// Reads a value as its setting wants it. The failure's message completes "http.bind: …" and never
/// repeats a secret.
domain::result<value> parse_value(const setting& of, const written_value& from);

/// The value as one would write it; a secret as asterisks.
std::string show_value(const setting& of, const value& shown);

} // namespace hub::config
