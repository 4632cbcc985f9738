#include "storage/embedded_server.hpp"
#include "tests/e2e/hub_suite.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <pqxx/pqxx>
#include <signal.h>

#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;

/// A PostgreSQL that is the test's to stop: the hub knows it by DATABASE_URL and cannot revive it.
class external_database {
public:
  external_database() { start(); }
  external_database(const external_database&) = delete;
  external_database& operator=(const external_database&) = delete;
  ~external_database() = default;

  void start() {
    storage::embedded_options options;
    options.data_dir = directory_.path();
    auto started = storage::embedded_server::start(options);
    if (!started)
      throw std::runtime_error(started.why().message);
    server_ = *std::move(started);
  }
  void stop() { server_.reset(); }
  void kill9() {
    ::kill(server_->pid(), SIGKILL);
    ASSERT_TRUE(tests::eventually([&] { return !server_->alive(); }));
  }
  void revive() {
    if (!server_)
      return start();
    ASSERT_TRUE(tests::eventually(
      [&] {
        const auto back = server_->restart_if_dead();
        return server_->alive() && (!back || server_->alive());
      },
      60s));
  }
  [[nodiscard]] std::map<std::string, std::string> environment() const {
    return {{"DATABASE_URL", server_->connections().serving},
            {"DATABASE_OWNER_URL", server_->connections().owner}};
  }

private:
  temporary_directory directory_; // outlives the server
  std::unique_ptr<storage::embedded_server> server_;
};

