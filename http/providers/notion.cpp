#include "http/providers/notion.hpp"

#include "domain/json_reading.hpp"
#include "domain/text.hpp"
#include "http/providers/reading.hpp"
#include "http/providers/writing.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace hub::http::providers::notion {

namespace {

using domain::errc;
using domain::fail;
using domain::json;

// Bytes are never fewer than UTF-16 units, so this many always fit Notion's 2,000 characters.
constexpr std::size_t segment_bytes = 2'000;
constexpr std::size_t most_elements = 100;

/// The front of `text` that makes one segment.
std::string_view segment(std::string_view text) {
  if (text.size() <= segment_bytes)
    return text;
  if (const auto cut = domain::prefix_of(text, segment_bytes, segment_bytes); !cut.empty())
    return cut;
  // One character with more marks than a segment holds: cut between its code points.
  auto end = segment_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  return text.substr(0, end);
}

json text_array(std::string_view text) {
  auto array = json::array();
  for (const auto part : segments_of(text))
    array.push_back({{"type", "text"}, {"text", {{"content", part}}}});
  return array;
}

json option(const std::string& name) {
  return name.empty() ? json() : json{{"name", name}};
}

struct property_writer {
  json operator()(const title& value) const { return {{"title", text_array(value.text)}}; }
  json operator()(const rich_text& value) const { return {{"rich_text", text_array(value.text)}}; }
  json operator()(const select& value) const { return {{"select", option(value.name)}}; }
  json operator()(const status& value) const { return {{"status", option(value.name)}}; }
  json operator()(const multi_select& value) const {
    auto options = json::array();
    for (const auto& name : value.names)
      if (options.size() < most_elements)
        options.push_back(option(name));
    return {{"multi_select", std::move(options)}};
  }
  json operator()(const number& value) const { return {{"number", value.value}}; }
  json operator()(const date& value) const {
    return {{"date", {{"start", domain::to_rfc3339(value.at)}}}};
  }
  json operator()(const url& value) const {
    return {{"url", value.address.empty() ? json() : json(value.address)}};
  }
  json operator()(const checkbox& value) const { return {{"checkbox", value.ticked}}; }
};

json written(const property_list& properties) {
  auto object = json::object();
  for (const auto& [name, value] : properties)
    object[name] = std::visit(property_writer{}, value);
  return object;
}

client::call notion_call(const credentials& as,
                         std::string_view operation,
                         std::string_view method,
                         const std::string& path,
                         const json& body = nullptr) {
  auto what = bearer_call("notion", operation, method, as.base_url, path, as.token, body);
  what.headers.emplace_back("Notion-Version", as.version);
  what.repeatable = operation != "pages.create";
  return what;
}

domain::result<client::call> missing(const char* what) {
  return fail(errc::invalid_input, std::string{"notion: no "}.append(what).append(" is named"));
}

domain::result<json> body_of(const client::reply& answer, effect what, domain::time_point now) {
  const verdict found{"notion", answer, what, now};
  auto body = object_in(answer);
  const auto code = domain::text_at(body, "code");
  if (answer.status == 200) {
    if (body.is_null() || domain::text_at(body, "object").empty())
      return found.unexplained("no_answer_of_notion");
    return body;
  }
  // The transaction collided with another and was given up.
  if (code == "conflict_error")
    return found.because(errc::unavailable, code);
  return found.by_status(code);
}

void add_text(const json& value, std::vector<std::string>& into) {
  std::string text;
  for (const auto& part : domain::list_of(value))
    text += domain::text_at(part, "plain_text");
  if (!text.empty())
    into.push_back(std::move(text));
}

void add_options(const json& list, std::vector<std::string>& into) {
  for (const auto& each : domain::list_of(list))
    into.push_back(domain::text_at(each, "name"));
}

std::vector<std::string> texts_of(const json& property) {
  const auto type = domain::text_at(property, "type");
  const auto& value = domain::member(property, type);
  std::vector<std::string> texts;
  if (value.is_null())
    return texts;
  if (type == "title" || type == "rich_text")
    add_text(value, texts);
  else if (type == "multi_select")
    add_options(value, texts);
  else if (type == "select" || type == "status")
    texts.push_back(domain::text_at(value, "name"));
  else if (type == "date")
    texts.push_back(domain::text_at(value, "start"));
  else if (type == "checkbox")
    texts.emplace_back(value == json(true) ? "true" : "false");
  else if (value.is_string())
    texts.push_back(domain::text_of(value));
  else if (value.is_number())
    texts.push_back(domain::write_json(value));
  return texts;
}

page page_from(const json& object) {
  page shown;
  shown.id = domain::text_at(object, "id");
  shown.url = domain::text_at(object, "url");
  shown.last_edited_at = domain::moment_at(object, "last_edited_time");
  shown.in_trash = domain::member(object, "in_trash") == json(true)
                   || domain::member(object, "archived") == json(true);
  const auto& properties = domain::member(object, "properties");
  if (properties.is_object())
    for (const auto& [name, property] : properties.items())
      if (auto texts = texts_of(property); !texts.empty())
        shown.properties.emplace(name, std::move(texts));
  return shown;
}

domain::result<page> page_in(const client::reply& answer, effect what, domain::time_point now) {
  const auto body = body_of(answer, what, now);
  if (!body)
    return body.why();
  auto shown = page_from(*body);
  if (shown.id.empty() || domain::text_at(*body, "object") != "page")
    return verdict{"notion", answer, what, now}.unexplained("no_page");
  return shown;
}

} // namespace

