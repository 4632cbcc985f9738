#include "http/providers/reading.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace hub::http::providers {

namespace {

using domain::errc;
using std::chrono::seconds;

constexpr seconds longest_wait{86'400};

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || at != end)
    return std::nullopt;
  return value;
}

/// "Wed, 21 Oct 2015 07:28:00 GMT", the only form a sender may write.
std::optional<domain::time_point> http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> months{
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || !text.ends_with(" GMT") || text[19] != ':' || text[22] != ':')
    return std::nullopt;
  const auto month = std::ranges::find(months, text.substr(8, 3));
  const auto day = number(text.substr(5, 2));
  const auto year = number(text.substr(12, 4));
  const auto hour = number(text.substr(17, 2));
  const auto minute = number(text.substr(20, 2));
  const auto second = number(text.substr(23, 2));
  if (month == months.end() || !day || !year || !hour || !minute || !second)
    return std::nullopt;
  const std::chrono::year_month_day date{
    std::chrono::year{*year},
    std::chrono::month{static_cast<unsigned>(month - months.begin()) + 1},
    std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok())
    return std::nullopt;
  return std::chrono::sys_days{date} + std::chrono::hours{*hour} + std::chrono::minutes{*minute}
         + seconds{*second};
}

/// "1" or "0.5", as seconds rounded up.
std::optional<seconds> delay(std::string_view text) {
  const auto point = text.find('.');
  const auto whole = text.substr(0, point);
  const auto rest = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  const auto digits = [](std::string_view part) {
    return std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
  };
  if (whole.empty() || !digits(whole) || !digits(rest))
    return std::nullopt;
  const bool more = rest.find_first_not_of('0') != std::string_view::npos;
  const auto value = number(whole); // digits that do not fit an int ask for more than a day
  return value ? std::min(seconds{*value} + seconds{more ? 1 : 0}, longest_wait) : longest_wait;
}

bool looks_like_code(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
           || c == '.' || c == '-';
  });
}

errc code_of(int status, effect what) {
  switch (status) {
  case 401:
    return errc::unauthorized;
  case 402:
  case 403:
  case 451:
    return errc::forbidden;
  case 404:
  case 410:
    return errc::not_found;
  case 409:
    return errc::conflict;
  case 413:
    return errc::too_large;
  case 429:
    return errc::rate_limited;
  case 408: // the server did not get the whole request
  case 425:
  case 503:
  case 529:
    return errc::unavailable;
  default:
    if (status >= 300 && status < 500)
      return errc::invalid_input;
    return what == effect::sends ? errc::unknown_outcome : errc::unavailable;
  }
}

} // namespace

std::chrono::seconds until(domain::time_point when, domain::time_point now) {
  return std::clamp(std::chrono::ceil<seconds>(when - now), seconds{0}, longest_wait);
}

std::optional<std::chrono::seconds> retry_after(const client::reply& from, domain::time_point now) {
  const auto asked = from.header("retry-after");
  if (const auto wait = delay(asked))
    return wait;
  if (const auto when = http_date(asked))
    return until(*when, now);
  return std::nullopt;
}

verdict::verdict(std::string_view provider,
                 const client::reply& about,
                 effect what,
                 domain::time_point now)
  : provider_{provider}, about_{about}, what_{what}, now_{now} {}

domain::failure
verdict::because(errc code, std::string_view providers_code, const char* file, int line) const {
  std::string message{provider_};
  message.append(": ");
  if (looks_like_code(providers_code))
    message.append(providers_code).append(" ");
  message.append("(").append(std::to_string(about_.status)).append(")");
  auto why = domain::fail(code, std::move(message), file, line);
  if (code == errc::rate_limited || code == errc::unavailable)
    why.retry_after = retry_after(about_, now_);
  return why;
}

domain::failure
verdict::unexplained(std::string_view providers_code, const char* file, int line) const {
  return because(
    what_ == effect::sends ? errc::unknown_outcome : errc::unavailable, providers_code, file, line);
}

domain::failure
verdict::by_status(std::string_view providers_code, const char* file, int line) const {
  return because(code_of(about_.status, what_), providers_code, file, line);
}

domain::json object_in(const client::reply& answer) {
  auto read = domain::read_json(answer.body);
  if (!read || !read->is_object())
    return nullptr;
  return *std::move(read);
}

} // namespace hub::http::providers
