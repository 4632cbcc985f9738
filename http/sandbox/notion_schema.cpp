#include "http/sandbox/notion_schema.hpp"

#include "http/sandbox/reading.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hub::http::sandbox {
namespace {

constexpr std::size_t longest_segment = 2'000; // of rich text, in UTF-16 units
constexpr std::size_t longest_list = 100;
constexpr std::size_t longest_url = 2'000;
constexpr std::size_t longest_address = 200;

constexpr std::string_view writable_types =
  "title|rich_text|number|select|multi_select|status|date|"
  "people|files|checkbox|url|email|phone_number|relation";

std::string quoted(const json& value) {
  return "`" + domain::write_json(value) + "`";
}

std::string should_be(const std::string& where, const std::string& what, const json& got) {
  return "body failed validation: " + where + " should be " + what + ", instead was " + quoted(got)
         + ".";
}

std::string should_not_be(const std::string& where, const std::string& key, const json& got) {
  return should_be(where + "." + key, "not present", got);
}

std::string too_long(const std::string& where, std::size_t most, std::size_t got) {
  return "body failed validation: " + where + ".length should be ≤ `" + std::to_string(most)
         + "`, instead was `" + std::to_string(got) + "`.";
}

fault_text check_text(const json& value, const std::string& where, std::size_t most) {
  if (value.is_null())
    return std::nullopt;
  if (!value.is_string())
    return should_be(where, "a string or `null`", value);
  const auto size = count_utf16(value.get_ref<const std::string&>());
  return size > most ? fault_text{too_long(where, most, size)} : std::nullopt;
}

fault_text check_option(const json& value, const std::string& where) {
  if (value.is_null())
    return std::nullopt;
  if (!value.is_object() || (!value.contains("name") && !value.contains("id")))
    return should_be(where, "an object with `name` or `id`", value);
  if (const auto name = domain::text_at(value, "name"); name.find(',') != std::string::npos)
    return should_be(where + ".name", "a string without commas", name);
  return check_text(domain::member(value, "name"), where + ".name", 100);
}

fault_text check_list(const json& value, const std::string& where) {
  if (!value.is_array())
    return should_be(where, "an array", value);
  return value.size() > longest_list ? fault_text{too_long(where, longest_list, value.size())}
                                     : std::nullopt;
}

fault_text check_date(const json& value, const std::string& where) {
  if (value.is_null())
    return std::nullopt;
  const auto start = domain::text_at(value, "start");
  if (start.size() < 10 || start[4] != '-' || start[7] != '-')
    return should_be(
      where + ".start", "a valid ISO 8601 date string", domain::member(value, "start"));
  return std::nullopt;
}

fault_text check_of_type(const json& value, const std::string& type, const std::string& where) {
  if (type == "title" || type == "rich_text")
    return check_rich_text(value, where);
  if (type == "number")
    return value.is_number() || value.is_null()
             ? std::nullopt
             : fault_text{should_be(where, "a number or `null`", value)};
  if (type == "checkbox")
    return value.is_boolean() ? std::nullopt : fault_text{should_be(where, "a boolean", value)};
  if (type == "url")
    return check_text(value, where, longest_url);
  if (type == "email" || type == "phone_number")
    return check_text(value, where, longest_address);
  if (type == "select" || type == "status")
    return check_option(value, where);
  if (type == "date")
    return check_date(value, where);
  if (auto fault = check_list(value, where))
    return fault;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto at = where + "[" + std::to_string(i) + "]";
    if (type == "multi_select") {
      if (auto fault = check_option(value[i], at))
        return fault;
    } else if (type == "relation" || type == "people") {
      if (!is_uuid(domain::text_at(value[i], "id")))
        return should_be(at + ".id", "a valid uuid", domain::member(value[i], "id"));
    }
  }
  return std::nullopt;
}

json option_shown(const json& value) {
  if (!value.is_object())
    return nullptr;
  const auto name = domain::text_at(value, "name");
  const auto id = domain::text_at(value, "id");
  return {{"id", id.empty() ? made_id("", mix(name)) : id},
          {"name", name.empty() ? id : name},
          {"color", "default"}};
}

