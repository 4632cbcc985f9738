#include "http/sandbox/openai_answers.hpp"

#include "http/sandbox/reading.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

namespace hub::http::sandbox {
namespace {

constexpr int deepest_schema = 16;

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
         || static_cast<unsigned char>(c) >= 0x80;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (is_word_character(c)) {
      word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  if (!word.empty())
    words.push_back(std::move(word));
  return words;
}

/// The values of a JSON object of texts, a line each; anything else as it is.
std::string told_in(std::string_view question) {
  const auto read = domain::read_json(question);
  if (!read || !read->is_object())
    return std::string{question};
  std::string told;
  for (const auto& [name, value] : read->items())
    if (value.is_string())
      told += value.get_ref<const std::string&>() + "\n";
  return told;
}

/// The first sentence that says something.
std::string first_sentence(const std::string& question) {
  const auto text = told_in(question);
  constexpr std::size_t shortest = 12;
  constexpr std::size_t longest = 160;
  std::string sentence;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool at_end = i == text.size();
    const bool stop = at_end || text[i] == '\n'
                      || ((text[i] == '.' || text[i] == '!' || text[i] == '?')
                          && (i + 1 == text.size() || text[i + 1] == ' ' || text[i + 1] == '\n'));
    if (!at_end && text[i] != '\n')
      sentence += text[i];
    if (stop && sentence.size() >= shortest)
      break;
    if (stop && !at_end && text[i] == '\n')
      sentence.clear();
  }
  const auto begin = sentence.find_first_not_of(" #*-");
  return first_characters(
    begin == std::string::npos ? "" : std::string_view{sentence}.substr(begin), longest);
}

/// What the text is about, said by the words that give a ticket's type away.
struct hint {
  std::string_view option;
  std::string_view words;
};

constexpr std::array hints{
  hint{"incident", "down outage caída caida nobody everyone urgent urgente production producción"},
  hint{"bug",
       "crash crashes error errors broken wrong fails fail bug cierra incorrecto incorrecta"},
  hint{"feature_request", "would like nice support wish gustaría poder"},
  hint{"question", "how what where why cómo como dónde qué when"},
};

std::size_t score(std::string_view option, const std::set<std::string>& words) {
  std::size_t found = words.contains(std::string{option}) ? 3 : 0;
  for (const auto& each : hints) {
    if (each.option != option)
      continue;
    for (const auto& word : words_of(each.words))
      found += words.contains(word) ? 2 : 0;
  }
  return found;
}

json choose(const json& options, const conversation_text& said) {
  const auto all = words_of(told_in(said.question));
  const std::set<std::string> words{all.begin(), all.end()};
  const auto best = std::ranges::max_element(options, {}, [&](const json& option) {
    return option.is_string() ? score(option.get_ref<const std::string&>(), words) : 0;
  });
  return best == options.end() ? json(nullptr) : *best;
}

std::vector<std::string> uuids_in(std::string_view text) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i + 36 <= text.size(); ++i)
    if (text[i + 8] == '-' && is_uuid(text.substr(i, 36))) {
      std::string id{text.substr(i, 36)};
      if (std::ranges::find(found, id) == found.end())
        found.push_back(std::move(id));
      i += 35;
    }
  return found;
}

/// Walks a schema and makes a value for each place.
class value_maker {
public:
  value_maker(const json& root, const conversation_text& said)
    : root_{root}, said_{said}, ids_{uuids_in(said.question)} {}

  json make(const json& schema, const std::string& name, int depth) {
    if (depth > deepest_schema || !schema.is_object())
      return nullptr;
    if (const auto reference = domain::text_at(schema, "$ref"); !reference.empty())
      return make(resolve(reference), name, depth + 1);
    if (schema.contains("const"))
      return schema["const"];
    if (const auto& options = domain::list_at(schema, "enum"); !options.empty())
      return choose(options, said_);
    for (const auto* variants : {"anyOf", "oneOf"})
      for (const auto& variant : domain::list_at(schema, variants))
        if (domain::text_at(variant, "type") != "null")
          return make(variant, name, depth + 1);
    auto type = domain::text_at(schema, "type");
    for (const auto& each : domain::list_at(schema, "type"))
      if (type.empty() && each != "null")
        type = domain::text_of(each);
    if (type == "object" || (type.empty() && schema.contains("properties")))
      return object(schema, depth);
    if (type == "array")
      return array(schema, name, depth);
    if (type == "string")
      return text(schema, name);
    if (type == "number" || type == "integer")
      return number(schema, name, type == "integer");
    return type == "boolean" ? json(true) : json(nullptr);
  }

private:
  const json& resolve(const std::string& reference) const {
    const auto* at = &root_;
    std::string_view rest = reference;
    while (!rest.empty()) {
      const auto end = rest.find('/');
      const auto part = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
      if (part != "#" && !part.empty())
        at = &domain::member(*at, part);
    }
    return *at;
  }

