#include "tests/e2e/connected_workspaces.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(connected_workspaces, take_in_the_deliveries_of_their_own_accounts) {
  for (const auto platform : domain::channels_with_accounts) {
    connect("north", platform, account(platform, "10"));
    connect("south", platform, account(platform, "20"));
    ASSERT_TRUE(is_known(in_north(), platform, account(platform, "10")));
    ASSERT_TRUE(is_known(in_south(), platform, account(platform, "20")));
  }
  const auto words = word();
  in_parallel(2, [&](int thread) {
    hub_client provider{hub().port()};
    for (int round = 0; round < 20; ++round)
      for (const auto platform : domain::channels_with_accounts) {
        const auto got = provider.send(
          from_account(said(platform, words), account(platform, thread == 0 ? "10" : "20")));
        ASSERT_EQ(got.status, 200) << got.text;
      }
  });
  EXPECT_EQ(tickets(in_north(), words), 60U);
  EXPECT_EQ(tickets(in_south(), words), 60U);
  EXPECT_EQ(tickets(in_home(), words), 0U);
}

TEST_F(connected_workspaces, see_only_their_own_part_of_a_post) {
  connect("north", channel::whatsapp, "771");
  connect("south", channel::whatsapp, "772");
  ASSERT_TRUE(is_known(in_north(), channel::whatsapp, "771"));
  ASSERT_TRUE(is_known(in_south(), channel::whatsapp, "772"));
  const auto one = word();
  const auto other = word();
  const auto post = joined(from_account(said(channel::whatsapp, one), "771"),
                           from_account(said(channel::whatsapp, other), "772"));
  const auto got = api_.send(post);
  ASSERT_EQ(got.status, 200) << got.text;
  EXPECT_EQ(got.body.value("items", json::array()).size(), 2U) << got.text;
  EXPECT_EQ(tickets(in_north(), one), 1U);
  EXPECT_EQ(tickets(in_north(), other), 0U);
  EXPECT_EQ(tickets(in_south(), other), 1U);
  EXPECT_EQ(tickets(in_south(), one), 0U);
  EXPECT_TRUE(api_.send(post).is("duplicate"));
}

TEST_F(connected_workspaces, keep_a_broken_part_of_a_post_from_each_other) {
  connect("north", channel::whatsapp, "773");
  connect("south", channel::whatsapp, "774");
  ASSERT_TRUE(is_known(in_north(), channel::whatsapp, "773"));
  ASSERT_TRUE(is_known(in_south(), channel::whatsapp, "774"));
  const auto words = word();
  auto broken = json::parse(from_account(said(channel::whatsapp, words), "773").body);
  broken["entry"][0]["changes"][0]["value"]["contacts"][0]["wa_id"] = std::string(300, '1');
  const auto fine = word();
  const auto got = api_.send(
    joined({channel::whatsapp, broken.dump()}, from_account(said(channel::whatsapp, fine), "774")));
  ASSERT_EQ(got.status, 200) << got.text;
  EXPECT_EQ(tickets(in_south(), fine), 1U);
  EXPECT_THAT(quarantined(in_north()).dump(), HasSubstr("longer than 255 bytes"));
}

TEST_F(connected_workspaces, leave_what_nobody_is_connected_for_to_the_first_one) {
  const auto words = word();
  const auto got = api_.send(from_account(said(channel::intercom, words), "nobody1"));
  ASSERT_EQ(got.status, 200) << got.text;
  EXPECT_EQ(tickets(in_home(), words), 1U) << "it has no Intercom app of its own";
}

TEST_F(connected_workspaces, do_not_take_in_again_what_the_first_one_took_in) {
  const auto words = word();
  const auto what = from_account(said(channel::intercom, words), "late1");
  ASSERT_EQ(api_.send(what).status, 200);
  connect("south", channel::intercom, "late1");
  ASSERT_TRUE(is_known(in_south(), channel::intercom, "late1"));
  const auto again = api_.send(what);
  EXPECT_TRUE(again.is("duplicate")) << again.text;
  EXPECT_EQ(tickets(in_home(), words), 1U);
  EXPECT_EQ(tickets(in_south(), words), 0U);
  const auto fresh = word();
  ASSERT_EQ(api_.send(from_account(said(channel::intercom, fresh), "late1")).status, 200);
  EXPECT_EQ(tickets(in_south(), fresh), 1U);
}

