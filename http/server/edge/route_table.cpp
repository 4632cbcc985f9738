#include "http/server/edge/route_table.hpp"

#include "http/server/edge/characters.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace hub::http::edge {
namespace {

constexpr std::array<std::string_view, 7> methods = {
  "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

/// As Pistache reads a path: the leading slash and one trailing slash mean nothing.
std::vector<std::string_view> split(std::string_view path) {
  if (path.starts_with('/'))
    path.remove_prefix(1);
  if (path.ends_with('/'))
    path.remove_suffix(1);
  std::vector<std::string_view> segments;
  while (!path.empty())
    segments.push_back(take_until(path, '/'));
  return segments;
}

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string_view>& path) {
  return std::equal(
    pattern.begin(), pattern.end(), path.begin(), path.end(), [](const auto& want, auto got) {
      return want.starts_with(':') || want == got;
    });
}

void check_pattern(std::string_view pattern, const std::vector<std::string_view>& segments) {
  const auto bad = [](std::string_view segment) {
    return segment.empty() || segment == ":" || segment.find_first_of("*?#%") != segment.npos;
  };
  if (!pattern.starts_with('/') || std::any_of(segments.begin(), segments.end(), bad))
    throw std::invalid_argument("malformed route pattern: " + std::string(pattern));
}

} // namespace

void route_table::add(std::string_view method, std::string_view pattern) {
  const auto segments = split(pattern);
  check_pattern(pattern, segments);
  if (std::find(methods.begin(), methods.end(), method) == methods.end())
    throw std::invalid_argument("unknown method of a route: " + std::string(method));
  const auto shape = [](const auto& segment) {
    return segment.starts_with(':') ? std::string(":") : std::string(segment);
  };
  const auto same_shape = [&](const entry& known) {
    return known.method == method
           && std::equal(known.segments.begin(),
                         known.segments.end(),
                         segments.begin(),
                         segments.end(),
                         [&](const auto& a, const auto& b) { return shape(a) == shape(b); });
  };
  if (std::any_of(entries_.begin(), entries_.end(), same_shape))
    throw std::invalid_argument("duplicate route: " + std::string(pattern));
  entries_.push_back({std::string(method), {segments.begin(), segments.end()}});
}

bool route_table::serves(std::string_view method, std::string_view path) const {
  const auto segments = split(path);
  return std::any_of(entries_.begin(), entries_.end(), [&](const entry& known) {
    return known.method == method && matches(known.segments, segments);
  });
}

std::string route_table::allowed(std::string_view path) const {
  const auto segments = split(path);
  std::array<bool, methods.size()> found{};
  for (const auto& known : entries_)
    if (matches(known.segments, segments))
      found[static_cast<std::size_t>(std::find(methods.begin(), methods.end(), known.method)
                                     - methods.begin())] = true;
  if (std::none_of(found.begin(), found.end(), [](bool there) { return there; }))
    return {};
  found[1] = found[1] || found[0]; // GET answers HEAD too
  found.back() = true;
  std::string list;
  for (std::size_t i = 0; i < methods.size(); ++i)
    if (found[i])
      list.append(list.empty() ? "" : ", ").append(methods[i]);
  return list;
}

std::vector<std::pair<std::string, std::string>> route_table::all() const {
  std::vector<std::pair<std::string, std::string>> routes;
  for (const auto& known : entries_) {
    std::string pattern;
    for (const auto& segment : known.segments)
      pattern.append("/").append(segment);
    routes.emplace_back(known.method, pattern.empty() ? "/" : pattern);
  }
  return routes;
}

std::vector<std::string> parameter_names(std::string_view pattern) {
  std::vector<std::string> names;
  for (const auto segment : split(pattern))
    if (segment.starts_with(':'))
      names.emplace_back(segment);
  return names;
}

} // namespace hub::http::edge
