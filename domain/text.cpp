#include "domain/text.hpp"

#include "domain/code_point.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace hub::domain {

namespace {

constexpr std::size_t title_characters = 120;
constexpr std::size_t title_bytes = 1000;  // one grapheme may carry any number of combining marks
constexpr std::size_t title_source = 8192; // bytes of visible text that are looked at for a title
constexpr std::string_view no_text = "(no text)";
constexpr std::string_view ellipsis = "…";

void append(std::string& to, utf8proc_int32_t value) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto size = utf8proc_encode_char(value, bytes.data());
  to.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size));
}

bool is_space(utf8proc_int32_t value) {
  if (value < 0x80)
    return value == ' ' || (value >= '\t' && value <= '\r');
  const auto category = utf8proc_category(value);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL
         || category == UTF8PROC_CATEGORY_ZP || value == 0x85;
}

bool ends_line(utf8proc_int32_t value) {
  return value == '\n' || value == '\r' || value == 0x85 || value == 0x2028 || value == 0x2029;
}

bool ends_sentence(utf8proc_int32_t value) {
  return value == '.' || value == '!' || value == '?' || value == 0x3002 || value == 0xFF01
         || value == 0xFF1F;
}

/// Controls, and the marks that would let a title reorder the text around it.
bool is_dropped(utf8proc_int32_t value) {
  if (value < 0x80)
    return value < 0x20 || value == 0x7F;
  return value < 0xA0 || value == 0xFEFF || value == 0x200B || value == 0x200E || value == 0x200F
         || (value >= 0x202A && value <= 0x202E) || (value >= 0x2066 && value <= 0x2069);
}

bool is_visible(utf8proc_int32_t value) {
  if (value < 0x80)
    return value > ' ' && value < 0x7F;
  switch (utf8proc_category(value)) {
  case UTF8PROC_CATEGORY_CN:
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_CS:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
  case UTF8PROC_CATEGORY_ZS:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_ME:
    return false;
  default:
    return true;
  }
}

bool is_word(utf8proc_int32_t value) {
  switch (utf8proc_category(value)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_SO: // a lone emoji says something
    return true;
  default:
    return false;
  }
}

/// Whether a full stop behind `sentence` belongs to an abbreviation or an initial.
bool is_abbreviated(std::string_view sentence) {
  static constexpr std::array<std::string_view, 26> known{
    "mr",  "mrs", "ms",  "dr",     "prof",  "sr",  "sra", "srta", "st",
    "vs",  "etc", "e.g", "i.e",    "p.ej",  "ej",  "nr",  "num",  "fig",
    "inc", "ltd", "ud",  "approx", "aprox", "uds", "tel", "eg"};
  constexpr std::size_t longest = 8; // in bytes, with a space before
  const auto tail = sentence.substr(sentence.size() - std::min(sentence.size(), longest));
  const auto space = tail.find_last_of(" (");
  if (space == std::string_view::npos && tail.size() < sentence.size())
    return false;
  const auto word = fold(space == std::string_view::npos ? tail : tail.substr(space + 1));
  if (word.size() == 1)
    return word[0] >= 'a' && word[0] <= 'z';
  return std::ranges::find(known, word) != known.end();
}

/// "Hi team!" names no subject: a title is better taken from what follows.
bool is_greeting(std::string_view sentence) {
  static constexpr std::array<std::string_view, 33> known{
    "hi",   "hello",     "hey",      "hiya",    "hola",    "buenas",  "buenos",
    "dias", "tardes",    "noches",   "good",    "morning", "evening", "afternoon",
    "dear", "greetings", "saludos",  "all",     "team",    "there",   "everyone",
    "guys", "folks",     "equipo",   "a",       "todos",   "que",     "tal",
    "muy",  "estimados", "estimado", "support", "soporte"};
  const auto words = fold(sentence.substr(0, 64));
  std::size_t at = 0;
  bool any = false;
  while (at < words.size()) {
    const auto begin = words.find_first_of("abcdefghijklmnopqrstuvwxyz0123456789", at);
    if (begin == std::string::npos)
      break;
    at = std::min(words.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789", begin),
                  words.size());
    if (std::ranges::find(known, std::string_view{words}.substr(begin, at - begin)) == known.end())
      return false;
    any = true;
  }
  return any && sentence.size() <= 64;
}

