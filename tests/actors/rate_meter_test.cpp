#include "actors/rate_meter.hpp"

#include <gtest/gtest.h>

namespace hub::actors {
namespace {

using namespace std::chrono_literals;

class rates : public ::testing::Test {
protected:
  rate_meter meter_;
  const rate_meter::time_point start_{1'000s};
};

TEST_F(rates, are_those_of_the_last_minute) {
  EXPECT_EQ(meter_.per_second(start_), 0);
  meter_.add(30, start_);
  meter_.add(60, start_ + 10s);
  EXPECT_DOUBLE_EQ(meter_.per_second(start_ + 59s), 1.5);
  EXPECT_DOUBLE_EQ(meter_.per_second(start_ + 60s), 1);
  EXPECT_EQ(meter_.per_second(start_ + 70s), 0);
}

TEST_F(rates, begin_anew_where_a_second_comes_round_again) {
  meter_.add(600, start_);
  meter_.add(6, start_ + 60s);
  EXPECT_DOUBLE_EQ(meter_.per_second(start_ + 60s), 0.1);
}

} // namespace
} // namespace hub::actors