  json object(const json& schema, int depth) {
    json made = json::object();
    for (const auto& [name, each] : domain::member(schema, "properties").items())
      made[name] = make(each, name, depth + 1);
    return made;
  }

  json array(const json& schema, const std::string& name, int depth) {
    const auto& items = domain::member(schema, "items");
    const auto least = domain::number_of(domain::member(schema, "minItems")).value_or(1);
    const auto most = domain::number_of(domain::member(schema, "maxItems")).value_or(100);
    json made = json::array();
    if (name.ends_with("ids") && domain::text_at(items, "type") == "string") {
      while (next_id_ < ids_.size()
             && static_cast<std::int64_t>(made.size()) < std::min<std::int64_t>(most, 2))
        made.push_back(ids_[next_id_++]);
      return made;
    }
    // A list of choices: the best one once, not the same one again and again.
    const auto wanted = std::clamp<std::int64_t>(least, 1, std::max<std::int64_t>(most, 0));
    for (std::int64_t i = 0; i < std::min<std::int64_t>(wanted, 100); ++i)
      made.push_back(make(items, name, depth + 1));
    return made;
  }

  json text(const json& schema, const std::string& name) const {
    auto words =
      name.ends_with("id") && !ids_.empty() ? ids_.front() : first_sentence(said_.question);
    if (domain::text_at(schema, "format") == "date-time")
      words = "2026-01-01T00:00:00Z";
    if (words.empty())
      words = "Nothing was said.";
    if (const auto most = domain::number_of(domain::member(schema, "maxLength")))
      words = first_characters(words, static_cast<std::size_t>(std::max<std::int64_t>(*most, 0)));
    return words;
  }

  json number(const json& schema, const std::string& name, bool whole) const {
    const auto bound = [&](const char* which, double otherwise) {
      const auto& value = domain::member(schema, which);
      return value.is_number() ? value.get<double>() : otherwise;
    };
    const bool share =
      name.find("confidence") != std::string::npos || name.find("score") != std::string::npos;
    const auto least = bound("minimum", 0);
    const auto most = bound("maximum", share ? 1 : least + 5);
    if (share && !whole)
      return std::clamp(0.82, least, most);
    const auto span = static_cast<std::uint64_t>(std::max(most - least, 0.0)) + 1;
    const auto value = least + static_cast<double>(mix(said_.question) % span);
    return whole ? json(static_cast<std::int64_t>(value)) : json(value);
  }

  const json& root_;
  const conversation_text& said_;
  std::vector<std::string> ids_;
  std::size_t next_id_ = 0;
};

/// The lines of the form `**Heading:**` or `## Heading`, each once, in their order.
std::vector<std::string> headings_in(std::string_view text) {
  std::vector<std::string> found;
  const auto add = [&](std::string heading) {
    if (std::ranges::find(found, heading) == found.end())
      found.push_back(std::move(heading));
  };
  for (std::size_t at = text.find("**"); at != std::string_view::npos; at = text.find("**", at)) {
    const auto end = text.find("**", at + 2);
    if (end == std::string_view::npos)
      break;
    const auto inside = text.substr(at + 2, end - at - 2);
    if (inside.size() > 2 && inside.size() < 60 && inside.ends_with(':')
        && inside.find('\n') == std::string_view::npos)
      add("**" + std::string{inside} + "**");
    at = end + 2;
  }
  if (!found.empty())
    return found;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    if (const auto line = text.substr(at, end - at); line.starts_with("## "))
      add(std::string{line});
    at = end + 1;
  }
  return found;
}

} // namespace

json answer_in_schema(const json& schema, const conversation_text& said) {
  return value_maker{schema, said}.make(schema, "", 0);
}

