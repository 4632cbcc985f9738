#include "tests/fault/fault_rounds.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/webhook_driver.hpp"

#include <gtest/gtest.h>
#include <pqxx/pqxx>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <random>
#include <set>
#include <thread>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using milliseconds = std::chrono::milliseconds;

constexpr int senders = 8;
constexpr auto serving_goal = 2s;
constexpr auto serving_limit = 30s;        // far beyond the goal: a busy machine is not a bug
constexpr std::size_t checked_again = 400; // of earlier rounds' deliveries, each round

/// What dies in a round.
enum class victim : std::uint8_t { hub, hub_then_postgres, postgres_then_hub, postgres, hub_twice };

const char* name_of(victim what) {
  switch (what) {
  case victim::hub:
    return "hub";
  case victim::hub_then_postgres:
    return "hub, then PostgreSQL";
  case victim::postgres_then_hub:
    return "PostgreSQL, then hub";
  case victim::postgres:
    return "PostgreSQL alone";
  case victim::hub_twice:
    return "hub, and while starting";
  }
  return "";
}

/// A delivery whose answer reached its sender.
struct acknowledged {
  delivery what;
  std::string ticket;
};

/// One provider: makes up deliveries of all channels and sends them one after another until the
/// hub stops answering.
class sender {
public:
  sender(std::uint64_t seed, int number) : random_{seed}, name_{std::to_string(number)} {}

  void send_until_lost(std::uint16_t port, const std::atomic<bool>& stop) {
    hub_client to{port, 10s};
    while (!stop) {
      auto [what, thread] = make();
      auto got = to.try_send(what);
      if (!got || got->status != 200) {
        if (got && got->status != 503)
          ADD_FAILURE() << "answered " << got->status << ' ' << got->text;
        // Whether it was taken is unknown now, as it is to a provider.
        unknown_.push_back(std::move(what));
        return;
      }
      EXPECT_FALSE(got->is("duplicate")) << got->text << '\n' << what.body;
      const auto ticket = got->at("ticket_id");
      EXPECT_FALSE(ticket.empty()) << got->text;
      if (!thread.empty())
        threads_.push_back(std::move(thread));
      acknowledged_.push_back({std::move(what), ticket});
    }
  }

  std::vector<acknowledged> take_acknowledged() { return std::exchange(acknowledged_, {}); }
  std::vector<delivery> take_unknown() { return std::exchange(unknown_, {}); }
  /// Threads are opened by a Slack message or an Intercom conversation of its own.
  [[nodiscard]] int opened() const { return opened_; }

private:
  /// The delivery and, if it opens a thread that can be replied to, that thread.
  std::pair<delivery, std::string> make() {
    const auto id = name_ + "x" + std::to_string(++made_);
    const auto ts = std::to_string(unix_now()) + '.' + name_ + std::to_string(100'000 + made_);
    const auto reply = !threads_.empty() && random_() % 3 != 0;
    if (reply && random_() % 2 == 0) {
      const auto& thread = threads_[random_() % threads_.size()];
      if (thread.starts_with("c"))
        return {intercom({.conversation = thread, .part = "p" + id, .user = "contact" + name_}),
                ""};
      return {slack({.event_id = "Ev" + id, .ts = ts, .thread_ts = thread}), ""};
    }
    ++opened_;
    if (random_() % 2 == 0)
      return {slack({.event_id = "Ev" + id, .ts = ts, .user = "U" + name_}), ts};
    if (random_() % 2 == 0)
      return {intercom({.conversation = "c" + id, .user = "contact" + name_}), "c" + id};
    // A sender of their own each: it opens a ticket, as every other opening here.
    return {whatsapp({{.id = "wamid." + id, .from = "346" + name_ + std::to_string(made_)}}), ""};
  }

  std::mt19937_64 random_;
  std::string name_;
  int made_ = 0;
  int opened_ = 0;
  std::vector<std::string> threads_; // acknowledged ones
  std::vector<acknowledged> acknowledged_;
  std::vector<delivery> unknown_;
};

/// What the database holds, counted row by row.
struct stored {
  std::int64_t tickets = 0;
  std::int64_t messages = 0;
  std::int64_t deliveries = 0;
  std::int64_t counted_tickets = 0;
  std::int64_t threads = 0;
};

stored count_rows(const hub_process& hub) {
  pqxx::connection connection{hub.connection_string()};
  pqxx::nontransaction tx{connection};
  const auto row = tx.exec1("SELECT (SELECT count(*) FROM tickets),"
                            " (SELECT count(*) FROM ticket_messages),"
                            " (SELECT count(*) FROM webhook_deliveries),"
                            " (SELECT coalesce(sum(n), 0) FROM ticket_counters),"
                            " (SELECT count(*) FROM ticket_sources)");
  const auto figure = [&](int column) { return row[column].as<std::int64_t>(); };
  return {figure(0), figure(1), figure(2), figure(3), figure(4)};
}

struct round_report {
  victim what{};
  std::size_t acknowledged = 0;
  std::size_t unknown = 0;
  std::size_t unknown_had_landed = 0;
  milliseconds until_up{};
  milliseconds until_taking{};
};

class kill_audit : public ::testing::Test {
protected:
  kill_audit() : random_{test_seed()} {
    for (int i = 0; i < senders; ++i)
      senders_.emplace_back(random_(), i + 1);
  }