TEST_F(connected_workspaces, pass_an_account_on_while_its_deliveries_come_in) {
  connect("north", channel::intercom, "moves1");
  ASSERT_TRUE(is_known(in_north(), channel::intercom, "moves1"));
  std::atomic<bool> enough{false};
  std::vector<std::string> sent;
  std::vector<std::string> set_aside; // while it was nobody's
  std::thread provider{[&] {
    hub_client sends{hub().port()};
    while (!enough) {
      const auto words = word();
      const auto what = from_account(said(channel::intercom, words), "moves1");
      const auto first = sends.send(what);
      EXPECT_EQ(first.status, 200) << first.text;
      const auto again = sends.send(what); // as if the answer had been lost
      if (first.at("status") == "stored")
        set_aside.push_back(first.at("delivery_id"));
      else
        EXPECT_TRUE(again.is("duplicate")) << again.text;
      sent.push_back(words);
    }
  }};
  for (const auto& [from, to, there] :
       {std::tuple{"north", "south", in_south()}, std::tuple{"south", "north", in_north()}}) {
    disconnect(from, channel::intercom, "moves1");
    connect(to, channel::intercom, "moves1");
    EXPECT_TRUE(is_known(there, channel::intercom, "moves1"));
  }
  enough = true;
  provider.join();
  for (const auto& id : set_aside)
    EXPECT_EQ(api_.post("/api/webhook_deliveries/" + id + "/replay", json::object()).status, 200);
  constexpr std::size_t looked_at = 150; // spread over the whole time
  const auto step = std::max<std::size_t>(1, sent.size() / looked_at);
  for (std::size_t i = 0; i < sent.size(); i += step)
    EXPECT_EQ(
      tickets(in_north(), sent[i]) + tickets(in_south(), sent[i]) + tickets(in_home(), sent[i]), 1U)
      << sent[i];
}

/// With a Slack team of its own, the home workspace takes no other team's feedback for its own.
class unknown_accounts : public connected_workspaces {
protected:
  unknown_accounts() {
    connect(home, channel::slack, "THOME");
    EXPECT_TRUE(tests::eventually([&] {
      return api_.send(from_account(idle(channel::slack), "TNOBODY")).at("status") == "stored";
    }));
  }

  /// Sends what is set aside, and gives back its row's id.
  std::string set_aside(const delivery& what) {
    const auto got = api_.send(what);
    EXPECT_EQ(got.at("status"), "stored") << got.text;
    return got.at("delivery_id");
  }
};

TEST_F(unknown_accounts, wait_until_they_are_connected_and_replayed) {
  const auto words = word();
  const auto team = unique("TX");
  const auto what = from_account(said(channel::slack, words), team);
  const auto id = set_aside(what);
  EXPECT_TRUE(api_.send(what).is("duplicate")) << "it is kept once";
  EXPECT_THAT(quarantined(in_home()).dump(),
              AllOf(HasSubstr(team), HasSubstr("sources connect --platform slack")));
  const auto too_early = replay(id);
  EXPECT_EQ(too_early.status, 422) << too_early.text;
  EXPECT_THAT(too_early.text, HasSubstr("connected to no workspace"));

  connect("north", channel::slack, team);
  ASSERT_TRUE(is_known(in_north(), channel::slack, team));
  const auto replayed = replay(id);
  EXPECT_EQ(replayed.status, 200) << replayed.text;
  EXPECT_EQ(replayed.at("outcome"), "not_feedback");
  EXPECT_EQ(replay(id).status, 200) << "again is fine";
  EXPECT_TRUE(api_.send(what).is("duplicate")) << "whenever the provider sends it again";
  EXPECT_EQ(tickets(in_north(), words), 1U);
  EXPECT_EQ(tickets(in_home(), words), 0U);
  sql([&](pqxx::work& tx) {
    const auto sealed = tx.exec_params1(
      "SELECT length(payload_sealed) FROM webhook_deliveries WHERE workspace_id = $1 AND id = $2",
      home,
      id);
    EXPECT_EQ(sealed[0].as<int>(), 33) << "nothing of it is left behind";
  });
}

