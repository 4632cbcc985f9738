#pragma once

#include "domain/time.hpp"
#include "http/sandbox/notion_schema.hpp"

namespace hub::http::sandbox {

/// What a query sees of a page.
struct notion_row {
  const domain::json& values;
  domain::time_point created;
  domain::time_point last_edited;
};

/// Checks a filter and that the columns it names may be filtered so.
fault_text check_filter(const domain::json& filter, notion_schema& schema, int depth = 0);

/// Whether a page passes a filter that was checked.
bool passes(const domain::json& filter, const notion_row& row);

fault_text check_sorts(const domain::json& sorts, notion_schema& schema);

/// True when `a` comes before `b` by sorts that were checked.
bool comes_before(const domain::json& sorts,
                  const notion_schema& schema,
                  const notion_row& a,
                  const notion_row& b);

} // namespace hub::http::sandbox
