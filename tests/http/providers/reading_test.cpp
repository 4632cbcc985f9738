#include "http/providers/reading.hpp"

#include "tests/http/providers/played.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace hub::http::providers {

namespace {

using std::chrono::seconds;

std::optional<seconds> read(std::string value) {
  client::reply answer;
  answer.headers.emplace_back("retry-after", std::move(value));
  return retry_after(answer, present);
}

TEST(retry_after_header, is_read_in_each_form_it_has) {
  const std::vector<std::pair<const char*, std::optional<seconds>>> table{
    {"30", seconds{30}},
    {"0", seconds{0}},
    {"0.5", seconds{1}},
    {"1.0", seconds{1}},
    {"2.001", seconds{3}},
    {"86400", seconds{86'400}},
    {"86401", seconds{86'400}},
    {"99999999999999999999", seconds{86'400}},
    {"Thu, 01 Jan 2026 00:00:45 GMT", seconds{45}},
    {"Wed, 31 Dec 2025 23:59:59 GMT", seconds{0}},
    {"Thu, 01 Jan 2032 00:00:00 GMT", seconds{86'400}},
    {"Thu, 32 Jan 2026 00:00:45 GMT", std::nullopt},
    {"Thu, 01 Foo 2026 00:00:45 GMT", std::nullopt},
    {"Thu, 01 Jan 2026 00:00:45 CET", std::nullopt},
    {"", std::nullopt},
    {"-1", std::nullopt},
    {"soon", std::nullopt},
    {"1e3", std::nullopt},
    {"1.x", std::nullopt},
  };
  for (const auto& [value, expected] : table)
    EXPECT_EQ(read(value), expected) << value;
  EXPECT_EQ(retry_after({}, present), std::nullopt);
}

TEST(status, decides_between_again_never_and_unknown) {
  using domain::errc;
  struct row {
    int status;
    errc when_sending;
    errc when_reading;
  };
  for (const auto& [status, sending, reading] :
       std::vector<row>{{200, errc::unknown_outcome, errc::unavailable},
                        {204, errc::unknown_outcome, errc::unavailable},
                        {301, errc::invalid_input, errc::invalid_input},
                        {400, errc::invalid_input, errc::invalid_input},
                        {401, errc::unauthorized, errc::unauthorized},
                        {402, errc::forbidden, errc::forbidden},
                        {403, errc::forbidden, errc::forbidden},
                        {404, errc::not_found, errc::not_found},
                        {408, errc::unavailable, errc::unavailable},
                        {409, errc::conflict, errc::conflict},
                        {410, errc::not_found, errc::not_found},
                        {413, errc::too_large, errc::too_large},
                        {422, errc::invalid_input, errc::invalid_input},
                        {429, errc::rate_limited, errc::rate_limited},
                        {500, errc::unknown_outcome, errc::unavailable},
                        {502, errc::unknown_outcome, errc::unavailable},
                        {503, errc::unavailable, errc::unavailable},
                        {504, errc::unknown_outcome, errc::unavailable},
                        {520, errc::unknown_outcome, errc::unavailable},
                        {529, errc::unavailable, errc::unavailable},
                        {0, errc::unknown_outcome, errc::unavailable}}) {
    client::reply answer;
    answer.status = status;
    EXPECT_EQ((verdict{"x", answer, effect::sends, present}.by_status("").code), sending) << status;
    EXPECT_EQ((verdict{"x", answer, effect::none, present}.by_status("").code), reading) << status;
  }
}

TEST(failure_message, shows_codes_and_nothing_else) {
  client::reply answer;
  answer.status = 400;
  const verdict found{"x", answer, effect::sends, present};
  EXPECT_EQ(found.by_status("channel_not_found").message, "x: channel_not_found (400)");
  for (const auto& words : {std::string{"Ana's mail is a@b.c"},
                            std::string{"a\nb"},
                            std::string(65, 'a'),
                            std::string{"<b>"},
                            std::string{}})
    EXPECT_EQ(found.by_status(words).message, "x: (400)") << words;
}

} // namespace

} // namespace hub::http::providers