json answer_in_json(const conversation_text& said) {
  json made = json::object();
  const auto all = said.instructions + said.question;
  for (std::size_t at = all.find('"'); at != std::string::npos; at = all.find('"', at + 1)) {
    const auto end = all.find('"', at + 1);
    if (end == std::string::npos)
      break;
    const auto key = all.substr(at + 1, end - at - 1);
    auto after = all.find_first_not_of(' ', end + 1);
    const bool is_key =
      after != std::string::npos && all[after] == ':' && !key.empty()
      && std::ranges::all_of(key, [](char c) { return is_word_character(c) || c == '_'; });
    at = end;
    if (!is_key || made.contains(key))
      continue;
    // An example such as "bug|question" lists the choices.
    after = all.find_first_not_of(" \n", after + 1);
    json options = json::array();
    if (after != std::string::npos && all[after] == '"') {
      const auto close = all.find('"', after + 1);
      std::string_view listed{all};
      listed = listed.substr(after + 1, close == std::string::npos ? 0 : close - after - 1);
      while (listed.find('|') != std::string_view::npos) {
        options.push_back(listed.substr(0, listed.find('|')));
        listed.remove_prefix(listed.find('|') + 1);
      }
      if (!options.empty())
        options.push_back(listed);
    }
    json schema = json::object();
    if (!options.empty())
      schema["enum"] = std::move(options);
    else if (after != std::string::npos && all[after] == '[')
      schema = {{"type", "array"}, {"items", {{"type", "string"}}}};
    else
      schema["type"] = key.find("priority") != std::string::npos     ? "integer"
                       : key.find("confidence") != std::string::npos ? "number"
                                                                     : "string";
    made[key] = value_maker{schema, said}.make(schema, key, 0);
  }
  if (made.empty())
    made["answer"] = first_sentence(said.question);
  return made;
}

std::string answer_in_words(const conversation_text& said) {
  const auto topic = first_sentence(said.question);
  auto headings = headings_in(said.instructions);
  if (headings.empty())
    headings = headings_in(said.question);
  if (headings.empty())
    return "Thank you for telling us. We looked into this: " + topic;
  constexpr std::array paragraphs{
    "You told us about this: ",
    "We found the cause and put it right: ",
    "We keep an eye on this so that it does not come back: ",
  };
  std::string text;
  for (std::size_t i = 0; i < headings.size(); ++i)
    text += (i == 0 ? "" : "\n\n") + headings[i] + "\n" + paragraphs[i % paragraphs.size()] + topic;
  return text;
}

std::optional<std::string> strict_schema_fault(const json& schema) {
  if (!schema.is_object())
    return std::nullopt;
  if (schema.contains("properties")) {
    const auto& properties = schema["properties"];
    if (domain::member(schema, "additionalProperties") != false)
      return "In context=(), 'additionalProperties' is required to be supplied and to be false.";
    const auto& required = domain::list_at(schema, "required");
    for (const auto& [name, each] : properties.items()) {
      if (std::ranges::find(required, json(name)) == required.end())
        return "In context=(), 'required' is required to be supplied and to be an array including "
               "every key in properties. Missing '"
               + name + "'.";
      if (auto fault = strict_schema_fault(each))
        return fault;
    }
  }
  for (const auto* nested : {"items", "$defs", "definitions", "anyOf"}) {
    const auto& inner = domain::member(schema, nested);
    if (std::string_view{nested} == "items") {
      if (auto fault = strict_schema_fault(inner))
        return fault;
      continue;
    }
    if (inner.is_structured())
      for (const auto& each : inner)
        if (auto fault = strict_schema_fault(each))
          return fault;
  }
  return std::nullopt;
}

std::vector<float> embedding_of(std::string_view text, std::size_t dimensions) {
  std::vector<double> sums(dimensions, 0.0);
  const auto add = [&](std::string_view feature, double weight) {
    const auto hash = mix(feature);
    sums[hash % dimensions] += (hash >> 63U) != 0 ? weight : -weight;
  };
  for (const auto& word : words_of(text)) {
    constexpr double share_of_pieces = 0.3;
    add(word, 1);
    for (std::size_t i = 0; i + 3 <= word.size(); ++i)
      add("~" + word.substr(i, 3), share_of_pieces);
  }
  double square = 0;
  for (const auto value : sums)
    square += value * value;
  if (square == 0) {
    sums[0] = 1;
    square = 1;
  }
  const auto length = std::sqrt(square);
  std::vector<float> vector(dimensions);
  std::ranges::transform(
    sums, vector.begin(), [&](double value) { return static_cast<float>(value / length); });
  return vector;
}

std::size_t count_tokens(std::string_view text) {
  return (count_characters(text) + 3) / 4;
}

} // namespace hub::http::sandbox
