#pragma once

#include "domain/source.hpp"
#include "tests/e2e/hub_suite.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sandbox_process.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <pqxx/pqxx>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hub::testing {

using domain::channel;
using nlohmann::json;

inline constexpr auto home = "00000000-0000-7000-8000-000000000001";

/// The delivery as it would be, had it come from this account.
inline delivery from_account(delivery what, const std::string& account) {
  auto body = json::parse(what.body);
  switch (what.channel) {
  case channel::slack:
    body["team_id"] = account;
    break;
  case channel::intercom:
    body["app_id"] = account;
    break;
  default:
    for (auto& entry : body["entry"])
      for (auto& change : entry["changes"])
        change["value"]["metadata"]["phone_number_id"] = account;
  }
  what.body = body.dump();
  return what;
}

/// Two posts of WhatsApp as one.
inline delivery joined(const delivery& one, const delivery& other) {
  auto body = json::parse(one.body);
  const auto more = json::parse(other.body);
  for (const auto& entry : more["entry"])
    body["entry"].push_back(entry);
  return {channel::whatsapp, body.dump()};
}

/// A hub with two workspaces beside the home workspace, which the tests see through a key each.
class connected_workspaces : public hub_suite<connected_workspaces> {
public:
  static hub_options options() {
    sandbox_ = std::make_unique<sandbox_process>();
    hub_options chosen{.environment = sandbox_->hub_environment(), .arguments = {}};
    chosen.environment["LOG_LEVEL"] = "debug"; // what must be in no log is looked for in all of it
    return chosen;
  }

  static void SetUpTestSuite() {
    hub_suite<connected_workspaces>::SetUpTestSuite();
    keys_.clear();
    for (const auto* name : {"north", "south"}) {
      EXPECT_EQ(hub().run({"workspaces", "create", "--name", name}).exit_code, 0);
      keys_.push_back(key_of(name));
    }
  }

  static void TearDownTestSuite() {
    hub_suite<connected_workspaces>::TearDownTestSuite();
    sandbox_.reset();
  }

protected:
  static sandbox_process& sandbox() { return *sandbox_; }

  /// Runs beside the hub, as the owner of its tables.
  template <class Work>
  static void sql(Work work) {
    pqxx::connection connection{hub().connection_string()};
    pqxx::work tx{connection};
    work(tx);
    tx.commit();
  }

  /// A key that may do everything there.
  static headers key_of(const std::string& workspace) {
    std::vector<std::string> wanted{
      "keys", "create", "--name", "all there", "--workspace", workspace};
    for (const auto* scope : {"tickets:read",
                              "deliveries:read",
                              "deliveries:write",
                              "operations:read",
                              "operations:write",
                              "audit:read",
                              "settings:manage"})
      wanted.insert(wanted.end(), {"--scope", scope});
    auto made = hub().run(wanted);
    EXPECT_EQ(made.exit_code, 0) << made.err;
    made.out.erase(made.out.find('\n'));
    return {{"Authorization", "Bearer " + made.out}};
  }

  static headers in_north() { return keys_[0]; }
  static headers in_south() { return keys_[1]; }
  static headers in_home() { return {}; }

  static void connect(const std::string& workspace, channel platform, const std::string& account) {
    change_source("connect", workspace, platform, account);
  }
  static void
  disconnect(const std::string& workspace, channel platform, const std::string& account) {
    change_source("disconnect", workspace, platform, account);
  }
  static void change_source(const std::string& how,
                            const std::string& workspace,
                            channel platform,
                            const std::string& account) {
    const auto done = hub().run({"sources",
                                 how,
                                 "--workspace",
                                 workspace,
                                 "--platform",
                                 std::string{to_string(platform)},
                                 "--account",
                                 account});
    ASSERT_EQ(done.exit_code, 0) << done.err;
  }

  /// Something authentic that nobody counts as feedback.
  static delivery idle(channel platform) {
    if (platform == channel::slack)
      return {platform,
              json{{"type", "event_callback"},
                   {"event_id", unique("EvIdle")},
                   {"event_time", unix_now()},
                   {"event", {{"type", "reaction_added"}}}}
                .dump()};
    if (platform == channel::intercom)
      return {platform,
              json{{"topic", "ping"}, {"id", unique("ping")}, {"created_at", unix_now()}}.dump()};
    auto post = json::parse(whatsapp({{.id = "x"}}).body);
    auto& value = post["entry"][0]["changes"][0]["value"];
    value.erase("messages");
    value["statuses"] = json::array({{{"id", unique("wamid.idle")}, {"status", "read"}}});
    return {platform, post.dump()};
  }

  /// Whether the hub knows by now that the account is that workspace's: asked with what is
  /// no feedback.
  bool is_known(const headers& there, channel platform, const std::string& account) {
    return tests::eventually([&] {
      const auto before = received(there);
      EXPECT_EQ(api_.send(from_account(idle(platform), account)).status, 200);
      return received(there) > before;
    });
  }
  std::int64_t received(const headers& there) {
    return api_.get("/api/ledger", there).body["total"]["received"].get<std::int64_t>();
  }

  /// How many tickets of the workspace hold these words.
  std::size_t tickets(const headers& there, const std::string& words) {
    const auto found = api_.get("/api/tickets?per_page=100&search=" + words, there);
    EXPECT_EQ(found.status, 200) << found.text;
    return found.body.value("tickets", json::array()).size();
  }
  /// The newest delivery in quarantine there.
  json quarantined(const headers& there) {
    const auto rows = api_.get("/api/webhook_deliveries?status=quarantined&per_page=1", there).body;
    return rows.empty() ? json() : rows.front();
  }
  answer replay(const std::string& id) {
    return api_.post("/api/webhook_deliveries/" + id + "/replay", json::object());
  }
  static std::string word() { return unique("zebra"); }
  delivery said(channel platform, const std::string& words) {
    switch (platform) {
    case channel::slack:
      return slack({.event_id = unique("Ev"), .ts = fresh_ts(), .text = words});
    case channel::intercom:
      return intercom({.conversation = unique("7"), .text = words});
    default:
      return whatsapp({{.id = unique("wamid."), .from = unique("34600"), .text = words}});
    }
  }

  static std::string account(channel platform, const char* where) {
    return (platform == channel::whatsapp ? "90" : "T") + std::string{where}
           + std::to_string(static_cast<int>(platform));
  }

  hub_client api_{hub().port()};

private:
  static inline std::vector<headers> keys_;
  static inline std::unique_ptr<sandbox_process> sandbox_;
};

} // namespace hub::testing
