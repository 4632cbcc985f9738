#include "tests/support/hub_process.hpp"
#include "tests/support/webhook_driver.hpp"

#include <gtest/gtest.h>
#include <pqxx/pqxx>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <random>
#include <thread>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;

/// Cuts the hub's connections to its database at random moments until destroyed: transactions die
/// before, at and after their commit.
class scissors {
public:
  scissors(std::string connection_string, std::uint64_t seed)
    : running_{[this, where = std::move(connection_string), seed] { run(where, seed); }} {}
  ~scissors() {
    stop_ = true;
    running_.join();
  }
  scissors(const scissors&) = delete;
  scissors& operator=(const scissors&) = delete;
  [[nodiscard]] int cut() const { return cut_; }

private:
  void run(const std::string& where, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    pqxx::connection connection{where};
    while (!stop_) {
      pqxx::nontransaction tx{connection};
      cut_ += static_cast<int>(tx.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                       "WHERE application_name LIKE 'feedback-hub%' "
                                       "AND pid <> pg_backend_pid() AND random() < 0.7")
                                 .size());
      tx.commit();
      std::this_thread::sleep_for(std::chrono::milliseconds{random() % 120});
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<int> cut_{0};
  std::thread running_; // last: it uses the others
};

TEST(cut_connections, lose_nothing_double_nothing_and_keep_every_threads_order) {
  constexpr int clients = 8;
  constexpr int threads_each = 12;  // at least
  constexpr int most_threads = 500; // until a cut has hit one
  constexpr int replies = 6;
  hub_process hub;
  hub.start();
  std::mutex guard;
  std::map<std::string, std::string> tickets; // by what opened them
  std::atomic<int> refused{0};
  int cuts = 0;
  {
    const scissors cutting{hub.connection_string(), test_seed()};
    in_parallel(clients, [&](int client) {
      hub_client to{hub.port()};
      for (int thread = 0; thread < threads_each || (refused == 0 && thread < most_threads);
           ++thread) {
        const auto id = std::to_string(client) + "x" + std::to_string(thread);
        std::string ticket;
        for (int said = 0; said <= replies; ++said) {
          const auto part = said == 0 ? std::string{} : id + "p" + std::to_string(said);
          const auto what = intercom({.conversation = "c" + id,
                                      .part = part,
                                      .text = "word " + std::to_string(said),
                                      .user = "contact" + id});
          auto got = to.try_send(what);
          if (!got || got->status != 200) {
            ++refused;
            got = to.send_until_taken(what);
          }
          ASSERT_EQ(got->status, 200) << got->text;
          if (ticket.empty())
            ticket = got->at("ticket_id");
          EXPECT_EQ(got->at("ticket_id"), ticket) << got->text;
        }
        const std::lock_guard lock{guard};
        tickets[id] = ticket;
      }
    });
    cuts = cutting.cut();
  }
  std::printf("%d connections cut, %d deliveries sent again\n", cuts, refused.load());
  EXPECT_GT(cuts, 10);
  EXPECT_GT(refused, 0) << "nothing was tried";

  const auto ledger = ledger_total(hub.port());
  EXPECT_TRUE(ledger.balanced());
  const auto threads = static_cast<std::int64_t>(tickets.size());
  EXPECT_GE(threads, clients * threads_each);
  EXPECT_EQ(ledger.created, threads);
  EXPECT_EQ(ledger.attached, threads * replies);
  EXPECT_EQ(ledger.quarantined, 0);
  hub_client api{hub.port()};
  for (const auto& [id, ticket] : tickets) {
    const auto detail = api.get("/api/tickets/" + ticket);
    ASSERT_EQ(detail.status, 200) << detail.text;
    std::string words;
    for (const auto& message : detail.body.at("messages"))
      words += message.at("body").get<std::string>().back();
    EXPECT_EQ(words, "0123456") << id;
  }
  EXPECT_EQ(hub.terminate(), 0);
  const auto audit = hub.run({"doctor", "--recount"});
  EXPECT_EQ(audit.exit_code, 0) << audit.out << audit.err;
}

TEST(cut_connections, let_no_edit_happen_twice_or_be_told_wrongly) {
  hub_process hub;
  hub.start();
  hub_client api{hub.port()};
  const auto ticket = api.post("/api/tickets", {{"title", "start"}}).at("id");
  const auto path = "/api/tickets/" + ticket;
  std::atomic<int> told{0};
  std::atomic<int> unknown{0};
  constexpr int clients = 6;
  constexpr int edits = 40;        // at least
  constexpr int most_edits = 2000; // until a cut has hit one
  {
    const scissors cutting{hub.connection_string(), test_seed() + 1};
    in_parallel(clients, [&](int client) {
      hub_client to{hub.port()};
      for (int i = 0; i < edits || (unknown == 0 && i < most_edits); ++i) {
        const auto name = std::to_string(client) + "-" + std::to_string(i);
        const headers with{{"Idempotency-Key", "edit-" + name},
                           {"Content-Type", "application/json"}};
        const auto body = nlohmann::json{{"title", "edit " + name}}.dump();
        bool done = false;
        while (!done) {
          const auto got = to.try_call("PATCH", path, body, with);
          done = got && got->status == 200;
          if (!done) {
            ++unknown;
            EXPECT_TRUE(!got || got->status == 503) << got->status << got->text;
            std::this_thread::sleep_for(5ms);
          }
        }
        ++told;
      }
    });
  }
  std::printf("%d edits, %d calls without an answer\n", told.load(), unknown.load());
  EXPECT_GT(unknown, 0) << "nothing was tried";
  const auto after = hub_client{hub.port()}.get(path);
  EXPECT_EQ(after.body.at("version"), 1 + told);
  EXPECT_EQ(hub.terminate(), 0);
}

} // namespace
} // namespace hub::testing
