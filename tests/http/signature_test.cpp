#include "http/server/webhooks/signature.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hub::http {
namespace {

using namespace std::chrono_literals;

// ---- Slack's documented example

constexpr auto documented_secret = "8f742231b10e8888abcd99yyyzzz85a5";
constexpr auto documented_body =
  "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
  "channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
  "response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmib"
  "IGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
constexpr auto documented_signature =
  "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
constexpr auto documented_timestamp = "1531420618";
constexpr domain::time_point documented_moment{1531420618s};

signature_check check_documented(std::string_view timestamp,
                                 std::string_view signature,
                                 domain::time_point now,
                                 std::string_view body = documented_body) {
  return check_slack_signature(documented_secret, timestamp, signature, body, now);
}

TEST(slack_signature, accepts_the_documented_example) {
  EXPECT_EQ(check_documented(documented_timestamp, documented_signature, documented_moment),
            signature_check::good);
}

TEST(slack_signature, accepts_five_minutes_either_way_and_nothing_beyond) {
  const auto at = [](std::chrono::milliseconds away) {
    return check_documented(documented_timestamp, documented_signature, documented_moment + away);
  };
  EXPECT_EQ(at(5min), signature_check::good);
  EXPECT_EQ(at(-5min), signature_check::good);
  EXPECT_EQ(at(5min + 1ms), signature_check::stale);
  EXPECT_EQ(at(-5min - 1ms), signature_check::stale);
}

TEST(slack_signature, refuses_another_body_timestamp_or_secret) {
  const auto at = documented_moment;
  EXPECT_EQ(check_documented(documented_timestamp, documented_signature, at, "token=x"),
            signature_check::bad);
  EXPECT_EQ(check_documented("1531420619", documented_signature, at), signature_check::bad);
  EXPECT_EQ(
    check_slack_signature("other", documented_timestamp, documented_signature, documented_body, at),
    signature_check::bad);
  EXPECT_EQ(
    check_slack_signature("", documented_timestamp, documented_signature, documented_body, at),
    signature_check::bad);
}

TEST(slack_signature, refuses_what_is_missing_or_malformed) {
  const auto at = documented_moment;
  const auto missing = [&](auto timestamp, auto signature) {
    return check_slack_signature(documented_secret, timestamp, signature, documented_body, at);
  };
  EXPECT_EQ(missing(std::nullopt, std::optional<std::string_view>{documented_signature}),
            signature_check::missing);
  EXPECT_EQ(missing(std::optional<std::string_view>{documented_timestamp}, std::nullopt),
            signature_check::missing);
  const std::string good = documented_signature;
  for (const auto& malformed : {std::string{},
                                std::string{"v0="},
                                good.substr(3),
                                "v1=" + good.substr(3),
                                good.substr(0, good.size() - 1),
                                good + "0",
                                good + " ",
                                "v0=" + std::string(64, 'z'),
                                std::string(10'000, 'a')})
    EXPECT_EQ(check_documented(documented_timestamp, malformed, at), signature_check::bad)
      << malformed.substr(0, 80);
  for (const auto* timestamp :
       {"", "now", "-1531420618", "1531420618.5", "0x5b47", " 1531420618", "99999999999999999999"})
    EXPECT_EQ(check_documented(timestamp, documented_signature, at), signature_check::bad)
      << timestamp;
}

} // namespace
} // namespace hub::http
