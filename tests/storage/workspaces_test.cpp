#include "storage/resealing.hpp"
#include "storage/workspaces/workspace_store.hpp"
#include "tests/support/postgres_fixture.hpp"

#include <gmock/gmock.h>
#include <pqxx/pqxx>

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hub::storage {
namespace {

using domain::channel;
using domain::errc;
using domain::uuid;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const auto home = *domain::parse_uuid("00000000-0000-7000-8000-000000000001");
const auto north = *domain::parse_uuid("00000000-0000-7000-8000-0000000000aa");

class workspace_facts_in_storage : public testing::postgres_test {
protected:
  workspace_facts_in_storage() {
    run("INSERT INTO workspaces (id, name) VALUES ('" + to_string(north) + "', 'north')");
  }

  template <class T, class Start>
  static domain::result<T> ask(Start start) {
    std::promise<domain::result<T>> promise;
    auto answer = promise.get_future();
    start([&promise](domain::result<T> result) { promise.set_value(std::move(result)); });
    return answer.get();
  }

  /// One value, seen by a transaction that works for both workspaces.
  std::string run(const std::string& sql) const {
    pqxx::connection connection{connection_string()};
    pqxx::work tx{connection};
    tx.exec("SELECT set_config('hub.workspaces', '{" + to_string(home) + "," + to_string(north)
            + "}', true)");
    const auto rows = tx.exec(sql);
    tx.commit();
    return rows.empty() || rows.columns() == 0 || rows[0][0].is_null() ? "" : rows[0][0].c_str();
  }

  acting by(const uuid& workspace = home) {
    return {workspace,
            std::nullopt,
            {"command_line", std::nullopt, "command line", {}, {}},
            ids_.next(now_),
            now_};
  }

  domain::outcome connect(const uuid& workspace, const std::string& account) {
    return ask<domain::done>(
      [&](auto done) { store_->connect(by(workspace), channel::slack, account, std::move(done)); });
  }
  domain::outcome set(const uuid& workspace, std::vector<setting_write> writes) {
    return ask<domain::done>([&](auto done) {
      store_->change_settings(by(workspace), std::move(writes), std::move(done));
    });
  }
  workspace_facts facts() {
    auto read = ask<workspace_facts>([&](auto done) { store_->facts(std::move(done)); });
    EXPECT_TRUE(read) << (read ? "" : read.why().message);
    return read ? *std::move(read) : workspace_facts{};
  }
  std::string value_of(const uuid& workspace, const std::string& key) {
    for (const auto& row : facts().settings)
      if (row.workspace == workspace && row.key == key)
        return row.value;
    return {};
  }

  const domain::time_point now_ = *domain::parse_rfc3339("2026-03-01T10:00:00Z");
  domain::uuid_generator ids_{7};
  const key_ring keys_ = *key_ring::generate();
  std::unique_ptr<workspace_store> store_ =
    make_workspace_store({.connection_string = connection_string()}, keys_);
};

TEST_F(workspace_facts_in_storage, give_an_account_to_one_workspace_at_a_time) {
  ASSERT_TRUE(connect(north, "T1"));
  EXPECT_TRUE(connect(north, "T1")) << "again is fine";
  EXPECT_EQ(connect(home, "T1").why().code, errc::conflict);
  EXPECT_EQ(connect(ids_.next(now_), "T2").why().code, errc::not_found);
  const auto disconnect = [&] {
    return ask<domain::done>(
      [&](auto done) { store_->disconnect(by(north), channel::slack, "T1", std::move(done)); });
  };
  EXPECT_TRUE(disconnect());
  EXPECT_EQ(disconnect().why().code, errc::not_found);
  EXPECT_TRUE(connect(home, "T1"));
  EXPECT_THAT(facts().sources, SizeIs(2)) << "the earlier one is remembered";
  EXPECT_EQ(run("SELECT string_agg(action, ' ' ORDER BY id) FROM audit_log"),
            "source_connected source_disconnected source_connected");
}

TEST_F(workspace_facts_in_storage, give_an_account_to_one_of_many_who_want_it_at_once) {
  std::vector<std::thread> threads;
  std::atomic<int> won{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, who = i % 2 == 0 ? home : north, one = by(i % 2 == 0 ? home : north)] {
      auto mine = one;
      mine.record =
        domain::uuid_generator{std::hash<std::thread::id>{}(std::this_thread::get_id())}.next(now_);
      const auto store = make_workspace_store({.connection_string = connection_string()}, keys_);
      const auto got = ask<domain::done>(
        [&](auto done) { store->connect(mine, channel::slack, "T1", std::move(done)); });
      if (got)
        ++won;
    });
  for (auto& each : threads)
    each.join();
  EXPECT_EQ(won, 4) << "all of one workspace, none of the other";
  EXPECT_THAT(facts().sources, SizeIs(1));
}

TEST_F(workspace_facts_in_storage, grow_a_version_with_every_change_and_with_nothing_else) {
  const auto version = [&] {
    return *ask<std::int64_t>([&](auto done) { store_->version(std::move(done)); });
  };
  const auto first = version();
  EXPECT_EQ(facts().version, first);
  ASSERT_TRUE(connect(north, "T1"));
  const auto second = version();
  EXPECT_GT(second, first);
  ASSERT_TRUE(set(north, {{"slack.burst", "3", false}}));
  const auto third = version();
  EXPECT_GT(third, second);
  EXPECT_EQ(facts().version, third);
}

TEST_F(workspace_facts_in_storage, seal_secrets_to_their_workspace_and_key) {
  ASSERT_TRUE(set(home, {{"slack.bot_token", "xoxb-home", true}, {"slack.burst", "3", false}}));
  EXPECT_EQ(value_of(home, "slack.bot_token"), "xoxb-home");
  EXPECT_EQ(value_of(home, "slack.burst"), "3");
  EXPECT_EQ(run("SELECT count(*) FROM settings WHERE value LIKE '%xoxb%' "
                "OR value_sealed LIKE '%xoxb%'::bytea"),
            "0");

  run("INSERT INTO settings SELECT '" + to_string(north)
      + "', key, value, value_sealed, updated_at FROM settings WHERE key = 'slack.bot_token'");
  EXPECT_EQ(facts().sealed_shut, 1) << "another workspace's";
  run("DELETE FROM settings WHERE workspace_id = '" + to_string(north) + "'");
  run("UPDATE settings SET key = 'openai.api_key' WHERE key = 'slack.bot_token'");
  EXPECT_EQ(facts().sealed_shut, 1) << "under another key";
  EXPECT_EQ(value_of(home, "openai.api_key"), "");
}

TEST_F(workspace_facts_in_storage, seal_secrets_again_with_a_new_key) {
  ASSERT_TRUE(set(home, {{"slack.bot_token", "xoxb-home", true}, {"slack.burst", "3", false}}));
  ASSERT_TRUE(set(north, {{"slack.bot_token", "xoxb-north", true}}));
  const auto rotated = *keys_.rotated();
  const auto done = reseal(connection_string(), rotated, [](const auto&) {});
  ASSERT_TRUE(done) << done.why().message;
  EXPECT_EQ(done->resealed, 2U);
  EXPECT_EQ(done->unreadable, 0U);
  const std::map<std::uint32_t, std::uint64_t> of_the_new_key{{rotated.current_id(), 2}};
  EXPECT_EQ(*count_sealed(connection_string()), of_the_new_key);
  store_ = make_workspace_store({.connection_string = connection_string()}, rotated.only_current());
  EXPECT_EQ(facts().sealed_shut, 0);
  EXPECT_EQ(value_of(home, "slack.bot_token"), "xoxb-home");
  EXPECT_EQ(value_of(north, "slack.bot_token"), "xoxb-north");
}

TEST_F(workspace_facts_in_storage, are_resealed_while_they_change) {
  // Each changes several rows in a transaction, in orders of their own: no two may wait for each
  // other, and a change that came meanwhile stays.
  auto ring = keys_;
  std::atomic<bool> enough{false};
  std::thread resealing{[&] {
    while (!enough) {
      ring = *ring.rotated();
      const auto done = reseal(connection_string(), ring, [](const auto&) {});
      EXPECT_TRUE(done) << done.why().message;
    }
  }};
  constexpr int changes = 60;
  for (int i = 0; i < changes; ++i) {
    const auto value = std::to_string(i);
    const auto changed =
      set(home, {{"slack.signing_secret", value, true}, {"slack.bot_token", value, true}});
    EXPECT_TRUE(changed) << (changed ? "" : changed.why().message);
  }
  enough = true;
  resealing.join();
  store_ = make_workspace_store({.connection_string = connection_string()}, ring);
  EXPECT_EQ(value_of(home, "slack.bot_token"), std::to_string(changes - 1));
  EXPECT_EQ(value_of(home, "slack.signing_secret"), std::to_string(changes - 1));
  EXPECT_EQ(run("SELECT count(*) FROM audit_log"), std::to_string(changes));
}

TEST_F(workspace_facts_in_storage, record_what_was_set_and_of_secrets_only_that) {
  ASSERT_TRUE(set(home, {{"slack.bot_token", "xoxb-1", true}, {"slack.burst", "3", false}}));
  ASSERT_TRUE(set(home, {{"slack.bot_token", "xoxb-2", true}, {"slack.burst", "4", false}}));
  ASSERT_TRUE(set(home, {{"slack.bot_token", "xoxb-2", true}})) << "the same again";
  ASSERT_TRUE(
    set(home, {{"slack.bot_token", std::nullopt, true}, {"no.such", std::nullopt, false}}));
  EXPECT_EQ(run("SELECT string_agg(coalesce(before::text, '') || '>' || coalesce(after::text, ''), "
                "' ' ORDER BY id) FROM audit_log"),
            R"({"slack.burst": null, "slack.bot_token": null}>)"
            R"({"slack.burst": "3", "slack.bot_token": "changed"} )"
            R"({"slack.burst": "3", "slack.bot_token": "set"}>)"
            R"({"slack.burst": "4", "slack.bot_token": "changed"} )"
            R"({"slack.bot_token": "set"}>{"slack.bot_token": null})");
}

TEST_F(workspace_facts_in_storage, record_each_of_many_changes_where_the_one_before_ended) {
  constexpr int changes = 20;
  std::vector<std::future<domain::outcome>> all;
  for (int i = 0; i < changes; ++i) {
    auto promise = std::make_shared<std::promise<domain::outcome>>();
    all.push_back(promise->get_future());
    store_->change_settings(
      by(), {{"slack.burst", std::to_string(i + 1), false}}, [promise](domain::outcome done) {
        promise->set_value(std::move(done));
      });
  }
  for (auto& each : all)
    EXPECT_TRUE(each.get());
  EXPECT_EQ(run("SELECT count(*) FROM audit_log"), std::to_string(changes));
  EXPECT_EQ(run("SELECT count(*) FROM audit_log a WHERE before->>'slack.burst' IS NOT NULL AND "
                "NOT EXISTS (SELECT FROM audit_log b WHERE b.after->'slack.burst' = "
                "a.before->'slack.burst')"),
            "0");
  EXPECT_EQ(run("SELECT count(DISTINCT before->>'slack.burst') FROM audit_log"),
            std::to_string(changes - 1))
    << "a chain";
}

TEST_F(workspace_facts_in_storage, find_who_has_a_message) {
  const auto holder = [&](std::vector<uuid> among, const std::string& message) {
    return *ask<std::optional<uuid>>([&](auto done) {
      store_->holder_of(std::move(among), channel::slack, message, std::move(done));
    });
  };
  EXPECT_FALSE(holder({home, north}, "m1"));
  run("INSERT INTO tickets (workspace_id, id, number, title, description, ticket_type, priority, "
      "original_channel, created_at, updated_at) VALUES ('"
      + to_string(north) + "', '" + to_string(north)
      + "', 1, '', '', 'bug', 3, 'slack', now(), now())");
  run("INSERT INTO ticket_messages (workspace_id, id, ticket_id, platform, external_id, direction, "
      "body, created_at) VALUES ('"
      + to_string(north) + "', '" + to_string(north) + "', '" + to_string(north)
      + "', 'slack', 'm1', 'inbound', '', now())");
  EXPECT_EQ(holder({home, north}, "m1"), north);
  EXPECT_FALSE(holder({home}, "m1"));
}

TEST_F(workspace_facts_in_storage, keep_of_a_path_only_what_it_hashes_to) {
  const std::string hash(32, 'h');
  const auto id = ids_.next(now_);
  ASSERT_TRUE(ask<domain::done>([&](auto done) {
    store_->add_path(by(north), {north, id, channel::slack, hash, now_}, std::move(done));
  }));
  ASSERT_THAT(facts().paths, SizeIs(1));
  EXPECT_EQ(facts().paths.front().secret_hash, hash);
  EXPECT_EQ(facts().paths.front().workspace, north);
  EXPECT_THAT(run("SELECT target || after FROM audit_log"), Not(HasSubstr("hhh")));
  const auto remove = [&](const uuid& whose) {
    return ask<domain::done>(
      [&](auto done) { store_->remove_path(by(whose), id, std::move(done)); });
  };
  EXPECT_EQ(remove(home).why().code, errc::not_found) << "it is another workspace's";
  EXPECT_TRUE(remove(north));
  EXPECT_THAT(facts().paths, IsEmpty());
}

} // namespace
} // namespace hub::storage
