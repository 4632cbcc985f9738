#include "tests/http/providers/played.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <regex>
#include <vector>

namespace hub::http::providers {

namespace {

using nlohmann::json;

struct recorded_case {
  std::filesystem::path file;

  friend std::ostream& operator<<(std::ostream& out, const recorded_case& shown) {
    return out << shown.file;
  }
};

std::vector<recorded_case> recorded_cases() {
  std::vector<recorded_case> cases;
  for (const auto& file : std::filesystem::recursive_directory_iterator{HUB_CASES})
    if (file.path().extension() == ".json")
      cases.push_back({file.path()});
  std::ranges::sort(cases, {}, &recorded_case::file);
  return cases;
}

class provider_case : public testing::TestWithParam<recorded_case> {};

TEST_P(provider_case, translates_as_expected) {
  std::ifstream file{GetParam().file};
  const auto recorded = json::parse(file);
  auto actual = played(recorded.at("translator"), recorded.at("given"));
  const auto& expected = recorded.at("expect");
  if (actual.contains("failure") && actual.contains("message")) {
    // What a provider says may quote what a customer said: only codes may get through.
    const auto message = actual["message"].get<std::string>();
    if (recorded.at("given").contains("reply")) {
      EXPECT_TRUE(std::regex_match(
        message, std::regex{"[a-z]+: ([A-Za-z0-9_.-]+ )?\\(\\d+\\)|smtp: \\d+( [0-9.]+)?"}))
        << message;
    }
    if (!expected.contains("message"))
      actual.erase("message");
  }
  EXPECT_EQ(actual.dump(2), expected.dump(2)) << recorded.at("description");
}

INSTANTIATE_TEST_SUITE_P(
  recorded, provider_case, testing::ValuesIn(recorded_cases()), [](const auto& tested) {
    const auto& file = tested.param.file;
    auto name = file.parent_path().filename().string() + "_" + file.stem().string();
    std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
  });

} // namespace

} // namespace hub::http::providers
