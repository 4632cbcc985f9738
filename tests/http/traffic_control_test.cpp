#include "http/server/auth/traffic_control.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace hub::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class traffic : public ::testing::Test {
protected:
  static traffic_control::rules_table rules() {
    traffic_control::rules_table all{};
    all[static_cast<std::size_t>(traffic_scope::key)] = {
      .calls_per_second = 2, .body_bytes_per_second = 100, .streams = 2};
    return all;
  }

  std::chrono::steady_clock::time_point now_{seconds{1'000'000}};
  traffic_control control_{rules(), [this] { return now_; }};
  const traffic_of one_{traffic_scope::key, "one"};
  const traffic_of other_{traffic_scope::key, "other"};

  /// How many calls go through at this moment.
  int calls_at_once(const traffic_of& whose) {
    int through = 0;
    while (through < 1000 && control_.begin(whose, 0))
      ++through;
    return through;
  }
};

TEST_F(traffic, lets_ten_seconds_worth_through_at_once_and_then_its_rate) {
  EXPECT_EQ(calls_at_once(one_), 21) << "twenty, and the one that makes it too many";
  const auto refused = control_.begin(one_, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.why().code, domain::errc::rate_limited);
  EXPECT_THAT(refused.why().message, HasSubstr("by this key: 2 a second"));
  EXPECT_EQ(refused.why().retry_after, seconds{1});
  now_ += seconds{3};
  EXPECT_EQ(calls_at_once(one_), 6);
}

TEST_F(traffic, of_one_costs_nobody_else_anything) {
  calls_at_once(one_);
  EXPECT_EQ(calls_at_once(other_), 21);
  EXPECT_EQ(calls_at_once({traffic_scope::workspace, "one"}), 1000) << "no limit is set there";
}

TEST_F(traffic, counts_what_bodies_weigh) {
  EXPECT_TRUE(control_.begin(one_, 5'000)) << "one that is too large is paid for afterwards";
  const auto refused = control_.begin(one_, 1);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.why().message, HasSubstr("100 bytes a second"));
  EXPECT_EQ(refused.why().retry_after, seconds{40});
  EXPECT_TRUE(control_.begin(one_, 0)) << "calls without a body go on";
  now_ += seconds{40};
  EXPECT_TRUE(control_.begin(one_, 1));
}

TEST_F(traffic, counts_what_was_refused) {
  calls_at_once(one_);
  const auto before = control_.refused(traffic_scope::key);
  EXPECT_FALSE(control_.begin(one_, 0));
  EXPECT_EQ(control_.refused(traffic_scope::key), before + 1);
  EXPECT_EQ(control_.refused(traffic_scope::address), 0U);
}

TEST_F(traffic, bounds_open_streams_until_their_last_copy_is_gone) {
  auto first = control_.open_stream(one_);
  auto second = control_.open_stream(one_);
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  const auto third = control_.open_stream(one_);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.why().code, domain::errc::rate_limited);
  EXPECT_TRUE(third.why().retry_after);
  EXPECT_TRUE(control_.open_stream(other_));
  {
    const auto copy = *first;
    first = second; // its own is gone, the copy still holds the place
    EXPECT_FALSE(control_.open_stream(one_));
  }
  EXPECT_TRUE(control_.open_stream(one_));
}

TEST_F(traffic, lets_a_stream_outlive_it) {
  traffic_control::stream_place place;
  {
    traffic_control passing{rules(), [this] { return now_; }};
    place = *passing.open_stream(one_);
  }
  place.reset();
}

TEST_F(traffic, forgets_those_who_have_paid) {
  for (int i = 0; i < 50'000; ++i) {
    ASSERT_TRUE(control_.begin({traffic_scope::key, std::to_string(i)}, 0));
    now_ += milliseconds{1};
  }
  EXPECT_EQ(calls_at_once({traffic_scope::key, "late"}), 21);
}

} // namespace
} // namespace hub::http
