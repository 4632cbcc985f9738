#include "domain/local_model.hpp"

#include "domain/code_point.hpp"
#include "domain/common_words.hpp"
#include "domain/infer.hpp"
#include "domain/text.hpp"
#include "domain/type_evidence.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace hub::domain {

namespace {

constexpr std::size_t most_read = std::size_t{16} << 10U; // bytes of a text that are looked at
constexpr std::size_t most_embedded = 800;                // characters: what follows blurs the rest
constexpr std::size_t most_sentences = 200;
constexpr std::size_t summary_length = 300;
constexpr std::size_t fix_length = 600;
constexpr std::size_t title_length = 120;
constexpr double title_worth = 2;     // of a word that the title names, in occurrences
constexpr double opening_worth = 1.2; // people say first what the matter is
constexpr double least_share = 0.5;   // of the best score: thanks and small talk stay out
constexpr double doubt = 8;           // the weight of one unmistakable phrase

bool ends_sentence(utf8proc_int32_t value) {
  return value == '.' || value == '!' || value == '?' || value == 0x2026 || value == 0x3002
         || value == 0xFF01 || value == 0xFF1F;
}

/// Lines and sentences, white space folded; what says nothing is left out.
std::vector<std::string> sentences_of(std::string_view text) {
  std::vector<std::string> sentences;
  const auto add = [&](std::string_view piece) {
    if (auto sentence = one_paragraph(piece); says_something(sentence))
      sentences.push_back(std::move(sentence));
  };
  std::size_t begin = 0;
  bool stopped = false; // the last character may have ended a sentence
  for (std::size_t at = 0; at < text.size() && sentences.size() < most_sentences;) {
    const auto [value, size] = front_of(text.substr(at));
    if (value == '\n' || value == '\r' || value == 0x2028 || value == 0x2029
        || (stopped && is_white(value))) {
      add(text.substr(begin, at - begin));
      begin = at + size;
    }
    // Ideographic stops stand without a space behind them.
    if (value == 0x3002 || value == 0xFF01 || value == 0xFF1F) {
      add(text.substr(begin, at + size - begin));
      begin = at + size;
    }
    stopped = ends_sentence(value);
    at += size;
  }
  if (sentences.size() < most_sentences && begin < text.size())
    add(text.substr(begin));
  return sentences;
}

bool is_stop_word(const std::string& folded) {
  return is_stop_word(language::english, folded) || is_stop_word(language::spanish, folded);
}

/// The words of a sentence that say something, folded, each once.
std::vector<std::string> content_words(std::string_view sentence) {
  std::vector<std::string> words;
  std::string word;
  const auto flush = [&] {
    if (word.size() >= 3 && !is_stop_word(word) && std::ranges::find(words, word) == words.end())
      words.push_back(word);
    word.clear();
  };
  constexpr std::size_t most_words = 200;
  while (!sentence.empty() && words.size() < most_words) {
    const auto [value, size] = front_of(sentence);
    if (is_letter(value) || is_number(value) || (is_mark(value) && !word.empty()))
      word += fold(sentence.substr(0, size));
    else
      flush();
    sentence.remove_prefix(size);
  }
  flush();
  return words;
}

std::string joined(const std::vector<std::string>& sentences, const std::vector<bool>& kept) {
  std::string text;
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    if (!kept[i])
      continue;
    // What was a line of its own reads on as a sentence.
    if (!text.empty())
      text += says_something(text.substr(text.size() - 1)) ? ". " : " ";
    text += sentences[i];
  }
  return text;
}

bool fits(std::string_view text, std::size_t characters) {
  return abbreviated(text, characters) == text;
}

std::string_view bounded(std::string_view text) {
  return prefix_of(text, most_read, most_read);
}

/// Text for a template: one paragraph in which no header and no bold can begin.
std::string for_template(std::string_view text) {
  auto plain = one_paragraph(text);
  std::erase(plain, '*');
  return plain;
}

struct template_words {
  std::string_view reported; // before the title
  std::string_view unnamed;  // without a title
  std::string_view fixed;    // without notes
  std::string_view afterwards;
  std::string_view open_quote;
  std::string_view close_quote;
};

const template_words& words_in(language spoken) {
  static constexpr template_words english{
    "You told us about ",
    "You told us about a problem.",
    "Our team looked into it and resolved it.",
    "There is nothing you need to do. If you notice anything else, just reply to this message.",
    "\u201C",
    "\u201D"};
  static constexpr template_words spanish{
    "Nos escribiste sobre ",
    "Nos escribiste sobre un problema.",
    "Nuestro equipo lo revisó y lo resolvió.",
    "No tienes que hacer nada. Si notas algo más, responde a este mensaje.",
    "«",
    "»"};
  return spoken == language::spanish ? spanish : english;
}

/// FNV-1a, and a mix at the end so that every bit depends on every byte.
std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : bytes)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdU;
  hash = (hash ^ (hash >> 33U)) * 0xc4ceb9fe1a85ec53U;
  return hash ^ (hash >> 33U);
}

/// The words of a text, folded, in order.
std::vector<std::string> folded_words(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  const auto folded = fold(text);
  std::string_view rest = folded;
  while (!rest.empty()) {
    const auto [value, size] = front_of(rest);
    const bool part = is_letter(value) || is_number(value) || is_mark(value);
    if (part && !inside)
      words.emplace_back();
    if (part)
      words.back() += rest.substr(0, size);
    inside = part;
    rest.remove_prefix(size);
  }
  return words;
}