  milliseconds some_time(milliseconds least, milliseconds most) {
    return milliseconds{
      std::uniform_int_distribution<std::int64_t>{least.count(), most.count()}(random_)};
  }

  victim some_victim(int round) {
    // Each at least once in five rounds; the order is the seed's.
    if (round % 5 == 0)
      std::shuffle(victims_.begin(), victims_.end(), random_);
    return victims_[static_cast<std::size_t>(round % 5)];
  }

  /// Kills what this round is about, under load. Returns when the load has ended.
  void kill_under_load(victim what) {
    std::atomic<bool> stop{false};
    std::thread load{[&] {
      in_parallel(senders, [&](int i) {
        senders_[static_cast<std::size_t>(i)].send_until_lost(hub_.port(), stop);
      });
    }};
    std::this_thread::sleep_for(some_time(100ms, 1500ms)); // the random moment
    const auto between = some_time(0ms, 30ms);
    if (what == victim::postgres || what == victim::postgres_then_hub) {
      hub_.kill9_postgres();
      std::this_thread::sleep_for(between);
    }
    if (what != victim::postgres) {
      hub_.kill9();
      if (what == victim::hub_then_postgres) {
        std::this_thread::sleep_for(between);
        hub_.kill9_postgres();
      }
    }
    killed_ = clock::now();
    stop = true; // whoever still got an answer
    load.join();
  }