TEST_F(unknown_accounts, are_the_first_workspaces_once_it_connects_them) {
  const auto words = word();
  const auto team = unique("TX");
  const auto what = from_account(said(channel::slack, words), team);
  const auto id = set_aside(what);
  connect(home, channel::slack, team);
  ASSERT_TRUE(tests::eventually([&] { return replay(id).status == 200; }));
  EXPECT_EQ(tickets(in_home(), words), 1U);
  EXPECT_TRUE(api_.send(what).is("duplicate"));
  EXPECT_EQ(tickets(in_home(), words), 1U);
}

TEST_F(unknown_accounts, make_one_ticket_whether_sent_or_replayed_first) {
  const auto words = word();
  const auto team = unique("TX");
  const auto what = from_account(said(channel::slack, words), team);
  const auto id = set_aside(what);
  connect("south", channel::slack, team);
  ASSERT_TRUE(is_known(in_south(), channel::slack, team));
  EXPECT_EQ(api_.send(what).status, 200);
  EXPECT_EQ(tickets(in_south(), words), 1U) << "the provider was first";
  EXPECT_EQ(replay(id).status, 200) << "as after a crash before its own row was settled";
  EXPECT_EQ(tickets(in_south(), words), 1U);
  EXPECT_EQ(api_.get("/api/webhook_deliveries?status=quarantined").text.find(id),
            std::string::npos);
}

TEST_F(unknown_accounts, lose_nothing_when_the_hub_is_killed_while_they_are_replayed) {
  const auto team = unique("TX");
  std::mt19937_64 random{test_seed()};
  std::vector<std::pair<std::string, std::string>> waiting; // words, delivery
  for (int i = 0; i < 5; ++i) {
    const auto words = word();
    waiting.emplace_back(words, set_aside(from_account(said(channel::slack, words), team)));
  }
  connect("north", channel::slack, team);
  ASSERT_TRUE(is_known(in_north(), channel::slack, team));
  for (const auto& [words, id] : waiting) {
    std::thread operating{[&, id = id] {
      hub_client caller{hub().port(), 5s};
      caller.try_call("POST",
                      "/api/webhook_deliveries/" + id + "/replay",
                      "{}",
                      {{"Content-Type", "application/json"}});
    }};
    std::this_thread::sleep_for(std::chrono::microseconds{random() % 8000}); // anywhere within it
    hub().kill9();
    operating.join();
    hub().start();
    ASSERT_EQ(replay(id).status, 200);
    EXPECT_EQ(tickets(in_north(), words), 1U);
    EXPECT_EQ(tickets(in_home(), words), 0U);
  }
}

TEST_F(connected_workspaces, have_an_account_to_themselves) {
  connect("north", channel::slack, "TONLY");
  const auto taken = hub().run(
    {"sources", "connect", "--workspace", "south", "--platform", "slack", "--account", "TONLY"});
  EXPECT_EQ(taken.exit_code, 1);
  EXPECT_THAT(taken.err, HasSubstr("connected to another workspace"));
  EXPECT_THAT(hub().run({"sources", "list", "--workspace", "north"}).out, HasSubstr("TONLY"));
  disconnect("north", channel::slack, "TONLY");
  connect("south", channel::slack, "TONLY");
  EXPECT_THAT(hub().run({"sources", "list", "--workspace", "north"}).out, Not(HasSubstr("TONLY")));
  EXPECT_EQ(hub().run({"sources", "list", "--workspace", "nowhere"}).exit_code, 2);
}

} // namespace
} // namespace hub::testing