std::vector<std::string_view> segments_of(std::string_view text) {
  std::vector<std::string_view> segments;
  while (!text.empty() && segments.size() < most_elements) {
    segments.push_back(segment(text));
    text.remove_prefix(segments.back().size());
  }
  return segments;
}

domain::result<client::call> query_edited(const credentials& as,
                                          const std::string& data_source_id,
                                          std::optional<domain::time_point> since,
                                          const std::string& cursor) {
  if (data_source_id.empty())
    return missing("data source");
  json body{
    {"page_size", 100},
    {"sorts", json::array({{{"timestamp", "last_edited_time"}, {"direction", "ascending"}}})}};
  // `on_or_after`, never `after`: the rounded times of one minute are all alike.
  if (since)
    body["filter"] = {{"timestamp", "last_edited_time"},
                      {"last_edited_time", {{"on_or_after", domain::to_rfc3339(*since)}}}};
  if (!cursor.empty())
    body["start_cursor"] = cursor;
  return notion_call(
    as, "data_sources.query", "POST", "/data_sources/" + encoded(data_source_id) + "/query", body);
}

domain::result<client::call> query_by_text(const credentials& as,
                                           const std::string& data_source_id,
                                           const std::string& property,
                                           const std::string& value) {
  if (data_source_id.empty() || property.empty() || value.empty())
    return missing("data source, property or value");
  const json body{{"page_size", 100},
                  {"filter", {{"property", property}, {"rich_text", {{"equals", value}}}}}};
  return notion_call(
    as, "data_sources.query", "POST", "/data_sources/" + encoded(data_source_id) + "/query", body);
}

domain::result<page_list> read_query(const client::reply& answer, domain::time_point now) {
  const auto body = body_of(answer, effect::none, now);
  if (!body)
    return body.why();
  if (!domain::member(*body, "results").is_array())
    return verdict{"notion", answer, effect::none, now}.unexplained("no_results");
  page_list list;
  for (const auto& object : domain::list_at(*body, "results"))
    if (domain::text_at(object, "object") == "page")
      list.pages.push_back(page_from(object));
  if (domain::member(*body, "has_more") == json(true))
    list.next_cursor = domain::text_at(*body, "next_cursor");
  list.incomplete = domain::text_at(*body, "request_status", "type") == "incomplete";
  return list;
}

domain::result<client::call> create_page(const credentials& as,
                                         const std::string& data_source_id,
                                         const property_list& properties,
                                         const std::vector<std::string>& paragraphs) {
  if (data_source_id.empty())
    return missing("data source");
  json body{{"parent", {{"type", "data_source_id"}, {"data_source_id", data_source_id}}},
            {"properties", written(properties)}};
  auto children = json::array();
  for (const auto& text : paragraphs)
    if (children.size() < most_elements)
      children.push_back({{"object", "block"},
                          {"type", "paragraph"},
                          {"paragraph", {{"rich_text", text_array(text)}}}});
  if (!children.empty())
    body["children"] = std::move(children);
  return notion_call(as, "pages.create", "POST", "/pages", body);
}

domain::result<client::call>
update_page(const credentials& as, const std::string& page_id, const property_list& properties) {
  if (page_id.empty())
    return missing("page");
  return notion_call(as,
                     "pages.update",
                     "PATCH",
                     "/pages/" + encoded(page_id),
                     {{"properties", written(properties)}});
}

domain::result<client::call> retrieve_page(const credentials& as, const std::string& page_id) {
  if (page_id.empty())
    return missing("page");
  return notion_call(as, "pages.retrieve", "GET", "/pages/" + encoded(page_id));
}

domain::result<page> read_created(const client::reply& answer, domain::time_point now) {
  return page_in(answer, effect::sends, now);
}

domain::result<page> read_page(const client::reply& answer, domain::time_point now) {
  return page_in(answer, effect::none, now);
}

domain::result<client::call> retrieve_database(const credentials& as,
                                               const std::string& database_id) {
  if (database_id.empty())
    return missing("database");
  return notion_call(as, "databases.retrieve", "GET", "/databases/" + encoded(database_id));
}

domain::result<std::vector<std::string>> read_database(const client::reply& answer,
                                                       domain::time_point now) {
  const auto body = body_of(answer, effect::none, now);
  if (!body)
    return body.why();
  std::vector<std::string> ids;
  for (const auto& source : domain::list_at(*body, "data_sources"))
    ids.push_back(domain::text_at(source, "id"));
  return ids;
}

domain::result<client::call> retrieve_data_source(const credentials& as,
                                                  const std::string& data_source_id) {
  if (data_source_id.empty())
    return missing("data source");
  return notion_call(
    as, "data_sources.retrieve", "GET", "/data_sources/" + encoded(data_source_id));
}

domain::result<std::map<std::string, property_schema>> read_data_source(const client::reply& answer,
                                                                        domain::time_point now) {
  const auto body = body_of(answer, effect::none, now);
  if (!body)
    return body.why();
  const auto& properties = domain::member(*body, "properties");
  if (!properties.is_object())
    return verdict{"notion", answer, effect::none, now}.unexplained("no_properties");
  std::map<std::string, property_schema> schema;
  for (const auto& [name, property] : properties.items()) {
    auto& known = schema[name];
    known.type = domain::text_at(property, "type");
    add_options(domain::value_at(property, known.type, "options"), known.options);
  }
  return schema;
}

} // namespace hub::http::providers::notion
