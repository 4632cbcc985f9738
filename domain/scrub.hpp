#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hub::domain {

/// What kinds of personal or secret data the scrubber knows.
enum class pii_type : std::uint8_t {
  email,
  phone,
  password,
  ssn,
  payment_card,
  iban,
  api_key,
  ip_address,
};

[[nodiscard]] std::string_view to_string(pii_type type);

/// One find, as byte offsets into the original text.
struct redaction {
  pii_type type{};
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct scrubbed {
  std::string text;                  // each find replaced by its placeholder, e.g. [EMAIL]
  std::vector<redaction> redactions; // in text order, never overlapping
  /// The distinct types found, sorted by name: the value of `pii_redacted_types`.
  [[nodiscard]] std::vector<std::string> types() const;
};

/// Mail addresses that are nobody's personal data: the company's own. In lower case.
struct own_addresses {
  std::vector<std::string> domains;   // "example.com": every mailbox there, none at sub.example.com
  std::vector<std::string> mailboxes; // "help@example.org"

  /// Whether `address`, as plain ASCII in either case, is one of them.
  [[nodiscard]] bool hold(std::string_view address) const;
};

/// Finds personal data in valid UTF-8 text and replaces it. Linear in the text (RE2).
/// Scrubbing scrubbed text changes nothing.
scrubbed scrub(std::string_view text);

/// The same, but `kept` addresses stay, unless they are part of something else that is hidden.
scrubbed scrub(std::string_view text, const own_addresses& kept);

} // namespace hub::domain
