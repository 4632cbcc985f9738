#include "http/server/paging.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace hub::http {

namespace {

std::string escaped(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char c : text)
    if (std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '~')
      out += static_cast<char>(c);
    else
      out.append({'%', digits[c >> 4U], digits[c & 0xFU]});
  return out;
}

/// Builds the value of Link, one target after the other.
class links {
public:
  links(const edge::request& request, int per_page) {
    base_ = "<" + request.path + "?";
    for (const auto& [name, value] : request.query)
      if (name != "page" && name != "per_page" && name != "cursor")
        base_ += escaped(name) + "=" + escaped(value) + "&";
    base_ += "per_page=" + std::to_string(per_page);
  }
  void add(const char* relation, const char* parameter, const std::string& value) {
    text_ += (text_.empty() ? "" : ", ") + base_ + "&" + parameter + "=" + escaped(value)
             + ">; rel=\"" + relation + '"';
  }
  std::string finish() { return std::move(text_); }

private:
  std::string base_;
  std::string text_;
};

} // namespace

page_number read_page_number(parameters& given, bool by_cursor) {
  page_number at;
  at.per_page = given.number("per_page", 20, 1, 100);
  at.page = given.number("page", 1, 1, 1'000'000);
  if (!by_cursor && at.page > reachable_pages(at.per_page))
    given.fault("page", "is too deep; follow the cursor instead");
  return at;
}

std::vector<std::pair<std::string, std::string>> paging_headers(const edge::request& request,
                                                                const page_facts& facts) {
  links all{request, facts.at.per_page};
  const auto reachable = reachable_pages(facts.at.per_page);
  const auto pages =
    std::max<std::int64_t>(1, (facts.total + facts.at.per_page - 1) / facts.at.per_page);
  all.add("first", "page", "1");
  if (!facts.by_cursor && facts.at.page > 1)
    all.add("prev", "page", std::to_string(facts.at.page - 1));
  if (facts.more && (facts.by_cursor || facts.at.page + 1 > reachable))
    all.add("next", "cursor", facts.next_cursor);
  else if (facts.more)
    all.add("next", "page", std::to_string(facts.at.page + 1));
  if (facts.total_is_exact && pages <= reachable)
    all.add("last", "page", std::to_string(pages));
  std::vector<std::pair<std::string, std::string>> headers{
    {"X-Total-Count", std::to_string(facts.total)}, {"Link", all.finish()}};
  if (facts.more)
    headers.emplace_back("X-Next-Cursor", facts.next_cursor);
  return headers;
}

} // namespace hub::http
