#pragma once

#include "domain/result.hpp"
#include "domain/time.hpp"
#include "http/client/call.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// Notion's API, data sources (version 2025-09-03 and later). Failures of readers as in slack.hpp;
/// an update, a query and a retrieval never have an unknown outcome, a creation may.
namespace hub::http::providers::notion {

struct credentials {
  std::string base_url = "https://api.notion.com/v1";
  std::string token;
  std::string version = "2025-09-03";
};

// What a property of a page can be set to. Empty text empties the property.
struct title {
  std::string text;
};
struct rich_text {
  std::string text;
};
struct select {
  std::string name;
};
struct status {
  std::string name; // a status cannot be emptied
};
struct multi_select {
  std::vector<std::string> names;
};
struct number {
  double value = 0;
};
struct date {
  domain::time_point at;
};
struct url {
  std::string address;
};
struct checkbox {
  bool ticked = false;
};
using property_value =
  std::variant<title, rich_text, select, status, multi_select, number, date, url, checkbox>;
/// By name.
using property_list = std::vector<std::pair<std::string, property_value>>;

/// A page as Notion shows it.
struct page {
  std::string id;
  std::string url;
  std::optional<domain::time_point> last_edited_at; // Notion rounds it down to the minute
  bool in_trash = false;
  /// Each property's text by name: the options of a multi-select, one entry for anything else that
  /// is set, none for what is not.
  std::map<std::string, std::vector<std::string>> properties;
};

/// Text as Notion takes it: segments of at most 2,000 characters, at most 100 of them, cut between
/// characters. What is beyond that is left out.
[[nodiscard]] std::vector<std::string_view> segments_of(std::string_view text);

/// Asks for the pages edited at `since` or later, oldest edit first, 100 a page. `since` without
/// value asks for all. `cursor` is empty for the first page.
domain::result<client::call> query_edited(const credentials& as,
                                          const std::string& data_source_id,
                                          std::optional<domain::time_point> since,
                                          const std::string& cursor);

/// Asks for the pages whose text property `property` is exactly `value`: did a creation happen?
domain::result<client::call> query_by_text(const credentials& as,
                                           const std::string& data_source_id,
                                           const std::string& property,
                                           const std::string& value);

struct page_list {
  std::vector<page> pages;
  std::string next_cursor; // empty: that was the last page
  /// Notion stops at 10,000 results: ask again for what was edited since the last page here.
  bool incomplete = false;
};
domain::result<page_list> read_query(const client::reply& answer, domain::time_point now);

/// Creates a page; `paragraphs` (at most 100) become its content.
domain::result<client::call> create_page(const credentials& as,
                                         const std::string& data_source_id,
                                         const property_list& properties,
                                         const std::vector<std::string>& paragraphs);
/// Sets properties of a page; what is not listed stays.
domain::result<client::call>
update_page(const credentials& as, const std::string& page_id, const property_list& properties);
domain::result<client::call> retrieve_page(const credentials& as, const std::string& page_id);

domain::result<page> read_created(const client::reply& answer, domain::time_point now);
/// The answer to an update or a retrieval.
domain::result<page> read_page(const client::reply& answer, domain::time_point now);

/// Asks which data sources a database has.
domain::result<client::call> retrieve_database(const credentials& as,
                                               const std::string& database_id);
/// Their ids.
domain::result<std::vector<std::string>> read_database(const client::reply& answer,
                                                       domain::time_point now);

/// Asks which properties a data source has.
domain::result<client::call> retrieve_data_source(const credentials& as,
                                                  const std::string& data_source_id);

struct property_schema {
  std::string type;                 // "select"
  std::vector<std::string> options; // of select, multi_select and status
};
domain::result<std::map<std::string, property_schema>> read_data_source(const client::reply& answer,
                                                                        domain::time_point now);

} // namespace hub::http::providers::notion
