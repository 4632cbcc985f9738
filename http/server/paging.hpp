#pragma once

#include "http/server/edge/responder.hpp"
#include "http/server/parse.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hub::http {

/// Rows that pages by number may skip; beyond, the database would read all it skips, and a cursor
/// leads on.
inline constexpr int deepest_offset = 10'000;

/// How many pages of that size can be asked for by number.
constexpr std::int64_t reachable_pages(int per_page) {
  return deepest_offset / per_page + 1;
}

/// The page a list is asked for, by number.
struct page_number {
  int page = 1;
  int per_page = 20;
  [[nodiscard]] int offset() const { return (page - 1) * per_page; }
};

/// Reads `page` and `per_page`. A page too deep is a fault, unless a cursor says where to start.
page_number read_page_number(parameters& given, bool by_cursor);

/// What there is to say about a page of a bare list.
struct page_facts {
  page_number at;
  bool by_cursor = false;
  bool more = false;
  std::int64_t total = 0;
  bool total_is_exact = true;
  std::string next_cursor; // where this page ends; empty for an empty one
};

/// X-Total-Count, X-Next-Cursor and the RFC 8288 Link of a page of a bare list. The links repeat
/// the request's other parameters. A last page that nobody counted to, or none may ask for, has no
/// link; beyond the pages with numbers, "next" goes on by cursor.
std::vector<std::pair<std::string, std::string>> paging_headers(const edge::request& request,
                                                                const page_facts& facts);

/// The answer to a call for a page of a bare list: `rows` is the page as JSON text, `found` says
/// how much there is, `ends_at` is the cursor of its last row.
template <class Page>
edge::reply page_reply(const edge::request& request,
                       const page_number& at,
                       bool by_cursor,
                       const Page& found,
                       std::string rows,
                       std::string ends_at) {
  return {.status = 200,
          .content_type = "application/json",
          .body = std::move(rows),
          .headers = paging_headers(request,
                                    {.at = at,
                                     .by_cursor = by_cursor,
                                     .more = found.more,
                                     .total = found.total,
                                     .total_is_exact = found.total_is_exact,
                                     .next_cursor = found.more ? std::move(ends_at) : ""})};
}

} // namespace hub::http
