#include "domain/scrub_json.hpp"

#include "domain/json_reading.hpp"
#include "domain/scrub.hpp"

namespace hub::domain {

namespace {

// `read_json` bounds the nesting, and so this recursion.
void scrub_strings(json& value) {
  if (auto* text = value.get_ptr<json::string_t*>())
    *text = scrub(*text).text;
  else if (value.is_structured())
    for (auto& part : value)
      scrub_strings(part);
}

} // namespace

std::string scrub_json(std::string_view text) {
  auto read = read_json(text);
  auto value = read ? *std::move(read) : json(std::string{text});
  scrub_strings(value);
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace hub::domain