/// Words with one blank around each, and where each character begins. Stop words, of which every
/// text is full, are left out, unless there is nothing else.
struct normal_text {
  std::string text{" "};
  std::vector<std::size_t> starts{0};

  explicit normal_text(std::string_view from) {
    auto words = folded_words(from);
    if (!std::ranges::all_of(words, [](const auto& word) { return is_stop_word(word); }))
      std::erase_if(words, [](const auto& word) { return is_stop_word(word); });
    for (const auto& word : words) {
      for (std::string_view rest = word; !rest.empty();) {
        const auto size = front_of(rest).size;
        starts.push_back(text.size());
        text += rest.substr(0, size);
        rest.remove_prefix(size);
      }
      starts.push_back(text.size());
      text += ' ';
    }
    starts.push_back(text.size());
  }
};

} // namespace

std::string
extractive_summary(std::string_view title, std::string_view text, std::size_t characters) {
  const auto sentences = sentences_of(bounded(text));
  if (sentences.empty())
    return {};
  std::vector<std::vector<std::string>> words;
  std::unordered_map<std::string, double> frequency;
  for (const auto& sentence : sentences) {
    words.push_back(content_words(sentence));
    for (const auto& word : words.back())
      frequency[word] += 1;
  }
  for (const auto& word : content_words(bounded(title)))
    if (const auto found = frequency.find(word); found != frequency.end())
      found->second += title_worth;

  std::vector<std::pair<double, std::size_t>> ranked;
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    double score = 0;
    for (const auto& word : words[i])
      score += frequency[word];
    // Between the sum, which likes long sentences, and the mean, which likes short ones.
    score /= std::sqrt(static_cast<double>(std::max<std::size_t>(words[i].size(), 1)));
    ranked.emplace_back(i == 0 ? score * opening_worth : score, i);
  }
  std::ranges::sort(ranked, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });

  std::vector<bool> kept(sentences.size(), false);
  std::unordered_set<std::string_view> said;
  for (const auto& [score, i] : ranked) {
    if (score < least_share * ranked.front().first || score <= 0
        || !said.insert(sentences[i]).second)
      continue;
    kept[i] = true;
    if (!fits(joined(sentences, kept), characters))
      kept[i] = false;
  }
  if (auto summary = joined(sentences, kept); !summary.empty())
    return summary;
  return abbreviated(sentences[ranked.front().second], characters);
}

triage_suggestion local_triage(std::string_view title, std::string_view description) {
  std::string all{bounded(title)};
  all.append("\n").append(bounded(description));
  const auto [type, urgency] = infer(all);
  const auto evidence = weigh_types(all);
  triage_suggestion suggested;
  suggested.type = type;
  suggested.urgency = urgency;
  suggested.confidence = evidence.most / (evidence.most + evidence.next + doubt);
  suggested.summary = extractive_summary(title, description, summary_length);
  if (suggested.summary.empty())
    suggested.summary = abbreviated(title_of(title), summary_length);
  return suggested;
}

std::string local_changelog(const changelog_context& about, const privacy_rules& rules) {
  const auto clean = [&](const std::string& text) { return redacted(text, rules); };
  const auto title = for_template(clean(about.title));
  const auto description = clean(about.description);
  const auto notes = clean(about.resolution_notes);
  const auto& words = words_in(language_of(title + "\n" + description));

  std::string what{words.unnamed};
  if (says_something(title))
    what = std::string{words.reported}
             .append(words.open_quote)
             .append(abbreviated(title, title_length))
             .append(words.close_quote)
             .append(".");
  if (const auto summary = for_template(extractive_summary(title, description, summary_length));
      says_something(summary) && summary != title)
    what.append(" ").append(summary);
  auto how = for_template(extractive_summary(title, notes, fix_length));
  if (!says_something(how))
    how = words.fixed;

  std::string entry;
  const std::array<std::string_view, 3> bodies{what, how, words.afterwards};
  for (std::size_t i = 0; i < bodies.size(); ++i)
    entry.append(i == 0 ? "" : "\n\n").append(changelog_headers[i]).append("\n").append(bodies[i]);
  return entry;
}

std::vector<float> local_embedding(std::string_view text) {
  const normal_text normal{prefix_of(text, most_embedded, most_read)};
  constexpr std::size_t shortest = 3;
  constexpr std::size_t longest = 5;
  const std::string_view all = normal.text;
  std::unordered_map<std::string_view, int> counts;
  const auto characters = normal.starts.size() - 1;
  for (auto size = shortest; size <= longest; ++size)
    for (std::size_t i = 0; i + size <= characters; ++i)
      ++counts[all.substr(normal.starts[i], normal.starts[i + size] - normal.starts[i])];

  // Whole numbers and one place at a time: the order of the map must not show in the sum.
  std::array<std::int64_t, local_embedding_size> sums{};
  for (const auto& [piece, count] : counts) {
    const auto hash = hash_of(piece);
    // The root keeps what a text repeats from drowning what it says once.
    const auto weight = std::llround(1024 * std::sqrt(static_cast<double>(count)));
    sums[hash % local_embedding_size] += (hash >> 63U) != 0 ? weight : -weight;
  }
  double squares = 0;
  for (const auto sum : sums)
    squares += static_cast<double>(sum) * static_cast<double>(sum);
  if (squares == 0)
    return {};
  std::vector<float> vector;
  vector.reserve(sums.size());
  for (const auto sum : sums)
    vector.push_back(static_cast<float>(static_cast<double>(sum) / std::sqrt(squares)));
  return vector;
}

} // namespace hub::domain
