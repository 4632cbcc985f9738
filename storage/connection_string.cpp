#include "storage/connection_string.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace hub::storage {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> limits{{
  {"connect_timeout", "5"},      // seconds
  {"keepalives_idle", "10"},     // seconds
  {"keepalives_interval", "5"},  // seconds
  {"keepalives_count", "3"},     // probes
  {"tcp_user_timeout", "20000"}, // milliseconds
}};

std::string joined(char separator) {
  std::string all;
  for (const auto& [name, value] : limits) {
    if (!all.empty())
      all += separator;
    all.append(name).append("=").append(value);
  }
  return all;
}

/// Where an URL's parameters start, just behind the question mark; npos without any. A password may
/// hold question marks: libpq takes everything up to an @ before the first slash for one.
std::size_t parameters_of(const std::string& url) {
  const auto authority = url.find("://") + 3;
  const auto sign = url.find_first_of("@/", authority);
  const bool credentials = sign != std::string::npos && url[sign] == '@';
  const auto mark = url.find('?', credentials ? sign : authority);
  return mark == std::string::npos ? mark : mark + 1;
}

} // namespace

// In both forms the last of two settings of one name wins, so ours come first.
std::string with_time_limits(const std::string& given) {
  if (!given.starts_with("postgresql://") && !given.starts_with("postgres://"))
    return joined(' ') + (given.empty() ? "" : " ") + given;
  const auto parameters = parameters_of(given);
  if (parameters == std::string::npos)
    return given + '?' + joined('&');
  const auto own = given.substr(parameters);
  return given.substr(0, parameters) + joined('&') + (own.empty() ? "" : "&") + own;
}

} // namespace hub::storage
