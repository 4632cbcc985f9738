#include "domain/time.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>

namespace hub::domain {

namespace {

using std::chrono::milliseconds;
using std::chrono::sys_days;
using std::chrono::year;

constexpr time_point at(std::int64_t unix_milliseconds) {
  return time_point{milliseconds{unix_milliseconds}};
}

TEST(rfc3339, writes_milliseconds_in_utc) {
  EXPECT_EQ(to_rfc3339(at(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(at(1769850300123)), "2026-01-31T09:05:00.123Z");
  EXPECT_EQ(to_rfc3339(at(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(time_point{sys_days{year{2024} / 2 / 29}}), "2024-02-29T00:00:00.000Z");
}

TEST(rfc3339, clamps_years_that_have_no_four_digits) {
  EXPECT_EQ(to_rfc3339(time_point::max()), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(time_point::min()), "0000-01-01T00:00:00.000Z");
}

TEST(rfc3339, reads_any_offset_and_fraction) {
  const auto moment = at(1769850300123);
  for (const auto* text : {"2026-01-31T09:05:00.123Z",
                           "2026-01-31t09:05:00.123z",
                           "2026-01-31 09:05:00.123456789Z",
                           "2026-01-31T10:05:00.123+01:00",
                           "2026-01-31T03:35:00.1239-05:30",
                           "2026-02-01T08:04:00.123+22:59"}) {
    const auto read = parse_rfc3339(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, moment) << text;
  }
  EXPECT_EQ(*parse_rfc3339("2026-01-31T09:05:00.1Z"), at(1769850300100));
  EXPECT_EQ(*parse_rfc3339("2026-01-31T09:05:00Z"), at(1769850300000));
  EXPECT_EQ(*parse_rfc3339("2016-12-31T23:59:60Z"), at(1483228800000)); // a leap second
}

TEST(rfc3339, refuses_what_is_no_time) {
  for (const auto* text : {"",
                           "2026-01-31",
                           "2026-01-31T09:05:00",
                           "2026-01-31T09:05Z",
                           "2026-1-31T09:05:00Z",
                           "2026-02-30T09:05:00Z",
                           "2025-02-29T09:05:00Z",
                           "2026-13-01T09:05:00Z",
                           "2026-01-31T24:00:00Z",
                           "2026-01-31T09:60:00Z",
                           "2026-01-31T09:05:61Z",
                           "2026-01-31T09:05:00.Z",
                           "2026-01-31T09:05:00+1:00",
                           "2026-01-31T09:05:00+01:60",
                           "2026-01-31T09:05:00Zx",
                           " 2026-01-31T09:05:00Z",
                           "-026-01-31T09:05:00Z",
                           "2026-01-31T09:-5:00Z",
                           "2026-01-31T+9:05:00Z"}) {
    const auto read = parse_rfc3339(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.why().code, errc::invalid_input) << text;
  }
}

TEST(rfc3339, reads_back_what_it_wrote) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  std::uniform_int_distribution<std::int64_t> any{-62167219200000, 253402300799999};
  for (int round = 0; round < 20'000; ++round) {
    const auto moment = at(any(random));
    const auto text = to_rfc3339(moment);
    const auto read = parse_rfc3339(text);
    ASSERT_TRUE(read) << text;
    ASSERT_EQ(*read, moment) << text;
  }
}

TEST(unix_seconds, reads_seconds_with_and_without_fraction) {
  EXPECT_EQ(*parse_unix_seconds("0"), at(0));
  EXPECT_EQ(*parse_unix_seconds("1531420618"), at(1531420618000));
  EXPECT_EQ(*parse_unix_seconds("1531420618.000200"), at(1531420618000));
  EXPECT_EQ(*parse_unix_seconds("1531420618.9999"), at(1531420618999));
  EXPECT_EQ(*parse_unix_seconds("253402300799"), at(253402300799000));
}

TEST(unix_seconds, refuses_what_is_none) {
  for (const auto* text : {"",
                           "-1",
                           "+1",
                           " 1",
                           "1 ",
                           "1.",
                           ".5",
                           "1e9",
                           "abc",
                           "0x10",
                           "1.2.3",
                           "253402300800",
                           "99999999999999999999",
                           "1531420618,5"})
    EXPECT_FALSE(parse_unix_seconds(text)) << text;
}

} // namespace

} // namespace hub::domain
