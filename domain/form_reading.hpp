#pragma once

#include <string>
#include <string_view>

namespace hub::domain {

/// Undoes `application/x-www-form-urlencoded`: '+' is a space, %41 is 'A', a stray '%' stays.
std::string decode_form(std::string_view text);

/// The first value of `name` in a form, as clean UTF-8; empty when the form has none.
std::string form_value(std::string_view form, std::string_view name);

/// Whether a `Content-Type` header announces such a form, whatever its case and parameters.
bool announces_form(std::string_view content_type);

} // namespace hub::domain
