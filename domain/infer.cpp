#include "domain/infer.hpp"

#include "domain/infer_terms.hpp"
#include "domain/text.hpp"
#include "domain/type_evidence.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace hub::domain {

namespace {

using terms::role;
using terms::term;

constexpr std::size_t most_bytes = 16'384;
constexpr std::size_t longest_phrase = 6; // words
constexpr std::size_t negation_reach = 4; // words
constexpr int named_type_weight = 12;

constexpr std::uint64_t hash_word(std::string_view word) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : word)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

constexpr std::uint64_t join(std::uint64_t phrase, std::uint64_t word) {
  return (phrase ^ (word >> 7U)) * 0x9E3779B97F4A7C15ULL + word;
}

/// The phrases of `infer_terms.hpp` by the hash of their words.
class phrase_book {
public:
  phrase_book() {
    slots_.resize(8192);
    for (const auto& t : terms::incidents)
      add(t);
    for (const auto& t : terms::bugs)
      add(t);
    for (const auto& t : terms::wishes)
      add(t);
    for (const auto& t : terms::questions)
      add(t);
    for (const auto& t : terms::urgencies)
      add(t);
    for (const auto& t : terms::grammar)
      add(t);
    add_labels();
  }

  struct found {
    const term* what = nullptr; // null for a mere beginning of a longer phrase
    bool continues = false;     // some longer phrase begins with these words
  };

  [[nodiscard]] found find(std::uint64_t hash) const {
    for (auto at = index(hash);; at = next(at))
      if (slots_[at].hash == hash)
        return {slots_[at].what < 0 ? nullptr : &kept_[static_cast<std::size_t>(slots_[at].what)],
                slots_[at].continues};
      else if (slots_[at].hash == 0)
        return {};
  }

private:
  struct slot {
    std::uint64_t hash = 0;
    std::int32_t what = -1;
    bool continues = false;
  };

  [[nodiscard]] std::size_t index(std::uint64_t hash) const {
    return static_cast<std::size_t>(hash >> 40U) & (slots_.size() - 1);
  }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }

  slot& slot_of(std::uint64_t hash) {
    auto at = index(hash);
    while (slots_[at].hash != 0 && slots_[at].hash != hash)
      at = next(at);
    slots_[at].hash = hash;
    return slots_[at];
  }

  void add(const term& t) { add(t.words, t); }

  void add(std::string_view words, const term& meaning) {
    std::uint64_t hash = 0;
    while (!words.empty()) {
      const auto space = std::min(words.find(' '), words.size());
      hash = join(hash, hash_word(words.substr(0, space)));
      words.remove_prefix(std::min(space + 1, words.size()));
      if (!words.empty())
        slot_of(hash).continues = true;
    }
    auto& entry = slot_of(hash);
    if (entry.what >= 0)
      return; // the first mention counts
    entry.what = static_cast<std::int32_t>(kept_.size());
    kept_.push_back(meaning);
  }

  void add_labels() {
    const auto label = [this](const std::string& words, int level) {
      add(words, {terms::both, {}, terms::label, terms::no_type, 0, level});
    };
    for (const auto& [word, level] : terms::level_names)
      label(std::string{word}, level);
    for (const auto noun : terms::label_nouns) {
      const auto after_noun = [&](const terms::level_word& named) {
        label(std::string{noun}.append(" ").append(named.word), named.level);
        for (const auto link : terms::label_links)
          label(std::string{noun}.append(" ").append(link).append(" ").append(named.word),
                named.level);
      };
      for (const auto& named : terms::level_words) {
        after_noun(named);
        label(std::string{named.word}.append(" ").append(noun), named.level);
      }
      for (const auto& named : terms::level_numbers)
        after_noun(named);
    }
  }

  std::vector<slot> slots_;
  std::vector<term> kept_;
};

const phrase_book& phrases() {
  static const phrase_book book;
  return book;
}

struct word {
  std::string_view text;
  std::uint64_t hash = 0;
  std::uint32_t clause = 0; // rises at punctuation; phrases and negation stay within one
  bool opens_line = false;
  bool colon_after = false; // a colon or bracket closes it, as in "Bug: …" and "[bug] …"
};

struct reading {
  std::vector<word> words;
  bool asks = false; // some sentence ends with a question mark
};

/// Bytes of the letter or digit at `at` in folded text; 0 where there is something else. Symbols,
/// typographic punctuation and emoji (U+0080–00BF, U+2000–2FFF, above U+FFFF) are no letters.
std::size_t letter_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80)
    return (lead >= 'a' && lead <= 'z') || (lead >= '0' && lead <= '9') ? 1 : 0;
  if (lead >= 0xC3 && lead < 0xE0)
    return 2;
  return lead >= 0xE0 && lead < 0xF0 && lead != 0xE2 ? 3 : 0;
}

