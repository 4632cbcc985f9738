#pragma once

#include "domain/json_reading.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The columns of a Notion data source and the values pages have in them.
namespace hub::http::sandbox {

/// Why Notion refuses a body: the sentence of its `validation_error`.
using fault_text = std::optional<std::string>;

struct notion_property {
  std::string type;
  std::vector<std::string> options = {}; // of a status
  bool settled = false;                  // used, or set by hand: the type stays
};

/// The columns by name. Until somebody sets them, a data source has those of a ticket board, takes
/// whatever type a column is first used with, and grows a column when an unknown one is used.
class notion_schema {
public:
  notion_schema();

  /// Takes Notion's own form, `{"Name": {"title": {}}, …}`; from then on nothing is learnt.
  fault_text set(const domain::json& properties);

  /// Checks the values of a write and learns from them; a value of "title" gets its column's name.
  fault_text check_values(domain::json& properties);
  /// Checks that a filter or sort may use a column; `type` empty: any.
  fault_text check_use(const std::string& name, const std::string& type);

  /// The type of a column; empty if there is none.
  [[nodiscard]] std::string type_of(const std::string& name) const;
  /// A page's properties as Notion shows them, those without a value too.
  [[nodiscard]] domain::json show(const domain::json& values) const;
  /// The columns as Notion describes them.
  [[nodiscard]] domain::json describe() const;

private:
  fault_text check_value(const std::string& name, const domain::json& value);
  /// Makes a column of that type, or changes one that nobody has used; why it cannot.
  fault_text settle(const std::string& name, const std::string& type);

  std::map<std::string, notion_property> columns_;
  bool closed_ = false;
};

/// The text of a list of rich text.
std::string plain_text_of(const domain::json& rich_text);

/// Checks a list of rich text; `where` begins with "body.".
fault_text check_rich_text(const domain::json& list, const std::string& where);

/// A list of rich text as Notion answers it.
domain::json show_rich_text(const domain::json& list);

} // namespace hub::http::sandbox