json shown_of_type(const json& value, const std::string& type) {
  if (type == "title" || type == "rich_text")
    return show_rich_text(value);
  if (type == "select" || type == "status")
    return option_shown(value);
  if (type == "checkbox")
    return value == true;
  if (type == "multi_select") {
    json all = json::array();
    for (const auto& each : domain::list_of(value))
      all.push_back(option_shown(each));
    return all;
  }
  if (type == "people" || type == "files" || type == "relation")
    return domain::list_of(value);
  if (type == "date" && value.is_object()) {
    json date = value;
    for (const auto* name : {"end", "time_zone"})
      if (!date.contains(name))
        date[name] = nullptr;
    return date;
  }
  return value;
}

/// The one key of a property's value that is its type.
std::string type_in(const json& value) {
  for (const auto& [key, ignored] : value.items())
    if (key != "type" && key != "id" && key != "has_more")
      return key;
  return "";
}

} // namespace

std::string plain_text_of(const json& rich_text) {
  std::string text;
  for (const auto& each : domain::list_of(rich_text)) {
    const auto content = domain::text_at(each, "text", "content");
    text += content.empty() ? domain::text_at(each, "plain_text") : content;
  }
  return text;
}

fault_text check_rich_text(const json& list, const std::string& where) {
  if (auto fault = check_list(list, where))
    return fault;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto at = where + "[" + std::to_string(i) + "]";
    const auto& each = list[i];
    if (!each.is_object())
      return should_be(at, "an object", each);
    for (const auto& [key, ignored] : each.items())
      if (!is_one_of(key, "type|text|mention|equation|annotations|plain_text|href"))
        return should_not_be(at, key, each[key]);
    for (const auto& [key, ignored] : domain::member(each, "annotations").items())
      if (!is_one_of(key, "bold|italic|strikethrough|underline|code|color"))
        return should_not_be(at, "annotations." + key, each["annotations"][key]);
    if (each.contains("mention") || each.contains("equation"))
      continue;
    const auto& content = domain::value_at(each, "text", "content");
    if (!content.is_string())
      return "body failed validation: " + at + ".text.content should be a string, instead was "
             + (content.is_null() ? std::string{"`undefined`"} : quoted(content)) + ".";
    if (auto fault = check_text(content, at + ".text.content", longest_segment))
      return fault;
    const auto& link = domain::value_at(each, "text", "link", "url");
    if (auto fault = check_text(link, at + ".text.link.url", longest_url))
      return fault;
  }
  return std::nullopt;
}

json show_rich_text(const json& list) {
  json shown = json::array();
  for (const auto& each : domain::list_of(list)) {
    json annotations{{"bold", false},
                     {"italic", false},
                     {"strikethrough", false},
                     {"underline", false},
                     {"code", false},
                     {"color", "default"}};
    if (const auto& given = domain::member(each, "annotations"); given.is_object())
      annotations.update(given);
    const auto& link = domain::value_at(each, "text", "link");
    json segment = each;
    segment["type"] = each.contains("mention")    ? "mention"
                      : each.contains("equation") ? "equation"
                                                  : "text";
    segment["annotations"] = std::move(annotations);
    segment["plain_text"] = domain::text_at(each, "text", "content");
    segment["href"] = link.is_object() ? domain::member(link, "url") : json(nullptr);
    if (segment["type"] == "text")
      segment["text"]["link"] = link;
    shown.push_back(std::move(segment));
  }
  return shown;
}

notion_schema::notion_schema() {
  columns_ = {{"Name", {"title"}},
              {"Status", {"status", {"Open", "In Progress", "Done"}}},
              {"Priority", {"select"}},
              {"Type", {"select"}},
              {"Channel", {"select"}},
              {"Reporter", {"rich_text"}},
              {"Source", {"url"}},
              {"Hub ID", {"rich_text"}},
              {"Hub link", {"url"}},
              {"Resolution notes", {"rich_text"}}};
}

fault_text notion_schema::set(const json& properties) {
  std::map<std::string, notion_property> columns;
  std::size_t titles = 0;
  for (const auto& [name, given] : properties.items()) {
    const auto type = given.is_object() ? type_in(given) : "";
    if (!is_one_of(type, std::string{writable_types} + "|created_time|last_edited_time"))
      return should_be("body.properties." + name, "a property type", given);
    titles += type == "title" ? 1 : 0;
    notion_property column{type, {}, true};
    for (const auto& option : domain::list_at(given, type, "options"))
      column.options.push_back(domain::text_at(option, "name"));
    columns.emplace(name, std::move(column));
  }
  if (titles != 1)
    return "body failed validation: body.properties should have exactly one title property.";
  columns_ = std::move(columns);
  closed_ = true;
  return std::nullopt;
}

