#include "http/server/json/shown_payload.hpp"

#include "domain/form_reading.hpp"
#include "domain/json_reading.hpp"
#include "domain/scrub.hpp"
#include "domain/text.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace hub::http {

namespace {

using domain::json;

/// JSON written into a text of JSON, again and again: deeper is not shown.
constexpr int most_texts_in_texts = 4;

json omitted(const char* why, std::string_view payload) {
  return {{"omitted", why}, {"bytes", payload.size()}};
}

bool looks_like_json(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

/// Markup hides personal data as escapes do: `ana&#64;example.org`. Where reading it as a browser
/// would finds more, that reading is shown.
std::string without_personal_data(const std::string& text) {
  auto found = domain::scrub(text);
  if (text.find_first_of("&<") == std::string::npos)
    return std::move(found.text);
  auto seen = domain::scrub(domain::html_to_text(text));
  return seen.redactions.size() > found.redactions.size() ? std::move(seen.text)
                                                          : std::move(found.text);
}

json scrubbed_value(const json& value, int texts_in_texts);

json scrubbed_text(const std::string& text, int texts_in_texts) {
  if (!looks_like_json(text))
    return without_personal_data(text);
  const auto inside = domain::read_json(text);
  if (!inside)
    return without_personal_data(text);
  if (texts_in_texts >= most_texts_in_texts)
    return omitted("texts within texts", text);
  return domain::write_json(scrubbed_value(*inside, texts_in_texts + 1));
}

/// Collects members whose keys may have become alike by scrubbing.
class members {
public:
  void add(const std::string& key, json value) {
    auto name = without_personal_data(key);
    if (const auto seen = ++seen_[name]; seen > 1)
      name += " (" + std::to_string(seen) + ")";
    into_[name] = std::move(value);
  }
  json finish() { return std::move(into_); }

private:
  json into_ = json::object();
  std::map<std::string, int> seen_;
};

json scrubbed_value(const json& value, int texts_in_texts) {
  if (value.is_string())
    return scrubbed_text(domain::text_of(value), texts_in_texts);
  if (value.is_array()) {
    auto list = json::array();
    for (const auto& each : value)
      list.push_back(scrubbed_value(each, texts_in_texts));
    return list;
  }
  if (!value.is_object())
    return value;
  members all;
  for (const auto& [key, each] : value.items())
    all.add(domain::clean_utf8(key), scrubbed_value(each, texts_in_texts));
  return all.finish();
}

/// A form as an object. A value that is JSON, as Slack's `payload`, is read as such.
json scrubbed_form(std::string_view form) {
  members all;
  while (!form.empty()) {
    const auto pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(pair.size() + 1, form.size()));
    const auto key = pair.substr(0, pair.find('='));
    const auto value =
      domain::clean_utf8(domain::decode_form(pair.substr(std::min(key.size() + 1, pair.size()))));
    json shown;
    if (!looks_like_json(value))
      shown = without_personal_data(value);
    else if (const auto inside = domain::read_json(value))
      shown = scrubbed_value(*inside, 0);
    else
      shown = omitted("not readable", value);
    all.add(domain::clean_utf8(domain::decode_form(key)), std::move(shown));
  }
  return all.finish();
}

/// What only its surroundings give away, as in `"phone":"612345678"` or a card's number without
/// quotes. Redacting a number leaves no JSON; then the text is shown.
json without_what_keys_give_away(const json& value) {
  auto text = domain::scrub(domain::write_json(value)).text;
  auto read = domain::read_json(text);
  return read ? *std::move(read) : json(std::move(text));
}

} // namespace

nlohmann::json shown_payload(std::string_view payload) {
  if (payload.size() > largest_shown_payload)
    return omitted("too large to show", payload);
  if (!looks_like_json(payload))
    return without_what_keys_give_away(scrubbed_form(payload));
  const auto read = domain::read_json(payload);
  if (!read)
    return omitted("not readable", payload);
  return without_what_keys_give_away(scrubbed_value(*read, 0));
}

} // namespace hub::http
