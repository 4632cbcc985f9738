#pragma once

#include <string>
#include <string_view>

namespace hub::domain {

/// A JSON text with the personal data in its strings taken out; numbers, booleans and names stay.
/// What is not JSON is scrubbed as text and becomes a JSON string.
[[nodiscard]] std::string scrub_json(std::string_view text);

} // namespace hub::domain