/// Bytes of the apostrophe at `at` ("can't", typed or typeset); 0 where there is none.
std::size_t apostrophe_at(std::string_view text, std::size_t at) {
  if (text[at] == '\'')
    return 1;
  return text.substr(at, 3) == "\xE2\x80\x99" ? 3 : 0;
}

bool ends_clause(char c) {
  return c == '.' || c == ',' || c == ';' || c == '!' || c == '?' || c == '\n' || c == '('
         || c == ')';
}

/// Splits folded text into words. Addresses of web pages are left out: "/error/404" in one says
/// nothing. Apostrophes vanish, so the words point into `kept`, which must outlive them.
class word_reader {
public:
  word_reader(std::string_view folded, std::string& kept) : folded_{folded}, kept_{kept} {
    kept_.clear();
    kept_.reserve(folded.size()); // never grows beyond, so that views into it stay valid
    words_.reserve(folded.size() / 5 + 1);
  }

  reading read() {
    while (at_ < folded_.size())
      if (letter_at(folded_, at_) > 0)
        take_word();
      else
        take_separator();
    return {std::move(words_), asks_};
  }

private:
  void take_word() {
    const auto begin = kept_.size();
    while (at_ < folded_.size()) {
      const auto size = std::min(letter_at(folded_, at_), folded_.size() - at_);
      const auto quote = size > 0 ? 0 : apostrophe_at(folded_, at_);
      if (size + quote == 0)
        break;
      kept_.append(folded_.substr(at_, size));
      at_ += size + quote;
    }
    const std::string_view letters{kept_.data() + begin, kept_.size() - begin};
    words_.push_back({letters, hash_word(letters), clause_, opens_line_, false});
    opens_line_ = false;
  }

  void take_separator() {
    const char c = folded_[at_];
    if (folded_.substr(at_, 3) == "://") {
      at_ = std::min(folded_.find_first_of(" \n\t", at_), folded_.size());
      if (!words_.empty())
        words_.pop_back();
      return;
    }
    clause_ += ends_clause(c) ? 1 : 0;
    opens_line_ = opens_line_ || c == '\n';
    if (c == '?') {
      const auto after = folded_.find_first_not_of("?!)\"'", at_);
      asks_ =
        asks_ || after == std::string_view::npos || folded_[after] == ' ' || folded_[after] == '\n';
      at_ = std::min(after, folded_.size());
      return;
    }
    if ((c == ':' || c == ']') && !words_.empty())
      words_.back().colon_after = true;
    ++at_;
  }

  std::string_view folded_;
  std::string& kept_;
  std::vector<word> words_;
  std::size_t at_ = 0;
  std::uint32_t clause_ = 0;
  bool opens_line_ = true;
  bool asks_ = false;
};

/// The most urgent (lowest) of the levels named so far.
struct level_seen {
  std::optional<int> level;

  void note(int other) { level = level ? std::min(*level, other) : other; }
};

/// Everything the words say, before it is weighed.
class evidence {
public:
  void read(const std::vector<word>& words) {
    for (std::size_t at = 0; at < words.size();) {
      if (at == 0 || words[at].clause != words[at - 1].clause)
        negated_at_.reset();
      note_named_type(words, at);
      at += read_phrase(words, at);
    }
  }

  void note_question_mark() { weight(ticket_type::question) += 3; }

  [[nodiscard]] ticket_type type() const {
    // In order of preference where two weigh the same.
    constexpr std::array order{
      ticket_type::incident, ticket_type::bug, ticket_type::feature_request, ticket_type::question};
    auto best = ticket_type::feature_request;
    int most = 0;
    for (const auto candidate : order)
      if (const auto w = weights_[static_cast<std::size_t>(candidate)]; w > most) {
        most = w;
        best = candidate;
      }
    return best;
  }

  [[nodiscard]] type_evidence strengths() const {
    auto sorted = weights_;
    std::ranges::sort(sorted, std::ranges::greater{});
    return {std::max(sorted[0], 0), std::max(sorted[1], 0)};
  }

  [[nodiscard]] priority urgency(ticket_type type) const {
    constexpr int normal = 3;
    if (label_)
      return *label_;
    if (calm_ && type != ticket_type::incident)
      return demanded_.level ? normal : *calm_;
    if (demanded_.level)
      return std::min(*demanded_.level, implied(type).value_or(*demanded_.level));
    const auto level = implied(type);
    if (trifle_ && level.value_or(normal) >= 2)
      return *trifle_;
    return level.value_or(type == ticket_type::incident ? 1 : normal);
  }

private:
  int& weight(ticket_type type) { return weights_[static_cast<std::size_t>(type)]; }

