#include "http/sandbox/files.hpp"

namespace hub::http::sandbox {
namespace {

using namespace std::string_view_literals;

// The smallest picture there is; programs that read it stop at its end, so more may follow.
constexpr auto picture =
  "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9c"
  "c\xf8\xff\xff\xff\x7f\0\x09\xfb\3\xfd\x08\xfc\xa6\x8a\0\0\0\0IEND\xae"
  "B`\x82"sv;

constexpr std::size_t large = 320UL * 1024;

bool has(std::string_view name, std::string_view word) {
  return name.find(word) != std::string_view::npos;
}

std::string_view type_by_ending(std::string_view name) {
  if (name.ends_with(".pdf"))
    return "application/pdf";
  return name.ends_with(".txt") ? "text/plain" : "image/png";
}

} // namespace

std::optional<edge::reply> file_named(std::string_view name) {
  if (has(name, "gone"))
    return std::nullopt;
  edge::reply answer;
  answer.content_type = type_by_ending(name);
  if (has(name, "page")) {
    answer.body = "<!DOCTYPE html><script>alert(document.cookie)</script>";
    return answer;
  }
  answer.body = picture;
  answer.body += name; // no two are the same
  if (has(name, "large"))
    answer.body.resize(large, 'x');
  return answer;
}

} // namespace hub::http::sandbox