  /// Brings the hub back; from when on it counts, and how long it took.
  void bring_back(round_report& report) {
    auto from = killed_;
    if (report.what == victim::hub_twice) {
      hub_.launch();
      std::this_thread::sleep_for(some_time(0ms, 400ms));
      hub_.kill9();
    }
    if (report.what != victim::postgres) {
      from = clock::now();
      report.until_up = hub_.start();
    }
    hub_client probe{hub_.port()};
    const auto first =
      slack({.event_id = "EvProbe" + std::to_string(++probes_),
             .ts = std::to_string(unix_now()) + ".9" + std::to_string(100'000 + probes_)});
    const auto got = probe.send_until_taken(first, serving_limit);
    report.until_taking = std::chrono::duration_cast<milliseconds>(clock::now() - from);
    known_.push_back({first, got.at("ticket_id")});
    ++opened_by_probes_;
  }

  /// Every delivery is sent again by several providers at once: each must be known, by its ticket.
  void expect_known(const std::vector<const acknowledged*>& all) {
    std::atomic<std::size_t> next{0};
    in_parallel(senders, [&](int) {
      hub_client to{hub_.port()};
      for (auto i = next++; i < all.size(); i = next++) {
        const auto got = to.send_until_taken(all[i]->what);
        EXPECT_TRUE(got.status == 200 && got.is("duplicate")
                    && got.at("ticket_id") == all[i]->ticket)
          << "lost or moved from " << all[i]->ticket << ": " << got.status << ' ' << got.text
          << '\n'
          << all[i]->what.body;
      }
    });
  }

  void resend_unknown(round_report& report) {
    hub_client to{hub_.port()};
    for (auto& one : senders_)
      for (auto& what : one.take_unknown()) {
        const auto got = to.send_until_taken(what);
        EXPECT_EQ(got.status, 200) << got.text;
        EXPECT_FALSE(got.at("ticket_id").empty()) << got.text;
        ++report.unknown;
        report.unknown_had_landed += got.is("duplicate") ? 1 : 0;
        known_.push_back({std::move(what), got.at("ticket_id")});
      }
  }

  void expect_books_balance() {
    const auto ledger = ledger_total(hub_.port());
    EXPECT_TRUE(ledger.balanced());
    EXPECT_EQ(ledger.quarantined + ledger.not_feedback, 0);
    std::int64_t opened = opened_by_probes_;
    for (const auto& one : senders_)
      opened += one.opened();
    const auto distinct = static_cast<std::int64_t>(known_.size());
    EXPECT_EQ(ledger.created, opened);
    EXPECT_EQ(ledger.created + ledger.attached, distinct);
    const auto rows = count_rows(hub_);
    EXPECT_EQ(rows.tickets, opened);
    EXPECT_EQ(rows.threads, opened);
    EXPECT_EQ(rows.counted_tickets, opened);
    EXPECT_EQ(rows.messages, distinct);
    EXPECT_EQ(rows.deliveries, distinct);
  }

  round_report run_round(int round) {
    round_report report;
    report.what = some_victim(round);
    kill_under_load(report.what);
    bring_back(report);

    std::vector<const acknowledged*> again;
    for (std::size_t i = 0; i < std::min(checked_again, known_.size()); ++i)
      again.push_back(&known_[random_() % known_.size()]);
    expect_known(again);
    std::vector<acknowledged> fresh;
    for (auto& one : senders_)
      for (auto& each : one.take_acknowledged())
        fresh.push_back(std::move(each));
    report.acknowledged = fresh.size();
    again.clear();
    for (const auto& each : fresh)
      again.push_back(&each);
    expect_known(again);
    std::move(fresh.begin(), fresh.end(), std::back_inserter(known_));
    resend_unknown(report);
    expect_books_balance();
    return report;
  }

  void expect_everything_known() {
    std::vector<const acknowledged*> all;
    for (const auto& each : known_)
      all.push_back(&each);
    expect_known(all);
    expect_books_balance();
  }

  [[nodiscard]] std::size_t distinct() const { return known_.size(); }

  hub_process hub_;

private:
  std::mt19937_64 random_;
  std::vector<victim> victims_{victim::hub,
                               victim::hub_then_postgres,
                               victim::postgres_then_hub,
                               victim::postgres,
                               victim::hub_twice};
  std::vector<sender> senders_;
  std::vector<acknowledged> known_;
  clock::time_point killed_;
  int probes_ = 0;
  std::int64_t opened_by_probes_ = 0;
};

void print(int number, const round_report& round) {
  std::printf("%5d  %-24s  %12zu  %9zu  %10zu  %10lld  %12lld%s\n",
              number,
              name_of(round.what),
              round.acknowledged,
              round.unknown,
              round.unknown_had_landed,
              static_cast<long long>(round.until_up.count()),
              static_cast<long long>(round.until_taking.count()),
              round.until_taking > serving_goal ? "  over 2 s" : "");
  std::fflush(stdout);
}

TEST_F(kill_audit, loses_nothing_and_doubles_nothing_whenever_it_is_killed) {
  const auto rounds = fault_rounds(4);
  hub_.start();
  std::printf("round  %-24s  acknowledged    unknown  had landed  ms till up  ms till 200\n",
              "killed");
  std::vector<milliseconds> times;
  std::size_t total = 0;
  for (int round = 0; round < rounds && !HasFatalFailure(); ++round) {
    const auto report = run_round(round);
    print(round + 1, report);
    times.push_back(report.until_taking);
    total += report.acknowledged;
    ASSERT_FALSE(HasFailure()) << "in round " << round + 1 << "; the hub said:\n"
                               << hub_.log().substr(0, 8000);
  }
  expect_everything_known();
  EXPECT_GT(total, static_cast<std::size_t>(rounds) * 10); // else nothing was tried
  std::sort(times.begin(), times.end());
  std::printf("%d rounds, %zu deliveries, every one there once; serving again after %lld ms "
              "(median), %lld ms (worst)\n",
              rounds,
              distinct(),
              static_cast<long long>(times[times.size() / 2].count()),
              static_cast<long long>(times.back().count()));
  EXPECT_EQ(hub_.terminate(), 0);
  const auto audit = hub_.run({"doctor", "--recount"});
  EXPECT_EQ(audit.exit_code, 0) << audit.out << audit.err;
}

} // namespace
} // namespace hub::testing
