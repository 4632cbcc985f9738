#pragma once

#include "http/sandbox/notion_schema.hpp"
#include "http/sandbox/stand_in.hpp"
#include "http/sandbox/token_bucket.hpp"

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hub::http::sandbox {

/// Notion's API with data sources. Every database exists and has one data source, whose id is the
/// database's with its first four digits replaced by `da7a`.
class notion : public stand_in {
public:
  [[nodiscard]] std::string operation(const call& of) const override;
  outcome handle(const call& what) override;
  [[nodiscard]] std::optional<edge::reply> answer_to(const trouble& what) const override;
  [[nodiscard]] json keeps() const override;
  void clear() override;

  /// Fixes a database's columns, in Notion's form; why it cannot.
  fault_text set_schema(const std::string& database_id, const json& properties);

private:
  struct page {
    std::string id;
    std::string data_source; // empty: below another page
    std::string parent_page;
    json values = json::object();
    json blocks = json::array();
    json icon;
    json cover;
    time_point created;
    time_point last_edited; // both cut to the minute
    std::uint64_t order = 0;
    bool in_trash = false;
  };

  outcome create_page(const json& body, const call& what);
  outcome update_page(page& which, const json& body, const call& what);
  /// Puts a new page below its parent; else why it cannot.
  std::optional<edge::reply> place(page& fresh, const json& parent);
  /// The pages that a checked query finds, sorted.
  std::vector<const page*> matching(const std::string& source, const json& body);
  outcome query(const std::string& source, const json& body, const call& what);
  outcome children(page& which, const call& what);
  outcome route(const std::string& asked, const call& what);
  json show(const page& which, const call& what);
  json show_source(const std::string& source, const call& what);
  json show_database(const std::string& database) const;
  notion_schema& schema_of(const std::string& source) { return schemas_[source]; }
  [[nodiscard]] std::string database_of(const std::string& source) const;
  fault_text check_children(const json& blocks, json& into);

  std::map<std::string, page> pages_;
  std::deque<std::string> order_;                // of pages, the oldest first
  std::map<std::string, notion_schema> schemas_; // by data source
  std::map<std::string, std::string> databases_; // by data source
  token_bucket requests_;
  std::uint64_t made_ = 0;
};

} // namespace hub::http::sandbox
