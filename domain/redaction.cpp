#include "domain/redaction.hpp"

#include "domain/code_point.hpp"
#include "domain/common_words.hpp"
#include "domain/text.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace hub::domain {

namespace {

constexpr std::string_view name_placeholder = "[NAME]";
constexpr std::size_t most_names = 64;
constexpr std::size_t longest_name = 256; // bytes; what is longer is no name
constexpr std::size_t most_parts = 8;
constexpr std::size_t least_letters = 3;
constexpr std::size_t farthest_part = 4; // bytes between the parts of one name: ", " or " - "

/// A word of the original text and how `fold` leaves it.
struct word {
  std::string folded;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t letters = 0;
  bool unspaced = false; // of a script that writes words without spaces between them
};

bool is_unspaced(utf8proc_int32_t value) {
  return (value >= 0x0E00 && value <= 0x0EFF) || (value >= 0x1000 && value <= 0x109F)
         || (value >= 0x1780 && value <= 0x17FF) || (value >= 0x3040 && value <= 0x30FF)
         || (value >= 0x3400 && value <= 0x9FFF) || (value >= 0xAC00 && value <= 0xD7AF)
         || (value >= 0xF900 && value <= 0xFAFF) || (value >= 0x20000 && value <= 0x3FFFF);
}

/// The size of a placeholder such as "[EMAIL]" at the front of `text`: a customer called "Card"
/// must not take it apart.
std::size_t placeholder_size(std::string_view text) {
  constexpr std::size_t longest = 12;
  const auto close = text.substr(0, longest).find(']');
  if (!text.starts_with('[') || close == std::string_view::npos || close < 2)
    return 0;
  const auto inside = text.substr(1, close - 1);
  return std::ranges::all_of(inside, [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; })
           ? close + 1
           : 0;
}

std::vector<word> words_of(std::string_view text) {
  std::vector<word> words;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    if (const auto size = placeholder_size(text.substr(at)); size > 0) {
      inside = false;
      at += size;
      continue;
    }
    const auto [value, size] = front_of(text.substr(at));
    const bool unspaced = is_unspaced(value);
    if (is_letter(value) || (unspaced && is_mark(value))) {
      if (!inside || words.back().unspaced != unspaced)
        words.push_back({{}, at, at, 0, unspaced});
      inside = true;
      words.back().folded += fold(text.substr(at, size));
      words.back().letters += 1;
      words.back().end = at + size;
    } else if (inside && is_mark(value)) {
      words.back().end = at + size; // accents and invisible characters do not end a word
    } else {
      inside = false;
    }
    at += size;
  }
  return words;
}

struct known_names {
  std::vector<std::vector<std::string>> whole; // the parts of each name of several
  std::unordered_set<std::string> parts;       // that count alone
  std::vector<std::string> unspaced;
};

void learn(std::string_view name, known_names& known) {
  auto words = words_of(name);
  // "ana.garcia@example.com" as a display name is known for what stands before the '@'.
  const auto at_sign = name.find('@');
  std::vector<std::string> parts;
  std::string joined;
  for (auto& part : words) {
    if (at_sign != std::string_view::npos && at_sign > 0 && part.begin > at_sign)
      break;
    if (parts.size() == most_parts)
      break;
    if (part.unspaced && part.letters >= 2)
      known.unspaced.push_back(part.folded);
    if (!part.unspaced && part.letters >= least_letters && !is_common_word(part.folded))
      known.parts.insert(part.folded);
    joined += part.folded;
    parts.push_back(std::move(part.folded));
  }
  constexpr std::size_t telling = 6;
  if (parts.size() < 2 || joined.size() < telling)
    return;
  known.parts.insert(joined); // as handles write it: "anagarcia"
  known.whole.push_back(std::move(parts));
}

known_names learned(const std::vector<std::string>& names) {
  known_names known;
  for (std::size_t i = 0; i < std::min(names.size(), most_names); ++i)
    if (const auto clean = clean_utf8(names[i]); clean.size() <= longest_name)
      learn(clean, known);
  return known;
}

struct span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Whether what stands between two words lets them be parts of one name.
bool joins(std::string_view between) {
  return between.size() <= farthest_part
         && between.find_first_not_of(" ,.-_'\t\xC2\xA0\xE2\x80\x99") == std::string_view::npos;
}

/// How many words from `at` on are the whole of `name`; 0 if they are not.
std::size_t whole_at(std::string_view text,
                     const std::vector<word>& words,
                     std::size_t at,
                     const std::vector<std::string>& name) {
  if (words.size() - at < name.size())
    return 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto& w = words[at + i];
    if (w.folded != name[i])
      return 0;
    if (i > 0 && !joins(text.substr(words[at + i - 1].end, w.begin - words[at + i - 1].end)))
      return 0;
  }
  return name.size();
}

