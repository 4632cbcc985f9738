#pragma once

#include "domain/report.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hub::tests {

using normaliser = domain::result<domain::intake> (*)(const domain::raw_delivery&);

/// Normalises the bytes and aborts where the outcome breaks what every caller relies on: sound
/// UTF-8 without NUL, usable identifiers, payloads of single items that read back to that item.
void check_normaliser(normaliser normalise, std::string_view body, std::string_view content_type);

/// Aborts unless `text` is valid UTF-8 without NUL.
void check_text(std::string_view text);

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

} // namespace hub::tests