  /// A symptom counts for the level only when the text as a whole reads that way: "how do I fix a
  /// crash?" is a question of normal priority.
  [[nodiscard]] std::optional<int> implied(ticket_type type) const {
    auto level = implied_[static_cast<std::size_t>(type)].level;
    if (type == ticket_type::incident || type == ticket_type::bug)
      for (const auto other : {ticket_type::incident, ticket_type::bug})
        if (const auto more = implied_[static_cast<std::size_t>(other)].level)
          level = level ? std::min(*level, *more) : more;
    return level;
  }

  /// Reads the longest known phrase at `at`; returns how many words it took.
  std::size_t read_phrase(const std::vector<word>& words, std::size_t at) {
    const term* longest = nullptr;
    std::size_t taken = 1;
    std::uint64_t hash = 0;
    for (std::size_t n = 0; n < longest_phrase && at + n < words.size(); ++n) {
      if (words[at + n].clause != words[at].clause)
        break;
      hash = join(hash, words[at + n].hash);
      const auto [what, continues] = phrases().find(hash);
      if (what != nullptr) {
        longest = what;
        taken = n + 1;
      }
      if (!continues)
        break;
    }
    if (longest != nullptr)
      note(*longest, at, taken, words);
    return taken;
  }

  void note(const term& t, std::size_t at, std::size_t taken, const std::vector<word>& words) {
    if (t.plays == role::negator) {
      negated_at_ = at;
      return;
    }
    if (t.plays == role::contrast) {
      negated_at_.reset();
      return;
    }
    if (t.plays == role::trap || t.plays == role::intensifier)
      return;
    if (negated_at_ && at - *negated_at_ <= negation_reach) {
      negated_at_.reset(); // "not a critical bug" is still a bug
      deny(t);
      denied_ = t.plays == role::symptom ? &t : nullptr;
      denied_end_ = at + taken;
    } else if (t.plays == role::demand && denied_ != nullptr && denied_end_ == at) {
      weight(denied_->type) += denied_->weight; // "no es un error crítico" likewise
      denied_ = nullptr;
      deny(t);
    } else {
      affirm(t, at, words);
    }
  }

  void affirm(const term& t, std::size_t at, const std::vector<word>& words) {
    weight(t.type) += t.weight;
    switch (t.plays) {
    case role::label:
      label_ = label_.value_or(t.level);
      break;
    case role::demand:
      demanded_.note(std::max(0, t.level - (is_intensified(words, at) ? 1 : 0)));
      break;
    case role::calm:
      calm_ = t.level;
      break;
    case role::trifle:
      trifle_ = std::max(trifle_.value_or(t.level), t.level);
      break;
    default:
      if (t.level != terms::no_level)
        implied_[static_cast<std::size_t>(t.type)].note(t.level);
    }
  }

  void deny(const term& t) {
    if (t.plays == role::symptom && t.weight > 0)
      weight(t.type) -= t.weight;
    else if (t.plays == role::demand || (t.plays == role::label && t.level <= 2))
      calm_ = 4;
  }

  static bool is_intensified(const std::vector<word>& words, std::size_t at) {
    if (at == 0 || words[at - 1].clause != words[at].clause)
      return false;
    const auto before = phrases().find(join(0, words[at - 1].hash)).what;
    return before != nullptr && before->plays == role::intensifier;
  }

  void note_named_type(const std::vector<word>& words, std::size_t at) {
    if (!words[at].opens_line)
      return;
    if ((words[at].text == "type" || words[at].text == "tipo") && at + 1 < words.size())
      return note_name(words[at + 1].text);
    if (words[at].colon_after)
      note_name(words[at].text);
    else if (at + 1 < words.size() && words[at + 1].colon_after)
      note_name(std::string{words[at].text}.append(" ").append(words[at + 1].text));
  }

  void note_name(std::string_view name) {
    for (const auto& [known, type] : terms::type_names)
      if (known == name)
        weight(type) += named_type_weight;
  }

  std::array<int, all_ticket_types.size()> weights_{};
  std::array<level_seen, all_ticket_types.size()> implied_{};
  std::optional<int> label_;
  level_seen demanded_;
  std::optional<int> calm_;
  std::optional<int> trifle_;
  std::optional<std::size_t> negated_at_;
  const term* denied_ = nullptr; // the symptom that was negated last
  std::size_t denied_end_ = 0;   // the word behind it
};

/// The front of `text` that is read, cut between characters.
std::string_view bounded(std::string_view text) {
  if (text.size() <= most_bytes)
    return text;
  auto end = most_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  return text.substr(0, end);
}

evidence read(std::string_view text) {
  const auto folded = fold(bounded(text));
  std::string kept;
  const auto [words, asks] = word_reader{folded, kept}.read();
  evidence seen;
  seen.read(words);
  if (asks)
    seen.note_question_mark();
  return seen;
}

} // namespace

type_evidence weigh_types(std::string_view text) {
  return read(text).strengths();
}

inference infer(std::string_view text) {
  const auto seen = read(text);
  const auto type = seen.type();
  return {type, seen.urgency(type)};
}

} // namespace hub::domain
