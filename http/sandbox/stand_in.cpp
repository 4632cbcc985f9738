#include "http/sandbox/stand_in.hpp"

#include <utility>

namespace hub::http::sandbox {

std::string_view to_string(provider which) {
  switch (which) {
  case provider::slack:
    return "slack";
  case provider::intercom:
    return "intercom";
  case provider::whatsapp:
    return "whatsapp";
  case provider::notion:
    return "notion";
  case provider::openai:
    return "openai";
  case provider::s3:
    return "s3";
  case provider::smtp:
    return "smtp";
  }
  return "";
}

std::optional<provider> parse_provider(std::string_view name) {
  for (const auto which : all_providers)
    if (to_string(which) == name)
      return which;
  return std::nullopt;
}

call call_of(const edge::request& request, time_point now) {
  call made{request, {}, now};
  std::string_view rest = request.path;
  bool first = true;
  while (!rest.empty()) {
    const auto end = rest.find('/');
    const auto segment = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (segment.empty())
      continue;
    if (!std::exchange(first, false))
      made.path.emplace_back(segment);
  }
  return made;
}

} // namespace hub::http::sandbox
