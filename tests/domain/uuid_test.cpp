#include "domain/uuid.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

namespace hub::domain {

namespace {

using std::chrono::milliseconds;

constexpr time_point noon{milliseconds{1769850300123}};

/// The moment a version 7 id says it was made.
time_point made_at(const uuid& id) {
  std::int64_t moment = 0;
  for (std::size_t i = 0; i < 6; ++i)
    moment = moment * 256 + id.bytes[i];
  return time_point{milliseconds{moment}};
}

TEST(uuid, writes_and_reads_canonical_text) {
  const auto* const text = "0195b2f0-7c1a-7abc-8def-0123456789ab";
  const auto id = parse_uuid(text);
  ASSERT_TRUE(id);
  EXPECT_EQ(to_string(*id), text);
  EXPECT_EQ(*parse_uuid("0195B2F0-7C1A-7ABC-8DEF-0123456789AB"), *id);
  EXPECT_TRUE(parse_uuid("00000000-0000-0000-0000-000000000000")->is_nil());
  EXPECT_FALSE(id->is_nil());
}

TEST(uuid, refuses_other_text) {
  for (const auto* text : {"",
                           "0195b2f0-7c1a-7abc-8def-0123456789a",
                           "0195b2f0-7c1a-7abc-8def-0123456789abc",
                           "0195b2f07c1a7abc8def0123456789ab",
                           "{0195b2f0-7c1a-7abc-8def-0123456789a}",
                           "0195b2f0-7c1a-7abc-8def-0123456789ag",
                           "0195b2f0-7c1a-7abc-8def_0123456789ab",
                           "0195b2f-07c1a-7abc-8def-0123456789ab",
                           "0195b2f0-7c1a-7abc-8def- 123456789ab"}) {
    const auto id = parse_uuid(text);
    ASSERT_FALSE(id) << text;
    EXPECT_EQ(id.why().code, errc::invalid_input);
  }
}

TEST(uuid_generator, marks_version_7_and_its_moment) {
  uuid_generator make{42};
  const auto id = make.next(noon);
  const auto text = to_string(id);
  EXPECT_EQ(text[14], '7') << text;
  EXPECT_NE(std::string_view{"89ab"}.find(text[19]), std::string_view::npos) << text;
  EXPECT_EQ(made_at(id), noon);
}

TEST(uuid_generator, never_repeats_and_always_rises) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  uuid_generator make{seed};
  auto now = noon;
  uuid last;
  std::unordered_set<uuid> seen;
  for (int round = 0; round < 200'000; ++round) {
    // Mostly the same millisecond, sometimes later, sometimes a clock that was set back.
    if (const auto dice = random() % 100; dice == 0)
      now -= milliseconds{random() % 50};
    else if (dice < 5)
      now += milliseconds{random() % 3};
    const auto id = make.next(now);
    ASSERT_LT(last, id) << round;
    ASSERT_TRUE(seen.insert(id).second) << round;
    last = id;
  }
}

TEST(uuid_generator, rises_as_text_too) {
  uuid_generator make{7};
  std::vector<std::string> texts;
  texts.reserve(1000);
  for (int i = 0; i < 1000; ++i)
    texts.push_back(to_string(make.next(noon + milliseconds{i / 10})));
  EXPECT_TRUE(std::ranges::is_sorted(texts));
}

TEST(uuid_generator, borrows_from_the_next_millisecond_when_one_is_full) {
  uuid_generator make{1};
  auto last = make.next(noon);
  for (int i = 0; i < 600'000; ++i) { // more than 18 bits of counter hold
    const auto id = make.next(noon);
    ASSERT_LT(last, id) << i;
    last = id;
  }
  EXPECT_GT(made_at(last), noon);
  EXPECT_LT(made_at(last), noon + milliseconds{10});
}

TEST(uuid_generator, differs_between_seeds) {
  uuid_generator one{1};
  uuid_generator other{2};
  EXPECT_NE(one.next(noon), other.next(noon));
}

TEST(uuid, hashes_ids_of_one_moment_apart) {
  uuid_generator make{3};
  std::unordered_set<std::size_t> hashes;
  for (int i = 0; i < 10'000; ++i)
    hashes.insert(std::hash<uuid>{}(make.next(noon)));
  EXPECT_EQ(hashes.size(), 10'000U);
}

} // namespace

} // namespace hub::domain
