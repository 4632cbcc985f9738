#include "http/server/paging.hpp"

#include <gtest/gtest.h>

namespace hub::http {
namespace {

std::string header(const page_facts& facts, std::string_view name) {
  edge::request request;
  request.path = "/api/things";
  request.query = {{"page", "1"}, {"status", "a b"}, {"cursor", "x"}};
  for (const auto& [key, value] : paging_headers(request, facts))
    if (key == name)
      return value;
  return "";
}

TEST(paging, leads_from_page_to_page) {
  const page_facts middle{
    .at = {.page = 2, .per_page = 10}, .more = true, .total = 30, .next_cursor = "c/1"};
  EXPECT_EQ(header(middle, "Link"),
            "</api/things?status=a%20b&per_page=10&page=1>; rel=\"first\", "
            "</api/things?status=a%20b&per_page=10&page=1>; rel=\"prev\", "
            "</api/things?status=a%20b&per_page=10&page=3>; rel=\"next\", "
            "</api/things?status=a%20b&per_page=10&page=3>; rel=\"last\"");
  EXPECT_EQ(header(middle, "X-Total-Count"), "30");
  EXPECT_EQ(header(middle, "X-Next-Cursor"), "c/1");
}

TEST(paging, ends_with_the_last_page_also_when_it_is_full) {
  const page_facts last{.at = {.page = 3, .per_page = 10}, .more = false, .total = 30};
  EXPECT_EQ(header(last, "Link").find("next"), std::string::npos);
  EXPECT_EQ(header(last, "X-Next-Cursor"), "");
}

TEST(paging, promises_no_page_that_nobody_may_ask_for) {
  const auto deepest = static_cast<int>(reachable_pages(100));
  const page_facts beyond{.at = {.page = deepest, .per_page = 100},
                          .more = true,
                          .total = 1'000'000,
                          .next_cursor = "c1"};
  const auto links = header(beyond, "Link");
  EXPECT_NE(links.find("&cursor=c1>; rel=\"next\""), std::string::npos) << links;
  EXPECT_EQ(links.find("rel=\"last\""), std::string::npos) << links;
  const page_facts uncounted{.more = true, .total = 10'000, .total_is_exact = false};
  EXPECT_EQ(header(uncounted, "Link").find("rel=\"last\""), std::string::npos);
  EXPECT_LE((page_number{.page = deepest, .per_page = 100}.offset()), deepest_offset);
}

} // namespace
} // namespace hub::http