/// Takes the first sentence or line off the front of `rest`, white space folded, controls dropped.
std::string take_sentence(std::string_view& rest) {
  std::string sentence;
  bool space_pending = false;
  bool stop_pending = false; // the last character may have been the end of the sentence
  bool worded = false;
  while (!rest.empty() && sentence.size() < title_source) {
    const auto [value, size] = front_of(rest);
    if (stop_pending && is_space(value))
      break;
    if (ends_line(value) && worded)
      break;
    if (is_space(value)) {
      space_pending = !sentence.empty();
    } else if (!is_dropped(value)) {
      if (space_pending)
        sentence += ' ';
      space_pending = false;
      // "…" and "..." pause a sentence more often than they end it.
      stop_pending = worded && ends_sentence(value)
                     && !(value == '.' && (sentence.ends_with('.') || is_abbreviated(sentence)));
      worded = worded || is_word(value);
      sentence.append(rest.substr(0, size));
    }
    rest.remove_prefix(size);
  }
  return sentence;
}

bool has_visible(std::string_view text) {
  while (!text.empty()) {
    const auto [value, size] = front_of(text);
    if (is_visible(value))
      return true;
    text.remove_prefix(size);
  }
  return false;
}

std::string shorten(std::string title) {
  if (prefix_of(title, title_characters, title_bytes).size() == title.size())
    return title;
  auto kept = prefix_of(title, title_characters - 1, title_bytes - ellipsis.size());
  // A cut between words reads better, unless the last word is most of the title.
  if (const auto space = kept.find_last_of(' ');
      title[kept.size()] != ' ' && space != std::string_view::npos && space > kept.size() / 4 * 3)
    kept = kept.substr(0, space);
  while (kept.ends_with(' '))
    kept.remove_suffix(1);
  if (!has_visible(kept))
    return std::string{no_text};
  return std::string{kept}.append(ellipsis);
}

} // namespace

std::string_view prefix_of(std::string_view text, std::size_t characters, std::size_t bytes) {
  utf8proc_int32_t state = 0;
  utf8proc_int32_t previous = 0;
  std::size_t at = 0;
  std::size_t whole = 0; // end of the last complete cluster that fits
  std::size_t clusters = 0;
  while (at < text.size()) {
    const auto [value, size] = front_of(text.substr(at));
    if (at == 0 || utf8proc_grapheme_break_stateful(previous, value, &state)) {
      whole = at;
      if (clusters++ == characters)
        return text.substr(0, whole);
    }
    if (at + size > bytes)
      return text.substr(0, whole);
    previous = value;
    at += size;
  }
  return text;
}

std::string title_of(std::string_view text) {
  std::string greeting;
  while (!text.empty()) {
    auto sentence = take_sentence(text);
    if (!has_visible(sentence))
      continue;
    if (!is_greeting(sentence))
      return shorten(std::move(sentence));
    if (greeting.empty())
      greeting = std::move(sentence);
  }
  return greeting.empty() ? std::string{no_text} : shorten(std::move(greeting));
}

std::string fold(std::string_view text) {
  std::string folded;
  folded.reserve(text.size());
  constexpr auto how =
    static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD
                                   | UTF8PROC_STRIPMARK | UTF8PROC_IGNORE);
  while (!text.empty()) {
    const auto [value, size] = front_of(text);
    text.remove_prefix(size);
    if (value < 0x80) {
      folded += static_cast<char>(value >= 'A' && value <= 'Z' ? value + ('a' - 'A') : value);
      continue;
    }
    std::array<utf8proc_int32_t, 32> parts{}; // the longest decomposition in Unicode is 18
    int bound_class = UTF8PROC_BOUNDCLASS_START;
    const auto count = utf8proc_decompose_char(
      value, parts.data(), static_cast<utf8proc_ssize_t>(parts.size()), how, &bound_class);
    for (utf8proc_ssize_t i = 0; i < std::min<utf8proc_ssize_t>(count, 32); ++i)
      append(folded, parts[static_cast<std::size_t>(i)]);
  }
  return folded;
}

} // namespace hub::domain
