#include "tests/e2e/hub_suite.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace hub::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// The sealing keys change while the hub serves.
class rotation : public hub_suite<rotation> {
protected:
  static std::string keys() {
    std::ifstream file{hub().data_dir() / "keys.json"};
    return {std::istreambuf_iterator<char>{file}, {}};
  }

  static std::size_t count_of_keys() { return nlohmann::json::parse(keys()).at("keys").size(); }

  /// What the source of each ticket was, which is opened anew for every answer.
  void expect_originals(const std::vector<std::string>& tickets) {
    for (const auto& id : tickets) {
      const auto detail = api_.get("/api/tickets/" + id);
      ASSERT_EQ(detail.status, 200) << detail.text;
      EXPECT_FALSE(detail.body.at("sources").at(0).at("raw_payload").is_null()) << detail.text;
    }
  }

  std::string report() {
    const auto sent = api_.send(
      slack({.event_id = unique("Ev"), .ts = fresh_ts(), .text = "write to ana@example.com"}));
    EXPECT_EQ(sent.status, 200) << sent.text;
    return sent.at("ticket_id");
  }

  hub_client api_{hub().port()};
};

TEST_F(rotation, loses_nothing_while_reports_come_in) {
  std::vector<std::string> before;
  for (int i = 0; i < 30; ++i)
    before.push_back(report());

  std::atomic<bool> enough{false};
  std::vector<std::string> meanwhile;
  std::thread traffic{[&] {
    while (!enough)
      meanwhile.push_back(report());
  }};
  const auto rotated = hub().run({"sealing", "rotate"});
  enough = true;
  traffic.join();
  ASSERT_EQ(rotated.exit_code, 0) << rotated.out << rotated.err;
  EXPECT_EQ(count_of_keys(), 2U) << "the old one is kept until somebody says otherwise";
  ASSERT_FALSE(meanwhile.empty());
  // Some of them, spread over the whole time, are opened; all of them are counted below.
  constexpr std::size_t opened = 100;
  for (std::size_t i = 0; meanwhile.size() > opened && i < opened; ++i)
    meanwhile[i] = meanwhile[i * meanwhile.size() / opened];
  meanwhile.resize(std::min(meanwhile.size(), opened));
  expect_originals(before);
  expect_originals(meanwhile);

  const auto again = hub().run({"sealing", "rotate", "--forget-old"});
  ASSERT_EQ(again.exit_code, 0) << again.out << again.err;
  EXPECT_EQ(count_of_keys(), 1U);
  expect_originals(before);
  expect_originals(meanwhile);
  expect_originals({report()});
  // Each of all the values needs the one key that is left.
  const auto status = hub().run({"sealing", "status"});
  EXPECT_EQ(status.exit_code, 0);
  EXPECT_EQ(std::count(status.out.begin(), status.out.end(), '\n'), 1) << status.out;
  EXPECT_THAT(status.out, HasSubstr("seals"));
  hub_client api{hub().port()};
  EXPECT_EQ(api.get("/api/audit_log?action=sealing_key_made").body.at("records").size(), 2U);
  EXPECT_EQ(api.get("/api/audit_log?action=old_sealing_keys_forgotten").body.at("records").size(),
            1U);
  EXPECT_THAT(hub().log(),
              Not(HasSubstr(nlohmann::json::parse(keys()).at("keys").begin()->get<std::string>())));
}

TEST_F(rotation, that_was_stopped_half_way_is_finished_later) {
  const auto ticket = report();
  // As after a crash: the new key is there, and nothing has been sealed with it.
  const auto ring = hub().data_dir() / "new.json";
  ASSERT_EQ(hub().run({"sealing", "rotate", "--to", ring.string()}).exit_code, 0);
  std::filesystem::rename(ring, hub().data_dir() / "keys.json");
  const auto done = hub().run({"sealing", "reseal"});
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_THAT(done.out, Not(HasSubstr(" 0 sealed again")));
  EXPECT_THAT(hub().run({"sealing", "reseal"}).out, HasSubstr(" 0 sealed again"));
  expect_originals({ticket});
}

} // namespace
} // namespace hub::testing
