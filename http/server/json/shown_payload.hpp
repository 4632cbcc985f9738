#pragma once

#include <nlohmann/json.hpp>

#include <string_view>

namespace hub::http {

/// Payloads beyond this are not scrubbed for a page; the page says how large they are.
inline constexpr std::size_t largest_shown_payload = 64UL * 1024;

/// A delivery's bytes as a page may show them: read first, JSON or form, then scrubbed in every
/// text as a person would read it, since an escape hides personal data from the scrubber and not
/// from the page. What cannot be read is not shown.
nlohmann::json shown_payload(std::string_view payload);

} // namespace hub::http