bool holds_unspaced(const word& w, const known_names& known) {
  return w.unspaced && std::ranges::any_of(known.unspaced, [&](const auto& name) {
           return w.folded.find(name) != std::string::npos;
         });
}

/// The places of an unspaced name inside `w`; the text is walked once for each place.
void find_inside(std::string_view text,
                 const word& w,
                 const known_names& known,
                 std::vector<span>& finds) {
  std::vector<std::size_t> origin; // of each byte of what is folded, and of its end
  for (auto at = w.begin; at < w.end;) {
    const auto size = front_of(text.substr(at)).size;
    const auto value = front_of(text.substr(at)).value;
    if (is_letter(value) || (is_unspaced(value) && is_mark(value)))
      origin.insert(origin.end(), fold(text.substr(at, size)).size(), at);
    at += size;
  }
  origin.push_back(w.end);
  for (const auto& name : known.unspaced)
    for (auto at = w.folded.find(name); at != std::string::npos;
         at = w.folded.find(name, at + name.size())) {
      // A fold may end inside a character (Hangul): the whole character goes.
      auto stop = at + name.size();
      while (stop < w.folded.size() && origin[stop] == origin[stop - 1])
        ++stop;
      finds.push_back({origin[at], origin[std::min(stop, origin.size() - 1)]});
    }
}

std::vector<span> find_names(std::string_view text, const known_names& known) {
  const auto words = words_of(text);
  std::vector<span> finds;
  for (std::size_t at = 0; at < words.size();) {
    std::size_t taken = 0;
    for (const auto& name : known.whole)
      taken = std::max(taken, whole_at(text, words, at, name));
    if (taken == 0 && !words[at].unspaced && known.parts.contains(words[at].folded))
      taken = 1;
    if (taken > 0)
      finds.push_back({words[at].begin, words[at + taken - 1].end});
    else if (holds_unspaced(words[at], known))
      find_inside(text, words[at], known, finds);
    at += std::max<std::size_t>(taken, 1);
  }
  std::ranges::sort(finds, {}, &span::begin);
  std::vector<span> apart;
  for (const auto& f : finds)
    if (!apart.empty()
        && (f.begin <= apart.back().end
            || joins(text.substr(apart.back().end, f.begin - apart.back().end))))
      apart.back().end = std::max(apart.back().end, f.end);
    else
      apart.push_back(f);
  return apart;
}

/// Characters without a picture that models read all the same, and line breaks JSON does not
/// escape.
std::string visible(std::string_view text) {
  std::string kept;
  kept.reserve(text.size());
  while (!text.empty()) {
    const auto [value, size] = front_of(text);
    if (value == 0x2028 || value == 0x2029 || value == 0x85)
      kept += '\n';
    else if (value < 0xE0000 || value > 0xE0FFF)
      kept += text.substr(0, size);
    text.remove_prefix(size);
  }
  return kept;
}

std::string
scrub_into(std::string_view text, const own_addresses& own, std::vector<redacted_piece>* taken) {
  auto clean = scrub(text, own);
  if (taken != nullptr)
    for (const auto& r : clean.redactions)
      taken->push_back(
        {std::string{to_string(r.type)}, std::string{text.substr(r.begin, r.end - r.begin)}});
  return std::move(clean.text);
}

} // namespace

std::string scrub_names(std::string_view text,
                        const std::vector<std::string>& names,
                        std::vector<redacted_piece>* taken) {
  const auto known = learned(names);
  if (known.parts.empty() && known.whole.empty() && known.unspaced.empty())
    return std::string{text};
  std::string clean;
  std::size_t at = 0;
  for (const auto& f : find_names(text, known)) {
    clean.append(text.substr(at, f.begin - at)).append(name_placeholder);
    if (taken != nullptr)
      taken->push_back({"name", std::string{text.substr(f.begin, f.end - f.begin)}});
    at = f.end;
  }
  return clean.append(text.substr(at));
}

std::string
redacted(std::string_view text, const privacy_rules& rules, std::vector<redacted_piece>* taken) {
  // Names come second, for half an address is none any more; what they uncover goes last.
  auto clean = scrub_into(visible(clean_utf8(text)), rules.own, taken);
  clean = scrub_names(clean, rules.names, taken);
  return scrub_into(clean, rules.own, taken);
}

} // namespace hub::domain
