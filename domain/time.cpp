#include "domain/time.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <optional>

namespace hub::domain {

namespace {

constexpr time_point first_year{std::chrono::sys_days{std::chrono::year{0} / 1 / 1}};
constexpr time_point last_moment =
  time_point{std::chrono::sys_days{std::chrono::year{9999} / 12 / 31}} + std::chrono::hours{24}
  - std::chrono::milliseconds{1};

/// Takes exactly `digits` decimal digits off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits)
    return std::nullopt;
  int value = 0;
  const auto* end = text.data() + digits;
  if (const auto [stop, error] = std::from_chars(text.data(), end, value);
      error != std::errc{} || stop != end || text.front() == '-')
    return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted)
    return false;
  text.remove_prefix(1);
  return true;
}

/// Takes `.123456` and returns it in milliseconds, cutting what is finer.
std::optional<std::chrono::milliseconds> take_fraction(std::string_view& text) {
  if (!take(text, '.'))
    return std::chrono::milliseconds{0};
  int milliseconds = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits)
    if (digits < 3)
      milliseconds = milliseconds * 10 + (text[digits] - '0');
  if (digits == 0)
    return std::nullopt;
  for (auto missing = digits; missing < 3; ++missing)
    milliseconds *= 10;
  text.remove_prefix(digits);
  return std::chrono::milliseconds{milliseconds};
}

std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z'))
    return std::chrono::minutes{0};
  const bool east = take(text, '+');
  if (!east && !take(text, '-'))
    return std::nullopt;
  const auto hours = take_number(text, 2);
  if (!hours || !take(text, ':'))
    return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59)
    return std::nullopt;
  const std::chrono::minutes offset{*hours * 60 + *minutes};
  return east ? offset : -offset;
}

failure not_a_time() {
  return fail(errc::invalid_input, "not an RFC 3339 time; write it as 2026-01-31T09:05:00.000Z");
}

} // namespace

std::string to_rfc3339(time_point at) {
  at = std::clamp(at, first_year, last_moment);
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{at - day};
  std::array<char, 32> text{};
  const auto length = std::snprintf(text.data(),
                                    text.size(),
                                    "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                                    static_cast<int>(date.year()),
                                    static_cast<unsigned>(date.month()),
                                    static_cast<unsigned>(date.day()),
                                    static_cast<int>(clock.hours().count()),
                                    static_cast<int>(clock.minutes().count()),
                                    static_cast<int>(clock.seconds().count()),
                                    static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

result<time_point> parse_rfc3339(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-'))
    return not_a_time();
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-'))
    return not_a_time();
  const auto day = take_number(text, 2);
  if (!day || !(take(text, 'T') || take(text, 't') || take(text, ' ')))
    return not_a_time();
  const auto hour = take_number(text, 2);
  if (!hour || !take(text, ':'))
    return not_a_time();
  const auto minute = take_number(text, 2);
  if (!minute || !take(text, ':'))
    return not_a_time();
  const auto second = take_number(text, 2);
  if (!second)
    return not_a_time();
  const auto fraction = take_fraction(text);
  if (!fraction)
    return not_a_time();
  const auto offset = take_offset(text);
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!offset || !text.empty() || !date.ok() || *hour > 23 || *minute > 59 || *second > 60)
    return not_a_time();
  return time_point{std::chrono::sys_days{date}} + std::chrono::hours{*hour}
         + std::chrono::minutes{*minute} + std::chrono::seconds{*second} + *fraction - *offset;
}

result<time_point> parse_unix_seconds(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  constexpr std::int64_t latest = 253402300799; // 9999-12-31T23:59:59Z
  const auto fraction = take_fraction(text);
  if (error != std::errc{} || seconds < 0 || seconds > latest || !fraction || !text.empty())
    return fail(errc::invalid_input, "not a Unix time in seconds");
  return time_point{std::chrono::seconds{seconds}} + *fraction;
}

} // namespace hub::domain
