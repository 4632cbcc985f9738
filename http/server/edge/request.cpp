#include "http/server/edge/request.hpp"

namespace hub::http::edge {
namespace {

using pairs = std::vector<std::pair<std::string, std::string>>;

std::optional<std::string_view> first(const pairs& from, std::string_view name) {
  for (const auto& [key, value] : from)
    if (key == name)
      return value;
  return std::nullopt;
}

} // namespace

std::optional<std::string_view> request::header(std::string_view name) const {
  return first(headers, name);
}

std::string_view request::path_parameter(std::string_view name) const {
  return first(path_parameters, name).value_or(std::string_view{});
}

std::optional<std::string_view> request::query_parameter(std::string_view name) const {
  return first(query, name);
}

} // namespace hub::http::edge