delivery opening(int client, int number) {
  const auto id = std::to_string(client) + "x" + std::to_string(number);
  return slack({.event_id = "Ev" + id,
                .ts = std::to_string(unix_now()) + "." + std::to_string(100'000 + number),
                .user = "U" + id,
                .channel = "C" + std::to_string(client)});
}

class database_away : public ::testing::Test {
protected:
  static constexpr int clients = 8;

  /// Load that notes what was acknowledged and what is to be sent again.
  class load {
  public:
    explicit load(std::uint16_t port)
      : running_{[this, port] { in_parallel(clients, [&](int client) { send(port, client); }); }} {}
    ~load() { stop(); }
    load(const load&) = delete;
    load& operator=(const load&) = delete;

    void stop() {
      stop_ = true;
      if (running_.joinable())
        running_.join();
    }
    [[nodiscard]] int taken() const { return taken_; }
    [[nodiscard]] int refused() const { return refused_; }
    /// Deliveries with the ticket they were acknowledged with; empty for those that were refused.
    std::vector<std::pair<delivery, std::string>> sent;

  private:
    void send(std::uint16_t port, int client) {
      hub_client to{port};
      for (int i = 0; !stop_; ++i) {
        auto what = opening(client, i);
        const auto got = to.try_send(what);
        if (!got || (got->status != 200 && got->status != 503))
          ADD_FAILURE() << "a client must get 200 or 503, got "
                        << (got ? std::to_string(got->status) + got->text : "no answer");
        if (got && got->status == 503) {
          EXPECT_FALSE(got->header("retry-after").empty());
          ++refused_;
          // As providers do: a refusal at once is not answered by the next call at once.
          std::this_thread::sleep_for(10ms);
        }
        if (got && got->status == 200)
          ++taken_;
        const std::lock_guard lock{guard_};
        sent.emplace_back(std::move(what), got && got->status == 200 ? got->at("ticket_id") : "");
      }
    }

    std::mutex guard_;
    std::atomic<bool> stop_{false};
    std::atomic<int> taken_{0};
    std::atomic<int> refused_{0};
    std::thread running_; // last: it uses all of the above
  };

  static void expect_everything_once(hub_process& hub, const load& sent) {
    hub_client to{hub.port()};
    for (const auto& [what, ticket] : sent.sent) {
      const auto got = to.send_until_taken(what);
      EXPECT_EQ(got.status, 200) << got.text;
      if (!ticket.empty()) {
        EXPECT_TRUE(got.is("duplicate")) << "acknowledged and lost: " << what.body;
        EXPECT_EQ(got.at("ticket_id"), ticket);
      }
    }
    const auto ledger = ledger_total(hub.port());
    EXPECT_TRUE(ledger.balanced());
    EXPECT_EQ(ledger.created, static_cast<std::int64_t>(sent.sent.size()));
  }

  static void expect_healthy_within(hub_process& hub, std::chrono::milliseconds patience) {
    hub_client api{hub.port()};
    const auto start = std::chrono::steady_clock::now();
    EXPECT_TRUE(tests::eventually([&] { return api.get("/health").status == 200; }, patience));
    const auto took = std::chrono::steady_clock::now() - start;
    RecordProperty(
      "healthy_after_ms",
      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
    EXPECT_EQ(api.send(opening(90, static_cast<int>(took.count() % 100'000))).status, 200);
  }
};

TEST_F(database_away, is_told_to_callers_and_survived_however_it_went) {
  external_database database;
  hub_process hub{{.environment = database.environment(), .arguments = {}}};
  hub.start();
  hub_client api{hub.port()};
  const auto ticket = api.post("/api/tickets", {{"title", "Before"}}).at("id");
  for (const bool brutally : {true, false}) {
    SCOPED_TRACE(brutally ? "killed" : "stopped");
    const auto before = ledger_total(hub.port());
    load clients_at_work{hub.port()};
    ASSERT_TRUE(tests::eventually([&] { return clients_at_work.taken() > 100; }, 30s));
    if (brutally)
      database.kill9();
    else
      database.stop();
    ASSERT_TRUE(tests::eventually([&] { return clients_at_work.refused() > 100; }, 30s));

    EXPECT_EQ(api.get("/up").status, 200);
    const auto health = api.get("/health");
    EXPECT_EQ(health.status, 503) << health.text;
    EXPECT_FALSE(health.header("retry-after").empty());
    EXPECT_EQ(health.body.at("dependencies").at("database").at("status"), "down");
    for (const auto& got : {api.get("/api/tickets"),
                            api.get("/api/tickets/" + ticket),
                            api.get("/api/ledger"),
                            api.get("/api/webhook_deliveries"),
                            api.post("/api/tickets", {{"title", "Meanwhile"}}),
                            api.patch("/api/tickets/" + ticket, {{"title", "Meanwhile"}})}) {
      EXPECT_EQ(got.status, 503) << got.text;
      EXPECT_FALSE(got.header("retry-after").empty()) << got.text;
      EXPECT_FALSE(got.at("error").empty()) << got.text;
    }
    EXPECT_EQ(api.get("/metrics").status, 200);
    EXPECT_TRUE(hub.running());

    database.revive();
    expect_healthy_within(hub, 10s);
    const auto taken = clients_at_work.taken();
    EXPECT_TRUE(tests::eventually([&] { return clients_at_work.taken() > taken + 50; }, 20s));
    clients_at_work.stop();
    hub_client to{hub.port()};
    std::set<std::string> tickets;
    for (const auto& [what, acknowledged] : clients_at_work.sent) {
      const auto got = to.send_until_taken(what);
      tickets.insert(got.at("ticket_id"));
      if (acknowledged.empty())
        continue;
      EXPECT_TRUE(got.is("duplicate")) << "acknowledged and lost: " << what.body;
      EXPECT_EQ(got.at("ticket_id"), acknowledged);
    }
    const auto after = ledger_total(hub.port());
    EXPECT_TRUE(after.balanced());
    EXPECT_GE(after.created - before.created, 1);
    EXPECT_EQ(api.get("/api/tickets/" + ticket).at("title"), "Before") << "the refused edit";
    EXPECT_EQ(tickets.size(), clients_at_work.sent.size());
  }
  EXPECT_EQ(hub.terminate(), 0) << hub.log();
}

TEST_F(database_away, does_not_keep_a_hub_from_stopping) {
  external_database database;
  hub_process hub{{.environment = database.environment(), .arguments = {}}};
  hub.start();
  database.kill9();
  hub_client api{hub.port()};
  EXPECT_TRUE(tests::eventually([&] { return api.get("/health").status == 503; }, 20s));
  EXPECT_EQ(hub.terminate(), 0) << hub.log();
}

TEST_F(database_away, is_brought_back_by_the_hub_itself_when_it_is_its_own) {
  hub_process hub;
  hub.start();
  const auto first = hub.postgres_pid();
  load clients_at_work{hub.port()};
  ASSERT_TRUE(tests::eventually([&] { return clients_at_work.taken() > 100; }, 30s));
  hub.kill9_postgres();
  ASSERT_TRUE(
    tests::eventually([&] { return hub.postgres_pid() != first && hub.postgres_pid() != 0; }, 30s))
    << hub.log();
  hub_client api{hub.port()};
  EXPECT_TRUE(tests::eventually([&] { return api.get("/health").status == 200; }, 20s))
    << hub.log();
  const auto taken = clients_at_work.taken();
  EXPECT_TRUE(tests::eventually([&] { return clients_at_work.taken() > taken + 50; }, 20s));
  clients_at_work.stop();
  expect_everything_once(hub, clients_at_work);
  EXPECT_EQ(hub.terminate(), 0) << hub.log();
  EXPECT_EQ(hub.run({"doctor", "--recount"}).exit_code, 0);
}

} // namespace
} // namespace hub::testing
