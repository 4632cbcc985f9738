#include "domain/text.hpp"

#include <cstdint>

namespace hub::domain {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// What starts at the front of `text`: how many bytes belong together and whether they are valid.
struct sequence {
  std::size_t length;
  bool valid;
};

bool is_continuation(char byte) {
  return (static_cast<std::uint8_t>(byte) & 0xC0U) == 0x80U;
}

/// The second byte decides over-long forms, surrogates and what lies beyond U+10FFFF (RFC 3629).
bool is_second(std::uint8_t lead, char byte) {
  const auto second = static_cast<std::uint8_t>(byte);
  switch (lead) {
  case 0xE0:
    return second >= 0xA0 && second <= 0xBF;
  case 0xED:
    return second >= 0x80 && second <= 0x9F;
  case 0xF0:
    return second >= 0x90 && second <= 0xBF;
  case 0xF4:
    return second >= 0x80 && second <= 0x8F;
  default:
    return is_continuation(byte);
  }
}

sequence sequence_at(std::string_view text) {
  const auto lead = static_cast<std::uint8_t>(text.front());
  if (lead < 0x80)
    return {1, true};
  const std::size_t wanted = lead >= 0xC2 && lead <= 0xDF   ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 1;
  if (wanted == 1 || text.size() < 2)
    return {1, false};
  if (!is_second(lead, text[1])) {
    // An encoded surrogate is one broken character, not three.
    const bool surrogate =
      lead == 0xED && text.size() > 2 && is_continuation(text[1]) && is_continuation(text[2]);
    return {surrogate ? 3U : 1U, false};
  }
  for (std::size_t i = 2; i < wanted; ++i)
    if (i >= text.size() || !is_continuation(text[i]))
      return {i, false};
  return {wanted, true};
}

} // namespace

std::string clean_utf8(std::string_view text) {
  std::string cleaned;
  std::size_t kept = 0; // everything before is in `cleaned`
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    if (byte != 0 && byte < 0x80) {
      ++at;
      continue;
    }
    const auto found = sequence_at(text.substr(at));
    if (!found.valid || byte == 0) {
      cleaned += text.substr(kept, at - kept);
      if (byte != 0)
        cleaned += replacement;
      kept = at + found.length;
    }
    at += found.length;
  }
  cleaned += text.substr(kept);
  return cleaned;
}

} // namespace hub::domain
