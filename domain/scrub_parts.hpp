#pragma once

#include "domain/scrub.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What the files of the scrubber share; nobody else includes this.
namespace hub::domain::scrubbing {

/// How sure a find is of its type: where two overlap, the higher rank names the whole.
enum class rank : std::uint8_t {
  likely_number,  // a phone number, told by shape and words around it
  named_secret,   // what follows "password:" or "token="
  address,        // e-mail, IP
  checked_number, // IBAN, card, SSN: a checksum or a fixed form
  known_format,   // a key with a vendor's prefix, a private key, credentials in a URL
};

struct find {
  pii_type type{};
  rank strength{};
  std::size_t begin = 0; // offsets into plain_text::text
  std::size_t end = 0;
};

/// Stands in plain text for a placeholder, so that nothing is read into it or across it.
inline constexpr char barrier = '\x01';

/// The text as a reader sees it: invisible characters gone, exotic spaces, dashes, digits and
/// full-width forms made plain ASCII, placeholders and what is already redacted one `barrier` each.
class plain_text {
public:
  /// `redacted` is sorted and free of overlaps; both views must outlive this.
  plain_text(std::string_view original, const std::vector<redaction>& redacted);

  plain_text(const plain_text&) = delete;
  plain_text& operator=(const plain_text&) = delete;

  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] bool has_digit() const { return has_digit_; }
  [[nodiscard]] bool has_at() const { return has_at_; }
  [[nodiscard]] bool has_colon() const { return has_colon_; }

  /// The place in the original of a place in `text()`.
  [[nodiscard]] std::size_t origin(std::size_t at) const {
    return origin_.empty() ? at : origin_[at];
  }

private:
  void build(std::string_view original, const std::vector<redaction>& redacted);
  void append(char c, std::size_t from);

  std::string_view text_;
  std::string own_;
  std::vector<std::uint32_t> origin_; // empty where text is the original itself
  bool has_digit_ = false;
  bool has_at_ = false;
  bool has_colon_ = false;
};

// Each appends what it finds, in no particular order.
void find_secrets(const plain_text& plain, std::vector<find>& finds);
void find_addresses(const plain_text& plain, std::vector<find>& finds);
/// Numbers inside what is already found (IP addresses, keys) are left alone.
void find_numbers(const plain_text& plain, std::vector<find>& finds);

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_letter(char c) { // any byte of a character beyond ASCII counts
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
constexpr bool is_alnum(char c) {
  return is_letter(c) || is_digit(c);
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
/// The character at `at`, or a line break beyond the ends.
constexpr char char_at(std::string_view text, std::size_t at) {
  return at < text.size() ? text[at] : '\n';
}
constexpr char char_before(std::string_view text, std::size_t at) {
  return at > 0 ? text[at - 1] : '\n';
}

/// What the words before a number say about it.
namespace hint {
enum bits : std::uint32_t {
  none = 0,
  phone = 1U << 0U,        // "phone", "call me at"
  maybe_phone = 1U << 1U,  // "reach", "registered"
  other_number = 1U << 2U, // "order", "invoice", "ticket"
  card = 1U << 3U,
  ssn = 1U << 4U,
  version = 1U << 5U, // "version", "release", "section"
  network = 1U << 6U, // "ip", "address", "host"
  owner = 1U << 7U,   // "my", "su"
  number = 1U << 8U,  // "number": as good as the word before it
  filler = 1U << 9U,  // "is", "the", "at"
};
} // namespace hint

struct word_before {
  std::uint32_t hints = hint::none;
  bool has_digit = false;
  bool same_sentence = true;
  bool same_line = true;
};

/// Up to eight words before `at`, nearest first.
class words_before {
public:
  words_before(std::string_view text, std::size_t at);

  [[nodiscard]] const word_before* begin() const { return words_; }
  [[nodiscard]] const word_before* end() const { return words_ + size_; }

  /// Whether one of the nearest `reach` words carries one of `wanted`.
  [[nodiscard]] bool has(std::uint32_t wanted, std::size_t reach) const;

private:
  static constexpr std::size_t most = 8;
  word_before words_[most];
  std::size_t size_ = 0;
};

/// What the words make of a number: `phone`, `maybe_phone`, `other_number` or `none`. At most
/// `most_other_words` that say neither may stand between "phone" and the number.
[[nodiscard]] std::uint32_t phone_hint(const words_before& words, std::size_t most_other_words = 3);

} // namespace hub::domain::scrubbing