std::string notion_schema::type_of(const std::string& name) const {
  const auto found = columns_.find(name);
  return found == columns_.end() ? "" : found->second.type;
}

fault_text notion_schema::settle(const std::string& name, const std::string& type) {
  const auto found = columns_.find(name);
  if (found == columns_.end()) {
    if (closed_)
      return name + " is not a property that exists.";
    if (type == "title") { // there is one title; it takes the name it is given
      const auto title = std::ranges::find_if(
        columns_, [](const auto& each) { return each.second.type == "title"; });
      if (title != columns_.end() && title->second.settled)
        return name + " is not a property that exists.";
      if (title != columns_.end())
        columns_.erase(title);
    }
    columns_.emplace(name, notion_property{type, {}, true});
    return std::nullopt;
  }
  auto& column = found->second;
  if (column.type != type && (column.settled || column.type == "title"))
    return name + " is expected to be " + column.type + ".";
  if (column.type != type)
    column = {type};
  column.settled = true;
  return std::nullopt;
}

fault_text notion_schema::check_value(const std::string& name, const json& value) {
  const auto where = "body.properties." + name;
  if (!value.is_object())
    return should_be(where, "an object", value);
  const auto type = type_in(value);
  if (!is_one_of(type, writable_types))
    return "body failed validation: " + where + " should have one of the properties "
           + std::string{writable_types} + ".";
  if (const auto given = domain::text_at(value, "type"); !given.empty() && given != type)
    return should_be(where + ".type", "`\"" + type + "\"`", given);
  for (const auto& [key, ignored] : value.items())
    if (key != type && key != "type" && key != "id")
      return should_not_be(where, key, value[key]);
  if (auto fault = check_of_type(value[type], type, where + "." + type))
    return fault;
  if (auto fault = settle(name, type))
    return fault;
  auto& column = columns_[name];
  const auto option = domain::text_at(value, type, "name");
  if (type == "status" && !option.empty()
      && std::ranges::find(column.options, option) == column.options.end()) {
    // A status has the options people gave it; a select takes new ones.
    if (closed_)
      return "Invalid status option. Status option \"" + option + "\" does not exist.";
    column.options.push_back(option);
  }
  return std::nullopt;
}

fault_text notion_schema::check_values(json& properties) {
  // "title" is the id of the title column, whatever its name.
  if (properties.contains("title") && type_of("title").empty()) {
    const auto title =
      std::ranges::find_if(columns_, [](const auto& each) { return each.second.type == "title"; });
    if (title != columns_.end()) {
      properties[title->first] = json(properties["title"]);
      properties.erase("title");
    }
  }
  // All or nothing: a refused write teaches nothing.
  auto before = columns_;
  for (const auto& [name, value] : properties.items()) {
    if (auto fault = check_value(name, value)) {
      columns_ = std::move(before);
      return fault;
    }
  }
  return std::nullopt;
}

fault_text notion_schema::check_use(const std::string& name, const std::string& type) {
  if (!columns_.contains(name) && (closed_ || type.empty()))
    return "Could not find property with name or id: " + name;
  if (type.empty())
    return std::nullopt;
  if (auto fault = settle(name, type))
    return "database property " + type_of(name) + " does not match filter " + type;
  return std::nullopt;
}

json notion_schema::show(const json& values) const {
  json shown = json::object();
  for (const auto& [name, column] : columns_) {
    const auto& value = domain::value_at(values, name, column.type);
    shown[name] = {{"id", column.type == "title" ? "title" : made_id("", mix(name)).substr(0, 4)},
                   {"type", column.type},
                   {column.type, shown_of_type(value, column.type)}};
  }
  return shown;
}

json notion_schema::describe() const {
  json shown = json::object();
  for (const auto& [name, column] : columns_) {
    json about = json::object();
    if (column.type == "select" || column.type == "multi_select" || column.type == "status") {
      about["options"] = json::array();
      for (const auto& option : column.options)
        about["options"].push_back(option_shown({{"name", option}}));
    }
    shown[name] = {{"id", column.type == "title" ? "title" : made_id("", mix(name)).substr(0, 4)},
                   {"name", name},
                   {"description", nullptr},
                   {"type", column.type},
                   {column.type, std::move(about)}};
  }
  return shown;
}

} // namespace hub::http::sandbox
