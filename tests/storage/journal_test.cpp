#include "domain/provider.hpp"
#include "storage/housekeeping.hpp"
#include "storage/journal/journal_writer.hpp"
#include "tests/storage/journal_fixture.hpp"
#include "tests/support/process.hpp"

#include <gmock/gmock.h>
#include <pqxx/pqxx>

#include <algorithm>
#include <barrier>
#include <latch>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <utility>

namespace hub::storage {
namespace {

using domain::change;
using domain::channel;
using domain::delivery_outcome;
using domain::errc;
using domain::ticket_status;
using domain::verdict;
using std::chrono::hours;
using std::chrono::seconds;
using testing::journal_fixture;
using testing::printed_seed;
using testing::quoted;
using testing::shared;
using testing::spoken;
using kind = domain::verdict::kind;

MATCHER_P(is, what, "") {
  return arg.what == what;
}

std::string random_bytes(std::size_t count, std::mt19937_64& random) {
  std::string bytes;
  while (bytes.size() < count)
    bytes += static_cast<char>(random());
  return bytes;
}

/// Text that PostgreSQL's compression cannot bring below a btree's limit.
std::string incompressible(std::size_t count, std::mt19937_64& random) {
  constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  while (text.size() < count)
    text += letters[random() % letters.size()];
  return text;
}

domain::idempotency_record idempotent(const std::string& key, std::uint8_t hash) {
  domain::idempotency_record record{.key = key, .request_hash = {}, .status = 201};
  record.request_hash.fill(hash);
  return record;
}

class journal : public journal_fixture {
protected:
  void kill_writers() const {
    run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'feedback-hub journal'");
  }

  [[nodiscard]] bool writer_waits_for_a_lock() const {
    return count("pg_stat_activity WHERE datname = current_database() "
                 "AND application_name = 'feedback-hub journal' AND wait_event_type = 'Lock'")
           != "0";
  }

  [[nodiscard]] std::string ledger_of(const std::string& platform) const {
    return ask("SELECT concat_ws(' ', sum(received), sum(created), sum(attached), sum(duplicate), "
               "sum(not_feedback), sum(quarantined)) FROM intake_counters WHERE platform = '"
               + platform + "'");
  }

  std::string payload_of(const domain::uuid& delivery) {
    const auto stored = wait_for<stored_delivery>(
      [&](auto done) { reads().delivery_of(testing::first_workspace, delivery, std::move(done)); });
    return stored ? stored->payload : "failed: " + stored.why().message;
  }
};

// ---- batches

TEST_F(journal, commits_a_mixed_batch_in_one_transaction_and_answers_in_order) {
  const auto known = open_ticket({.delivery = "first"});
  const auto verdicts = commit(std::vector{opening({.delivery = "d1"}),
                                           attaching({.delivery = "d2"}, known),
                                           ignoring("d3"),
                                           by_hand(titled("By hand")),
                                           not_understanding("d5", "{"),
                                           opening({.delivery = "d6"})});
  ASSERT_THAT(verdicts, ::testing::Each(is(kind::committed)));
  EXPECT_EQ(stats_.changes, 6U);
  EXPECT_EQ(stats_.transactions, 1U);
  EXPECT_EQ(
    count("(SELECT DISTINCT xmin::text FROM webhook_deliveries WHERE external_id <> 'first' "
          "UNION SELECT xmin::text FROM tickets "
          "UNION SELECT xmin::text FROM ticket_messages WHERE external_id LIKE '%d_' "
          "UNION SELECT xmin::text FROM ticket_events WHERE created_at IS NULL) x"),
    "1");
  EXPECT_EQ(verdicts[1].ticket_id, known.id);
  EXPECT_EQ(verdicts[1].version, known.version + 1);
  EXPECT_LT(verdicts[0].number, verdicts[3].number);
  EXPECT_LT(verdicts[3].number, verdicts[5].number);
  EXPECT_EQ(ask("SELECT title FROM tickets WHERE id = " + quoted(verdicts[3].ticket_id)),
            "By hand");
  for (const auto* each : {"d1 created", "d2 attached", "d3 not_feedback", "d5 quarantined"}) {
    const std::string line{each};
    EXPECT_EQ(
      ask("SELECT outcome FROM webhook_deliveries WHERE external_id = '" + line.substr(0, 2) + "'"),
      line.substr(3));
  }
  EXPECT_EQ(ledger_of("slack"), "6 3 1 0 1 1");
}

TEST_F(journal, writes_everything_a_report_brings) {
  auto said = opening({.delivery = "d1", .text = "The export crashes", .email = "ana@example.com"});
  said.opens->external_url = "https://example.com/thread";
  said.attachments.push_back({fresh_id(),
                              {.external_id = "F1",
                               .file_name = "shot.png",
                               .file_type = "image/png",
                               .file_size = 1234,
                               .url = "https://example.com/shot.png"}});
  const auto done = commit(said);
  ASSERT_THAT(done, is(kind::committed));
  EXPECT_EQ(done.version, 1);
  EXPECT_EQ(ask("SELECT concat_ws('|', r.name, r.email, i.platform_user_id, "
                "i.last_ticket_id = t.id, s.external_id, s.external_url, s.delivery_id = d.id, "
                "m.body, m.direction, a.file_name, a.file_size, a.message_id = m.id, "
                "d.message_id = m.id, d.ticket_id = t.id, e.event_type) "
                "FROM tickets t JOIN reporters r ON r.id = t.reporter_id "
                "JOIN reporter_identities i ON i.reporter_id = r.id "
                "JOIN ticket_sources s ON s.ticket_id = t.id "
                "JOIN ticket_messages m ON m.ticket_id = t.id "
                "JOIN attachments a ON a.ticket_id = t.id "
                "JOIN webhook_deliveries d ON d.ticket_id = t.id "
                "JOIN ticket_events e ON e.ticket_id = t.id"),
            "Ana|ana@example.com|U1|t|thread of d1|https://example.com/thread|t|The export "
            "crashes|inbound|shot.png|1234|t|t|t|created");
}

TEST_F(journal, answers_a_replayed_delivery_with_the_ticket_it_became) {
  const auto first = commit(opening({.delivery = "d1"}));
  const auto replay = commit(opening({.delivery = "d1"}));
  ASSERT_THAT(replay, is(kind::duplicate));
  EXPECT_EQ(replay.ticket_id, first.ticket_id);
  EXPECT_EQ(replay.delivery_id, first.delivery_id);
  EXPECT_EQ(replay.first_outcome, delivery_outcome::created);
  EXPECT_EQ(count("tickets"), "1");
  EXPECT_EQ(count("ticket_messages"), "1");
  EXPECT_EQ(count("ticket_events"), "1");
  EXPECT_EQ(count("webhook_deliveries"), "1");
  EXPECT_EQ(ledger_of("slack"), "2 1 0 1 0 0");
}

TEST_F(journal, tells_what_a_replayed_delivery_without_a_ticket_was) {
  ASSERT_THAT(commit(ignoring("d1")), is(kind::committed));
  const auto replay = commit(ignoring("d1"));
  ASSERT_THAT(replay, is(kind::duplicate));
  EXPECT_EQ(replay.first_outcome, delivery_outcome::not_feedback);
  EXPECT_TRUE(replay.ticket_id.is_nil());
  EXPECT_EQ(ledger_of("slack"), "2 0 0 1 1 0");
}

TEST_F(journal, keeps_delivery_ids_of_channels_apart) {
  ASSERT_THAT(commit(opening({.delivery = "d1"})), is(kind::committed));
  EXPECT_THAT(commit(opening({.delivery = "d1", .platform = channel::intercom})),
              is(kind::committed));
  EXPECT_EQ(count("tickets"), "2");
}

TEST_F(journal, records_the_same_message_under_another_delivery_id_as_duplicate_of_its_ticket) {
  const auto first = commit(opening({.delivery = "d1", .message = "m1"}));
  const auto again = commit(opening({.delivery = "d2", .message = "m1"}));
  ASSERT_THAT(again, is(kind::duplicate));
  EXPECT_EQ(again.ticket_id, first.ticket_id);
  EXPECT_EQ(ask("SELECT outcome FROM webhook_deliveries WHERE external_id = 'd2' AND ticket_id = "
                + quoted(first.ticket_id)),
            "duplicate");
  EXPECT_EQ(count("ticket_messages"), "1");
  EXPECT_EQ(ledger_of("slack"), "2 1 0 1 0 0");
}

TEST_F(journal, sends_a_report_of_a_known_thread_back_and_writes_nothing) {
  const auto first = commit(opening({.delivery = "d1", .thread = "t1"}));
  const auto second = commit(opening({.delivery = "d2", .thread = "t1", .user = "U2"}));
  ASSERT_THAT(second, is(kind::known_thread));
  EXPECT_EQ(second.ticket_id, first.ticket_id);
  EXPECT_EQ(count("webhook_deliveries"), "1");
  EXPECT_EQ(count("ticket_messages"), "1");
  EXPECT_EQ(count("reporter_identities"), "1");
  EXPECT_EQ(ledger_of("slack"), "1 1 0 0 0 0");
}

TEST_F(journal, finds_the_thread_of_a_quoted_message) {
  const auto first =
    commit(opening({.delivery = "d1", .message = "m1", .platform = channel::whatsapp}));
  const auto reply = commit(opening(
    {.delivery = "d2", .user = "somebody else", .quotes = "m1", .platform = channel::whatsapp}));
  ASSERT_THAT(reply, is(kind::known_thread));
  EXPECT_EQ(reply.ticket_id, first.ticket_id);
}

TEST_F(journal, joins_the_senders_open_ticket_only_within_the_reply_window) {
  const auto first = commit(opening({.delivery = "d1", .platform = channel::whatsapp}));
  const auto soon =
    commit(opening({.delivery = "d2", .platform = channel::whatsapp, .later = hours{23}}));
  EXPECT_THAT(soon, is(kind::known_thread));
  EXPECT_EQ(soon.ticket_id, first.ticket_id);
  EXPECT_THAT(
    commit(opening({.delivery = "d3", .platform = channel::whatsapp, .later = hours{25}})),
    is(kind::committed));
}

TEST_F(journal, does_not_join_a_ticket_that_is_resolved) {
  const auto ticket = open_ticket({.delivery = "d1", .platform = channel::whatsapp});
  ASSERT_THAT(commit(patching({.status = ticket_status::resolved}, ticket)), is(kind::committed));
  EXPECT_THAT(commit(opening({.delivery = "d2", .platform = channel::whatsapp, .later = hours{1}})),
              is(kind::committed));
}

// ---- conflicts

TEST_F(journal, refuses_a_stale_change_whole_while_its_neighbours_commit) {
  auto stale = open_ticket({.delivery = "d1"});
  ASSERT_THAT(commit(patching({.urgency = stale.urgency == 0 ? 1 : 0}, stale)),
              is(kind::committed));
  const auto verdicts = commit(std::vector{opening({.delivery = "d2"}),
                                           attaching({.delivery = "d3", .user = "U3"}, stale),
                                           opening({.delivery = "d4"})});
  EXPECT_THAT(verdicts,
              ::testing::ElementsAre(is(kind::committed), is(kind::conflict), is(kind::committed)));
  EXPECT_EQ(count("webhook_deliveries WHERE external_id = 'd3'"), "0");
  EXPECT_EQ(count("ticket_messages WHERE external_id = 'message of d3'"), "0");
  EXPECT_EQ(count("ticket_events WHERE event_type = 'message_received'"), "0");
  EXPECT_EQ(count("reporter_identities WHERE platform_user_id = 'U3'"), "0");
  EXPECT_EQ(ledger_of("slack"), "3 3 0 0 0 0");
}

TEST_F(journal, refuses_a_change_of_an_unknown_ticket) {
  domain::ticket_core nobody;
  nobody.workspace = testing::first_workspace;
  nobody.id = fresh_id();
  nobody.version = 1;
  EXPECT_THAT(commit(attaching({.delivery = "d1"}, nobody)), is(kind::conflict));
  EXPECT_EQ(count("webhook_deliveries"), "0");
}

TEST_F(journal, handles_changes_of_one_batch_that_touch_each_other_one_after_another) {
  const auto ticket = open_ticket({.delivery = "d0"});
  const auto verdicts = commit(std::vector{opening({.delivery = "d1", .thread = "t1"}),
                                           opening({.delivery = "d2", .thread = "t1"}),
                                           opening({.delivery = "d3"}),
                                           opening({.delivery = "d3"}),
                                           attaching({.delivery = "d4"}, ticket),
                                           attaching({.delivery = "d5"}, ticket)});
  EXPECT_THAT(verdicts,
              ::testing::ElementsAre(is(kind::committed),
                                     is(kind::known_thread),
                                     is(kind::committed),
                                     is(kind::duplicate),
                                     is(kind::committed),
                                     is(kind::conflict)));
  EXPECT_EQ(verdicts[1].ticket_id, verdicts[0].ticket_id);
  EXPECT_EQ(verdicts[3].ticket_id, verdicts[2].ticket_id);
  EXPECT_EQ(stats_.transactions, 2U);
}

TEST_F(journal, makes_one_person_of_several_new_threads_in_a_batch) {
  const auto verdicts = commit(std::vector{opening({.delivery = "d1", .user = "U1"}),
                                           opening({.delivery = "d2", .user = "U1"}),
                                           opening({.delivery = "d3", .user = "U2"})});
  ASSERT_THAT(verdicts, ::testing::Each(is(kind::committed)));
  EXPECT_EQ(count("reporters"), "2");
  EXPECT_EQ(stats_.transactions, 1U);
}

// ---- what the database refuses

struct poison {
  const char* name;
  void (*spoil)(change&, std::mt19937_64&);
};

void PrintTo(const poison& what, std::ostream* out) {
  *out << what.name;
}

class poisoned_batch : public journal, public ::testing::WithParamInterface<poison> {};

TEST_P(poisoned_batch, loses_only_the_poison_which_is_kept_for_operators) {
  std::mt19937_64 random{printed_seed()};
  std::vector<change> batch;
  for (int i = 0; i < 64; ++i)
    batch.push_back(
      opening({.delivery = "d" + std::to_string(i), .user = "U" + std::to_string(i)}));
  const auto at = static_cast<std::size_t>(random() % batch.size());
  const auto original = random_bytes(300, random);
  batch[at].delivery->payload = std::make_shared<const std::string>(original);
  GetParam().spoil(batch[at], random);
  const auto verdicts = commit(std::move(batch));
  for (std::size_t i = 0; i < verdicts.size(); ++i)
    EXPECT_THAT(verdicts[i], is(i == at ? kind::quarantined : kind::committed)) << i;
  EXPECT_EQ(count("tickets"), "63");
  EXPECT_EQ(
    ask("SELECT outcome FROM webhook_deliveries WHERE id = " + quoted(verdicts[at].delivery_id)),
    "quarantined");
  EXPECT_NE(
    ask("SELECT error FROM webhook_deliveries WHERE id = " + quoted(verdicts[at].delivery_id)),
    "NULL");
  EXPECT_EQ(payload_of(verdicts[at].delivery_id), original);
  EXPECT_EQ(ledger_of("slack"), "64 63 0 0 0 1");
}

INSTANTIATE_TEST_SUITE_P(
  all,
  poisoned_batch,
  ::testing::Values(
    poison{"invalid_utf8_in_title",
           [](change& what, std::mt19937_64&) { what.opens->title = "bro\xC3(ken"; }},
    poison{"encoded_surrogate",
           [](change& what, std::mt19937_64&) { what.message->body = "\xED\xA0\x80"; }},
    poison{"nul_in_body",
           [](change& what, std::mt19937_64&) {
             what.message->body = std::string{"a\0b", 3};
           }},
    poison{"nul_in_delivery_id",
           [](change& what, std::mt19937_64&) {
             what.delivery->external_id = std::string{"a\0b", 3};
           }},
    poison{"metadata_that_is_not_json",
           [](change& what, std::mt19937_64&) { what.opens->metadata = "{\"a\":"; }},
    poison{"overlong_thread_id",
           [](change& what, std::mt19937_64& random) {
             what.opens->thread->thread_id = incompressible(8000, random);
           }},
    poison{"overlong_delivery_id",
           [](change& what, std::mt19937_64& random) {
             what.delivery->external_id = incompressible(8000, random);
           }},
    poison{"overlong_user_id",
           [](change& what, std::mt19937_64& random) {
             what.author->platform_user_id = incompressible(8000, random);
           }},
    poison{"priority_out_of_range",
           [](change& what, std::mt19937_64&) { what.opens->urgency = 70'000; }},
    poison{"priority_nobody_defined",
           [](change& what, std::mt19937_64&) { what.opens->urgency = 6; }}),
  [](const auto& each) { return std::string{each.param.name}; });

TEST_F(journal, keeps_two_overlong_deliveries_that_begin_alike) {
  std::mt19937_64 random{printed_seed()};
  const auto alike = incompressible(8000, random);
  auto one = opening({.delivery = "d1"});
  auto two = opening({.delivery = "d2"});
  one.delivery->external_id = alike + "1";
  two.delivery->external_id = alike + "2";
  const auto again = one;
  EXPECT_THAT(commit(std::vector{std::move(one), std::move(two)}),
              ::testing::Each(is(kind::quarantined)));
  EXPECT_EQ(count("webhook_deliveries WHERE outcome = 'quarantined'"), "2");
  EXPECT_THAT(commit(again), is(kind::duplicate)) << "its provider sends it again";
  EXPECT_EQ(count("webhook_deliveries"), "2");
}

TEST_F(journal, fails_poison_that_came_without_a_delivery) {
  auto broken = by_hand(titled("x"));
  broken.opens->title = "\xFF";
  const auto verdicts = commit(std::vector{by_hand(titled("one")), broken, by_hand(titled("two"))});
  EXPECT_THAT(verdicts,
              ::testing::ElementsAre(is(kind::committed), is(kind::failed), is(kind::committed)));
  ASSERT_TRUE(verdicts[1].why);
  EXPECT_EQ(verdicts[1].why->code, errc::invalid_input);
  EXPECT_EQ(count("tickets"), "2");
}

TEST_F(journal, says_nothing_of_the_content_in_a_quarantined_deliverys_error) {
  auto broken = opening({.delivery = "d1"});
  broken.opens->metadata = "{\"secret of Ana\"";
  const auto kept = commit(broken);
  ASSERT_THAT(kept, is(kind::quarantined));
  EXPECT_THAT(ask("SELECT error FROM webhook_deliveries"),
              ::testing::Not(::testing::HasSubstr("Ana")));
}

// ---- lost connections

TEST_F(journal, does_not_notice_that_its_idle_connection_was_killed) {
  ASSERT_THAT(commit(opening({.delivery = "d1"})), is(kind::committed));
  for (const auto* delivery : {"d2", "d3"}) {
    kill_writers(); // as a restarted server does
    EXPECT_THAT(commit(opening({.delivery = delivery})), is(kind::committed));
  }
  EXPECT_EQ(count("tickets"), "3");
}

TEST_F(journal, keeps_its_session_settings_on_a_new_connection) {
  auto writer = make_writer();
  ASSERT_TRUE(writer->connect());
  kill_writers();
  commit_stats stats;
  for (const auto* delivery : {"d1", "d2"})
    writer->commit(shared(std::vector{opening({.delivery = delivery})}), stats);
  EXPECT_EQ(count("pg_stat_activity WHERE datname = current_database() "
                  "AND application_name = 'feedback-hub journal'"),
            "1");
}

TEST_F(journal, repeats_a_batch_once_whose_connection_is_killed_in_the_middle) {
  ASSERT_THAT(commit(opening({.delivery = "d1"})), is(kind::committed));
  for (const int kills : {1, 2}) {
    const auto delivery = "killed " + std::to_string(kills) + " times";
    verdict answer;
    pqxx::connection connection{owner_connection()};
    pqxx::work blocker{connection};
    blocker.exec("LOCK TABLE ticket_messages IN ACCESS EXCLUSIVE MODE");
    std::thread writing{[&] { answer = commit(opening({.delivery = delivery})); }};
    for (int i = 0; i < kills; ++i) {
      EXPECT_TRUE(tests::eventually([&] { return writer_waits_for_a_lock(); }));
      kill_writers();
    }
    if (kills == 1) {
      EXPECT_TRUE(tests::eventually([&] { return writer_waits_for_a_lock(); }));
      blocker.abort();
    }
    writing.join();
    EXPECT_THAT(answer, is(kills == 1 ? kind::committed : kind::failed));
    if (kills == 2) {
      EXPECT_EQ(answer.why->code, errc::unavailable);
    }
  }
  EXPECT_EQ(count("tickets"), "2");
}

TEST_F(journal, calls_the_outcome_unknown_when_the_connection_is_killed_in_the_commit) {
  ASSERT_THAT(commit(opening({.delivery = "d1"})), is(kind::committed));
  // A deferred trigger makes the COMMIT itself wait.
  run("CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$");
  run("CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON tickets DEFERRABLE INITIALLY DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION wait_at_commit()");
  verdict answer;
  {
    pqxx::connection connection{owner_connection()};
    pqxx::work blocker{connection};
    blocker.exec("SELECT pg_advisory_xact_lock(7)");
    std::thread writing{[&] { answer = commit(opening({.delivery = "d2"})); }};
    EXPECT_TRUE(tests::eventually([&] { return writer_waits_for_a_lock(); }));
    kill_writers();
    writing.join();
  }
  ASSERT_THAT(answer, is(kind::failed));
  EXPECT_EQ(answer.why->code, errc::unknown_outcome);
  EXPECT_THAT(commit(opening({.delivery = "d2"})), is(kind::committed));
}

TEST_F(journal, answers_unavailable_while_there_is_no_database) {
  auto writer =
    make_journal_writer({.connection_string = "host=127.0.0.1 port=1 user=nobody"}, keys_);
  EXPECT_FALSE(writer->connected());
  commit_stats stats;
  const auto verdicts = writer->commit(
    shared(std::vector{opening({.delivery = "d1"}), opening({.delivery = "d2"})}), stats);
  ASSERT_EQ(verdicts.size(), 2U);
  for (const auto& answer : verdicts) {
    ASSERT_THAT(answer, is(kind::failed));
    EXPECT_EQ(answer.why->code, errc::unavailable);
  }
}

// ---- concurrency

TEST_F(journal, lets_two_writers_race_for_the_same_deliveries_and_takes_each_once) {
  std::mt19937_64 random{printed_seed()};
  constexpr int deliveries = 400;
  std::vector<storage::change_ptr> all;
  std::array<std::vector<storage::change_ptr>, 2> work;
  for (auto& mine : work) {
    for (int i = 0; i < deliveries; ++i)
      mine.push_back(shared({opening({.delivery = "d" + std::to_string(i),
                                      .user = "U" + std::to_string(i % 7)})})
                       .front());
    // Not wholly at random: where both are near, they really race.
    for (std::size_t i = 0; i < mine.size(); i += 32)
      std::shuffle(mine.begin() + static_cast<std::ptrdiff_t>(i),
                   mine.begin() + static_cast<std::ptrdiff_t>(std::min(i + 32, mine.size())),
                   random);
  }
  std::array<std::map<std::string, kind>, 2> answers;
  std::latch both{2};
  std::vector<std::thread> threads;
  for (std::size_t who = 0; who < 2; ++who)
    threads.emplace_back([&, who, seed = random()] {
      std::mt19937_64 sizes{seed};
      auto writer = make_writer(static_cast<std::int16_t>(who));
      ASSERT_TRUE(writer->connect());
      both.arrive_and_wait();
      const std::span<const change_ptr> mine{work.at(who)};
      for (std::size_t done = 0; done < mine.size();) {
        const auto size = std::min<std::size_t>(1 + sizes() % 24, mine.size() - done);
        commit_stats stats;
        const auto verdicts = writer->commit(mine.subspan(done, size), stats);
        for (std::size_t i = 0; i < size; ++i) {
          answers.at(who)[mine[done + i]->delivery->external_id] = verdicts[i].what;
          EXPECT_THAT(verdicts[i], ::testing::AnyOf(is(kind::committed), is(kind::duplicate)));
        }
        done += size;
      }
    });
  for (auto& thread : threads)
    thread.join();
  for (const auto& [delivery, what] : answers[0])
    EXPECT_NE(what == kind::committed, answers[1].at(delivery) == kind::committed) << delivery;
  EXPECT_EQ(count("tickets"), std::to_string(deliveries));
  EXPECT_EQ(count("ticket_sources"), std::to_string(deliveries));
  EXPECT_EQ(count("ticket_messages"), std::to_string(deliveries));
  EXPECT_EQ(count("webhook_deliveries"), std::to_string(deliveries));
  EXPECT_EQ(count("reporter_identities"), "7");
  EXPECT_EQ(count("reporters"), "7");
  EXPECT_EQ(ledger_of("slack"),
            std::to_string(2 * deliveries) + " " + std::to_string(deliveries) + " 0 "
              + std::to_string(deliveries) + " 0 0");
  EXPECT_EQ(ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), "0");
}

TEST_F(journal, never_deadlocks_on_people_that_two_writers_meet_in_opposite_orders) {
  constexpr int people = 24;
  constexpr int rounds = 15;
  std::latch both{2};
  std::vector<std::thread> threads;
  std::array<std::vector<std::vector<change_ptr>>, 2> work;
  for (std::size_t who = 0; who < 2; ++who)
    for (int round = 0; round < rounds; ++round) {
      std::vector<change> batch;
      for (int i = 0; i < people; ++i) {
        const auto person = std::to_string(who == 0 ? i : people - 1 - i);
        const auto name = std::to_string(who) + "/" + std::to_string(round) + "/" + person;
        batch.push_back(opening(
          {.delivery = name, .user = "U" + person, .email = "p" + person + "@example.com"}));
      }
      work.at(who).push_back(shared(std::move(batch)));
    }
  for (std::size_t who = 0; who < 2; ++who)
    threads.emplace_back([&, who] {
      auto writer = make_writer(static_cast<std::int16_t>(who));
      ASSERT_TRUE(writer->connect());
      both.arrive_and_wait();
      for (const auto& batch : work.at(who)) {
        commit_stats stats;
        EXPECT_THAT(writer->commit(batch, stats), ::testing::Each(is(kind::committed)));
      }
    });
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(count("reporters"), std::to_string(people));
  EXPECT_EQ(count("reporter_identities"), std::to_string(people));
  EXPECT_EQ(ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), "0");
}

TEST_F(journal, joins_the_open_ticket_that_another_writer_is_just_giving_the_sender) {
  const spoken later{.delivery = "d3", .platform = channel::whatsapp, .later = hours{48}};
  ASSERT_THAT(commit(opening({.delivery = "d1", .platform = channel::whatsapp})),
              is(kind::committed));
  const auto opened = open_ticket({.delivery = "d2", .user = "U2", .platform = channel::whatsapp});
  pqxx::connection connection{owner_connection()};
  pqxx::work other{connection};
  other.exec("UPDATE reporter_identities SET last_ticket_id = " + quoted(opened.id)
             + ", last_message_at = last_message_at + interval '47 hours' "
               "WHERE platform_user_id = 'U1'");
  verdict answer;
  std::thread writing{[&] { answer = commit(opening(later)); }};
  EXPECT_TRUE(tests::eventually([&] { return writer_waits_for_a_lock(); }));
  other.commit();
  writing.join();
  EXPECT_THAT(answer, is(kind::known_thread));
  EXPECT_EQ(answer.ticket_id, opened.id);
}

TEST_F(journal, opens_one_ticket_for_a_sender_whom_two_writers_serve) {
  constexpr int senders = 12;
  constexpr int rounds = 10; // each beyond the reply window of the one before
  std::array<std::vector<std::vector<change_ptr>>, 2> work;
  for (std::size_t who = 0; who < 2; ++who)
    for (int round = 0; round < rounds; ++round) {
      std::vector<change> batch;
      for (int i = 0; i < senders; ++i) {
        const auto sender = std::to_string(who == 0 ? i : senders - 1 - i);
        batch.push_back(
          opening({.delivery = std::to_string(who) + "/" + std::to_string(round) + "/" + sender,
                   .user = "U" + sender,
                   .platform = channel::whatsapp,
                   .later = hours{48 * round}}));
      }
      work.at(who).push_back(shared(std::move(batch)));
    }
  std::barrier round_starts{2};
  std::array<std::array<int, rounds>, 2> opened{};
  std::vector<std::thread> threads;
  for (std::size_t who = 0; who < 2; ++who)
    threads.emplace_back([&, who] {
      auto writer = make_writer(static_cast<std::int16_t>(who));
      ASSERT_TRUE(writer->connect());
      for (std::size_t round = 0; round < rounds; ++round) {
        round_starts.arrive_and_wait();
        commit_stats stats;
        for (const auto& answer : writer->commit(work.at(who).at(round), stats)) {
          EXPECT_THAT(answer, ::testing::AnyOf(is(kind::committed), is(kind::known_thread)));
          opened.at(who).at(round) += answer.what == kind::committed ? 1 : 0;
        }
      }
    });
  for (auto& thread : threads)
    thread.join();
  for (std::size_t round = 0; round < rounds; ++round)
    EXPECT_EQ(opened[0].at(round) + opened[1].at(round), senders) << "round " << round;
  EXPECT_EQ(ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), "0");
}

TEST_F(journal, runs_a_batch_again_that_lost_a_deadlock) {
  const auto ticket = open_ticket({.delivery = "d1", .user = "U1"});
  ASSERT_THAT(commit(opening({.delivery = "d2", .user = "U2"})), is(kind::committed));
  pqxx::connection connection{owner_connection()};
  pqxx::work other{connection};
  // The one that waits longest looks for the deadlock and loses it: that is to be the writer.
  other.exec("SET LOCAL deadlock_timeout = '30s'");
  other.exec("UPDATE reporter_identities SET display_name = 'x' WHERE platform_user_id = 'U2'");
  verdict answer;
  std::thread writing{
    [&] { answer = commit(attaching({.delivery = "d3", .user = "U2"}, ticket)); }};
  EXPECT_TRUE(tests::eventually([&] { return writer_waits_for_a_lock(); }));
  other.exec("UPDATE tickets SET notion_url = 'x' WHERE id = " + quoted(ticket.id));
  other.commit();
  writing.join();
  EXPECT_THAT(answer, is(kind::committed));
}

TEST_F(journal, does_not_blame_a_change_whose_address_somebody_else_took_meanwhile) {
  ASSERT_THAT(commit(opening({.delivery = "d1", .user = "U1"})), is(kind::committed));
  const auto owner = fresh_id();
  verdict answer;
  std::thread writing;
  {
    pqxx::connection connection{owner_connection()};
    pqxx::work other{connection};
    other.exec("INSERT INTO reporters (workspace_id, id, name, email, created_at) VALUES ("
               + quoted(testing::first_workspace) + ", " + quoted(owner)
               + ", 'Ana', 'ana@example.com', now())");
    writing = std::thread{[&] {
      answer = commit(opening({.delivery = "d2", .user = "U1", .email = "ana@example.com"}));
    }};
    EXPECT_TRUE(tests::eventually([&] { return writer_waits_for_a_lock(); }));
    other.commit();
  }
  writing.join();
  ASSERT_THAT(answer, is(kind::committed));
  EXPECT_EQ(count("tickets WHERE reporter_id = " + quoted(owner)), "2");
}

// ---- counters

TEST_F(journal, keeps_every_counter_equal_to_the_rows_through_any_sequence) {
  std::mt19937_64 random{printed_seed()};
  const auto pick = [&](auto& from) -> auto& {
    return from[random() % from.size()];
  };
  struct known {
    domain::ticket_core core;
    std::string thread;
  };
  std::vector<known> tickets;
  int named = 0;
  for (int step = 0; step < 120; ++step) {
    std::vector<change> batch;
    std::vector<std::size_t> touched; // index into tickets, or npos
    std::set<std::size_t> busy;
    const auto size = 1 + random() % 12;
    for (std::uint64_t i = 0; i < size; ++i) {
      const auto name = "d" + std::to_string(named++);
      const auto platform = pick(domain::all_channels);
      const auto roll = random() % 10;
      auto at = tickets.empty() ? 0 : random() % tickets.size();
      if (roll < 4 || tickets.empty() || busy.contains(at)) {
        auto opened = opening(
          {.delivery = name, .user = "U" + std::to_string(random() % 9), .platform = platform});
        opened.opens->urgency = static_cast<int>(random() % 6);
        opened.opens->type = pick(domain::all_ticket_types);
        opened.opens->thread->joins_since.reset();
        batch.push_back(std::move(opened));
        touched.push_back(std::string::npos);
      } else if (roll < 5) {
        batch.push_back(ignoring("d" + std::to_string(random() % 40))); // often a replay
        touched.push_back(std::string::npos);
      } else {
        auto& ticket = tickets[at];
        auto core = ticket.core;
        if (random() % 8 == 0)
          ++core.version; // a conflict
        domain::ticket_patch patch;
        const auto next = domain::next_statuses(core.status);
        patch.status = next[random() % next.size()];
        patch.urgency = static_cast<int>(random() % 6);
        patch.type = pick(domain::all_ticket_types);
        batch.push_back(random() % 2 == 0 ? patching(patch, core)
                                          : attaching({.delivery = name}, core));
        touched.push_back(at);
        busy.insert(at);
      }
    }
    const auto sent = batch;
    const auto verdicts = commit(std::move(batch));
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
      if (verdicts[i].what != kind::committed)
        continue;
      if (touched[i] != std::string::npos) {
        auto& core = tickets[touched[i]].core;
        core = domain::after(core, *sent[i].updates, verdicts[i].version);
      } else if (sent[i].opens) {
        tickets.push_back({{.workspace = testing::first_workspace,
                            .id = verdicts[i].ticket_id,
                            .number = verdicts[i].number,
                            .version = 1,
                            .status = ticket_status::open,
                            .type = sent[i].opens->type,
                            .urgency = sent[i].opens->urgency},
                           {}});
      }
    }
  }
  ASSERT_GT(tickets.size(), 50U);
  for (const auto& each : tickets) { // what an owner remembers is what the database holds
    const auto stored = core_of(each.core.id);
    EXPECT_EQ(stored.version, each.core.version);
    EXPECT_EQ(stored.status, each.core.status);
    EXPECT_EQ(stored.urgency, each.core.urgency);
    EXPECT_EQ(stored.type, each.core.type);
  }
  // TearDown counts everything again.
}

TEST_F(journal, notices_a_counter_that_is_wrong) {
  ASSERT_THAT(commit(opening({.delivery = "d1"})), is(kind::committed));
  run("UPDATE ticket_counters SET n = n + 1");
  run("UPDATE intake_counters SET attached = attached + 1");
  const auto recount = wait_for<storage::recount>(
    [this](auto done) { reads().count_again(testing::first_workspace, std::move(done)); });
  ASSERT_TRUE(recount);
  EXPECT_EQ(recount->differences.size(), 3U); // a cell, a column, and the balance
  run("UPDATE ticket_counters SET n = n - 1");
  run("UPDATE intake_counters SET attached = attached - 1");
}

// ---- replays of quarantined deliveries

TEST_F(journal, settles_a_quarantined_delivery_once) {
  const auto kept = commit(not_understanding("sha256:1", "{broken"));
  ASSERT_THAT(kept, is(kind::committed));
  auto replay = opening({.delivery = "d1"});
  replay.delivery->settles = kept.delivery_id;
  const auto settled = commit(replay);
  ASSERT_THAT(settled, is(kind::committed));
  EXPECT_EQ(settled.delivery_id, kept.delivery_id);
  EXPECT_EQ(ask("SELECT outcome || ' ' || (ticket_id = " + quoted(settled.ticket_id)
                + ") FROM webhook_deliveries"),
            "created true");
  EXPECT_EQ(ask("SELECT error FROM webhook_deliveries"), "NULL");
  EXPECT_EQ(count("webhook_deliveries"), "1");
  EXPECT_EQ(ledger_of("slack"), "1 1 0 0 0 0");

  auto again = opening({.delivery = "d1"});
  again.delivery->settles = kept.delivery_id;
  const auto second = commit(again);
  ASSERT_THAT(second, is(kind::duplicate));
  EXPECT_EQ(second.ticket_id, settled.ticket_id);
  EXPECT_EQ(second.delivery_id, kept.delivery_id);
  EXPECT_EQ(second.first_outcome, delivery_outcome::created);
  EXPECT_EQ(count("tickets"), "1");
  EXPECT_EQ(ledger_of("slack"), "1 1 0 0 0 0") << "a replay by an operator is no new delivery";
}

TEST_F(journal, settles_a_replay_of_a_known_message_as_its_duplicate) {
  const auto first = commit(opening({.delivery = "d1", .message = "m1"}));
  const auto kept = commit(not_understanding("sha256:1", "{broken"));
  auto replay = opening({.delivery = "d2", .message = "m1"});
  replay.delivery->settles = kept.delivery_id;
  const auto settled = commit(replay);
  ASSERT_THAT(settled, is(kind::duplicate));
  EXPECT_EQ(settled.ticket_id, first.ticket_id);
  EXPECT_EQ(ask("SELECT outcome FROM webhook_deliveries WHERE id = " + quoted(kept.delivery_id)),
            "duplicate");
  EXPECT_EQ(ledger_of("slack"), "2 1 0 1 0 0");
}

TEST_F(journal, answers_not_found_for_a_replay_of_a_delivery_that_is_gone) {
  auto replay = opening({.delivery = "d1"});
  replay.delivery->settles = fresh_id();
  const auto answer = commit(replay);
  ASSERT_THAT(answer, is(kind::failed));
  EXPECT_EQ(answer.why->code, errc::not_found);
  EXPECT_EQ(count("tickets"), "0");
}

// ---- what is sealed

TEST_F(journal, seals_originals_and_stores_only_scrubbed_text_beside_them) {
  const auto done =
    commit(opening({.delivery = "d1", .text = "Write to ana.secret@example.com please"}));
  ASSERT_THAT(done, is(kind::committed));
  EXPECT_EQ(count("ticket_messages WHERE body LIKE '%ana.secret%'"), "0");
  EXPECT_EQ(count("tickets WHERE title || description LIKE '%ana.secret%'"), "0");
  EXPECT_EQ(count("ticket_messages WHERE position('ana.secret'::bytea IN body_sealed) > 0"), "0");
  EXPECT_EQ(count("webhook_deliveries WHERE position('payload of'::bytea IN payload_sealed) > 0"),
            "0");
  pqxx::connection connection{owner_connection()};
  pqxx::nontransaction work{connection};
  const auto row = work.exec1("SELECT id, body_sealed FROM ticket_messages");
  const auto id = domain::parse_uuid(row[0].c_str());
  const auto opened =
    keys_.unseal(pqxx::binarystring{row[1]}.str(),
                 {reinterpret_cast<const char*>(id->bytes.data()), id->bytes.size()});
  ASSERT_TRUE(opened) << opened.why().message;
  EXPECT_EQ(*opened, "Write to ana.secret@example.com please");
  EXPECT_EQ(payload_of(done.delivery_id), "payload of d1");
}

TEST_F(journal, seals_no_body_that_scrubbing_left_alone) {
  ASSERT_THAT(commit(opening({.delivery = "d1", .text = "It crashes"})), is(kind::committed));
  EXPECT_EQ(ask("SELECT body_sealed FROM ticket_messages"), "NULL");
}

TEST_F(journal, opens_no_payload_that_was_moved_to_another_row) {
  const auto one = commit(opening({.delivery = "d1"}));
  ASSERT_THAT(commit(opening({.delivery = "d2"})), is(kind::committed));
  run("UPDATE webhook_deliveries SET payload_sealed = (SELECT payload_sealed FROM "
      "webhook_deliveries WHERE external_id = 'd2') WHERE external_id = 'd1'");
  EXPECT_THAT(payload_of(one.delivery_id), ::testing::StartsWith("failed: "));
}

// ---- schema

TEST_F(journal, cannot_rewrite_history) {
  ASSERT_THAT(commit(opening({.delivery = "d1"})), is(kind::committed));
  for (const auto* statement : {"UPDATE ticket_events SET event_type = 'x'",
                                "DELETE FROM ticket_events",
                                "TRUNCATE ticket_events"})
    EXPECT_THROW(run(statement), pqxx::sql_error) << statement;
  EXPECT_EQ(count("ticket_events WHERE event_type = 'created'"), "1");
}

TEST_F(journal, keeps_partitions_for_the_coming_days_and_drops_those_past_retention) {
  const auto partitions = [&] {
    return std::stoi(count("pg_inherits WHERE inhparent = 'webhook_deliveries'::regclass"));
  };
  ASSERT_EQ(partitions(), 1); // the default
  ASSERT_TRUE(keep_house(connection_string(), {.days_ahead = 3, .kept_days = 30}));
  EXPECT_EQ(partitions(), 6); // yesterday, today, three more
  ASSERT_TRUE(keep_house(connection_string(), {.days_ahead = 3, .kept_days = 30}));
  EXPECT_EQ(partitions(), 6);
  run("SELECT ensure_delivery_partitions(current_date - 40, 1)"); // three old days
  EXPECT_EQ(partitions(), 9);
  auto old = opening({.delivery = "old", .later = -hours{40 * 24}});
  ASSERT_THAT(commit(old), is(kind::committed));
  EXPECT_EQ(ask("SELECT tableoid::regclass::text ~ '_[0-9]{8}$' FROM webhook_deliveries"), "t");
  run("DELETE FROM intake_counters"); // of a day whose rows go now
  ASSERT_TRUE(keep_house(connection_string(), {.days_ahead = 3, .kept_days = 30}));
  EXPECT_EQ(partitions(), 6);
  EXPECT_EQ(count("webhook_deliveries"), "0");
  EXPECT_EQ(count("tickets"), "1") << "retention is for raw deliveries only";
}

TEST_F(journal, takes_a_delivery_of_a_past_day_once_too) {
  ASSERT_TRUE(keep_house(connection_string(), {}));
  const spoken old{.delivery = "d1", .later = -hours{100 * 24}};
  const auto first = commit(opening(old));
  ASSERT_THAT(first, is(kind::committed));
  EXPECT_EQ(ask("SELECT tableoid::regclass FROM webhook_deliveries"), "webhook_deliveries_default");
  const auto again = commit(opening(old));
  ASSERT_THAT(again, is(kind::duplicate));
  EXPECT_EQ(again.ticket_id, first.ticket_id);
}

TEST_F(journal, keeps_what_arrived_lately_however_old_it_says_it_is) {
  const auto kept = commit(not_understanding("d1", "{"));
  ASSERT_THAT(kept, is(kind::committed));
  run("UPDATE webhook_deliveries SET occurred_on = '1970-01-01'");
  ASSERT_TRUE(keep_house(connection_string(), {}));
  EXPECT_EQ(count("webhook_deliveries"), "1");
}

TEST_F(journal, keeps_what_waits_in_quarantine_past_retention) {
  const auto partitions = [&] {
    return std::stoi(count("pg_inherits WHERE inhparent = 'webhook_deliveries'::regclass"));
  };
  const auto keep = [&] { return keep_house(connection_string(), {.kept_days = 30}); };
  ASSERT_TRUE(keep());
  const auto usual = partitions();
  run("SELECT ensure_delivery_partitions(current_date - 40, 1)"); // three old days
  ASSERT_THAT(commit(not_understanding("d1", "{")), is(kind::committed));
  ASSERT_THAT(commit(not_understanding("d2", "{")), is(kind::committed));
  run("UPDATE webhook_deliveries SET received_at = now() - interval '40 days', occurred_on = "
      "CASE external_id WHEN 'd1' THEN current_date - 40 ELSE current_date - 50 END");
  run("UPDATE intake_counters SET day = current_date - 40");
  EXPECT_EQ(count("webhook_deliveries_default"), "1") << "no partition was made for its day";
  ASSERT_TRUE(keep());
  EXPECT_EQ(count("webhook_deliveries"), "2");
  EXPECT_EQ(partitions(), usual + 1) << "the others go";
  run("UPDATE webhook_deliveries SET outcome = 'not_feedback'"); // once they are read
  run("UPDATE intake_counters SET quarantined = 0, not_feedback = 2");
  ASSERT_TRUE(keep());
  EXPECT_EQ(count("webhook_deliveries"), "0");
  EXPECT_EQ(partitions(), usual);
}

TEST_F(journal, keeps_house_as_far_as_it_can) {
  auto ticket = titled("one");
  ticket.idempotency = idempotent("key", 1);
  ASSERT_THAT(commit(by_hand(ticket)), is(kind::committed));
  run("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'");
  pqxx::connection connection{owner_connection()};
  pqxx::work busy{connection};
  busy.exec("LOCK TABLE webhook_deliveries, webhook_deliveries_default IN ROW EXCLUSIVE MODE");
  const auto kept = keep_house(connection_string(), {});
  ASSERT_FALSE(kept) << "it gave up on a lock";
  EXPECT_EQ(kept.why().code, errc::unavailable);
  EXPECT_EQ(count("idempotency_keys"), "0") << "the step after it was done";
  busy.abort();
  EXPECT_TRUE(keep_house(connection_string(), {}));
}

TEST_F(journal, makes_no_partition_for_a_day_that_has_rows_in_the_default_one) {
  ASSERT_THAT(commit(opening({.delivery = "d1"})), is(kind::committed));
  ASSERT_TRUE(keep_house(connection_string(), {.days_ahead = 1, .kept_days = 30}));
  EXPECT_THAT(commit(opening({.delivery = "d1"})), is(kind::duplicate));
}

// ---- idempotency keys

TEST_F(journal, answers_a_used_idempotency_key_with_the_ticket_it_made) {
  auto ticket = titled("one");
  ticket.idempotency = idempotent("key", 1);
  const auto first = commit(by_hand(ticket));
  ASSERT_THAT(first, is(kind::committed));
  const auto again = commit(by_hand(ticket));
  ASSERT_THAT(again, is(kind::duplicate));
  EXPECT_EQ(again.ticket_id, first.ticket_id);
  EXPECT_TRUE(again.same_request);
  ticket.idempotency = idempotent("key", 2);
  const auto other = commit(by_hand(ticket));
  ASSERT_THAT(other, is(kind::duplicate));
  EXPECT_FALSE(other.same_request);
  EXPECT_EQ(count("tickets"), "1");
}

TEST_F(journal, recalls_the_patch_that_a_key_was_used_for) {
  const auto ticket = open_ticket({.delivery = "d1"});
  domain::ticket_patch patch{.status = ticket_status::closed};
  patch.idempotency = idempotent("key", 1);
  EXPECT_THAT(commit(domain::recalling(patch, ticket, at())), is(kind::conflict));
  EXPECT_EQ(count("idempotency_keys"), "0");
  ASSERT_THAT(commit(patching(patch, ticket)), is(kind::committed));
  const auto again = commit(domain::recalling(patch, ticket, at()));
  ASSERT_THAT(again, is(kind::duplicate));
  EXPECT_EQ(again.ticket_id, ticket.id);
  EXPECT_TRUE(again.same_request);
  EXPECT_EQ(core_of(ticket.id).version, 2);
}

TEST_F(journal, handles_two_uses_of_a_key_in_one_batch_one_after_the_other) {
  auto ticket = titled("one");
  ticket.idempotency = idempotent("key", 1);
  const auto verdicts = commit(std::vector{by_hand(ticket), by_hand(ticket)});
  EXPECT_THAT(verdicts, ::testing::ElementsAre(is(kind::committed), is(kind::duplicate)));
  EXPECT_EQ(verdicts[0].ticket_id, verdicts[1].ticket_id);
}

TEST_F(journal, lets_one_of_two_writers_use_a_key) {
  for (int round = 0; round < 20; ++round) {
    std::array<verdict, 2> answers;
    std::vector<std::thread> threads;
    std::latch both{2};
    auto ticket = titled("one");
    ticket.idempotency = idempotent("key " + std::to_string(round), 1);
    const std::array changes{shared({by_hand(ticket)}), shared({by_hand(ticket)})};
    for (std::size_t who = 0; who < 2; ++who)
      threads.emplace_back([&, who] {
        auto writer = make_writer(static_cast<std::int16_t>(who));
        ASSERT_TRUE(writer->connect());
        both.arrive_and_wait();
        commit_stats stats;
        answers.at(who) = writer->commit(changes.at(who), stats).front();
      });
    for (auto& thread : threads)
      thread.join();
    EXPECT_THAT(answers, ::testing::UnorderedElementsAre(is(kind::committed), is(kind::duplicate)));
    EXPECT_EQ(answers[0].ticket_id, answers[1].ticket_id);
  }
}

TEST_F(journal, keeps_the_first_answer_given_to_a_key) {
  auto ticket = titled("one");
  ticket.idempotency = idempotent("key", 1);
  ASSERT_THAT(commit(by_hand(ticket)), is(kind::committed));
  const auto stored = [&] {
    return wait_for<stored_answer>(
      [&](auto done) { reads().answer_to(testing::first_workspace, "key", std::move(done)); });
  };
  ASSERT_TRUE(stored());
  EXPECT_EQ(stored()->status, 201);
  EXPECT_EQ(stored()->body, "");
  for (const auto* body : {R"({"first": true})", R"({"first": false})"}) {
    change keep;
    keep.workspace = testing::first_workspace;
    keep.at = at();
    keep.answer = domain::answer_record{"key", body};
    EXPECT_THAT(commit(keep), is(kind::committed));
  }
  EXPECT_EQ(stored()->body, R"({"first": true})");
  const auto unknown = wait_for<stored_answer>(
    [&](auto done) { reads().answer_to(testing::first_workspace, "no key", std::move(done)); });
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.why().code, errc::not_found);
}

TEST_F(journal, forgets_idempotency_keys_after_their_time) {
  auto ticket = titled("one");
  ticket.idempotency = idempotent("key", 1);
  ASSERT_THAT(commit(by_hand(ticket)), is(kind::committed));
  ASSERT_TRUE(keep_house(connection_string(), {}));
  EXPECT_EQ(count("idempotency_keys"), "1");
  run("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'");
  ASSERT_TRUE(keep_house(connection_string(), {}));
  EXPECT_EQ(count("idempotency_keys"), "0");
}

// ---- people, as the database has them

TEST_F(journal, finds_a_person_by_address_in_any_case) {
  ASSERT_THAT(commit(opening({.delivery = "d1", .user = "U1", .email = "Ana@Example.com"})),
              is(kind::committed));
  ASSERT_THAT(
    commit(opening(
      {.delivery = "d2", .user = "7", .email = "ana@EXAMPLE.com", .platform = channel::intercom})),
    is(kind::committed));
  EXPECT_EQ(count("reporters"), "1");
  EXPECT_EQ(count("reporter_identities"), "2");
}

TEST_F(journal, finds_a_person_by_address_beyond_ascii) {
  const std::array addresses{"JOS\u00C9@example.com", "jos\u00E9@example.com"};
  for (int round = 0; round < 2; ++round)
    for (const auto* email : addresses) {
      const auto name = std::to_string(round) + email;
      EXPECT_THAT(commit(opening({.delivery = name, .user = name, .email = email})),
                  is(kind::committed))
        << name;
    }
  // Both at once, and new: the database may fold what the batch does not.
  EXPECT_THAT(
    commit(std::vector{opening({.delivery = "a", .user = "a", .email = "MAR\u00CDA@example.com"}),
                       opening({.delivery = "b", .user = "b", .email = "mar\u00EDa@example.com"})}),
    ::testing::Each(is(kind::committed)));
}

TEST_F(journal, sets_the_address_of_a_known_identity_when_it_learns_it) {
  ASSERT_THAT(commit(opening({.delivery = "d1", .user = "U1"})), is(kind::committed));
  ASSERT_THAT(commit(opening({.delivery = "d2", .user = "U1", .email = "ana@example.com"})),
              is(kind::committed));
  EXPECT_EQ(count("reporters"), "1");
  EXPECT_EQ(ask("SELECT email FROM reporters"), "ana@example.com");
}

TEST_F(journal, moves_an_identity_and_its_tickets_to_the_person_who_owns_its_address) {
  const auto ticket = open_ticket({.delivery = "d1", .user = "U1"});
  const auto owner = commit(opening(
    {.delivery = "d2", .user = "7", .email = "ana@example.com", .platform = channel::intercom}));
  ASSERT_THAT(owner, is(kind::committed));
  const auto third = commit(opening({.delivery = "d3", .user = "U1", .email = "ana@example.com"}));
  ASSERT_THAT(third, is(kind::committed));
  EXPECT_EQ(count("(SELECT DISTINCT reporter_id FROM tickets) x"), "1");
  EXPECT_EQ(count("(SELECT DISTINCT reporter_id FROM reporter_identities) x"), "1");
  EXPECT_EQ(core_of(ticket.id).version, ticket.version + 1) << "its owner must notice";
  EXPECT_EQ(count("ticket_events WHERE event_type = 'reporter_linked' AND ticket_id = "
                  + quoted(ticket.id)),
            "1");
}

TEST_F(journal, moves_what_a_new_identity_wrote_in_the_same_batch_as_well) {
  ASSERT_THAT(
    commit(opening(
      {.delivery = "d1", .user = "7", .email = "ana@example.com", .platform = channel::intercom})),
    is(kind::committed));
  EXPECT_THAT(commit({opening({.delivery = "d2", .user = "U1"}),
                      opening({.delivery = "d3", .user = "U1", .email = "ana@example.com"})}),
              ::testing::Each(is(kind::committed)));
  EXPECT_EQ(count("tickets"), "3");
  EXPECT_EQ(count("(SELECT DISTINCT reporter_id FROM tickets) x"), "1");
  EXPECT_EQ(count("(SELECT DISTINCT reporter_id FROM reporter_identities) x"), "1");
}

TEST_F(journal, keeps_two_people_of_one_name_apart) {
  ASSERT_THAT(commit(opening({.delivery = "d1", .user = "U1", .name = "Ana"})),
              is(kind::committed));
  ASSERT_THAT(commit(opening({.delivery = "d2", .user = "U2", .name = "Ana"})),
              is(kind::committed));
  EXPECT_EQ(count("reporters WHERE name = 'Ana'"), "2");
}

TEST_F(journal, makes_a_reporter_without_an_identity_for_a_ticket_made_by_hand) {
  auto ticket = titled("one");
  ticket.reporter_name = "Ana";
  ticket.reporter_email = "ana@example.com";
  ASSERT_THAT(commit(by_hand(ticket)), is(kind::committed));
  ASSERT_THAT(commit(by_hand(ticket)), is(kind::committed));
  EXPECT_EQ(count("reporters"), "1");
  EXPECT_EQ(count("reporter_identities"), "0");
  EXPECT_EQ(count("tickets WHERE reporter_id IS NOT NULL"), "2");
}

TEST_F(journal, remembers_the_longest_pause_that_a_provider_asked_for) {
  const auto pause = [&](domain::provider whom, seconds until) {
    domain::change what;
    what.workspace = testing::first_workspace;
    what.at = at();
    what.cooldown.emplace();
    what.cooldown->whom = whom;
    what.cooldown->until = at(until);
    return what;
  };
  EXPECT_THAT(commit({pause(domain::provider::openai, seconds{20}),
                      pause(domain::provider::openai, seconds{60}),
                      pause(domain::provider::notion, seconds{5})}),
              ::testing::Each(is(kind::committed)));
  ASSERT_THAT(commit(pause(domain::provider::openai, seconds{30})), is(kind::committed));
  ASSERT_THAT(commit(pause(domain::provider::notion, seconds{7})), is(kind::committed));
  EXPECT_EQ(ask("SELECT string_agg(provider || ' ' || until, ',' ORDER BY provider) = "
                "'notion ' || '"
                + domain::to_rfc3339(at(seconds{7})) + "'::timestamptz || ',openai ' || '"
                + domain::to_rfc3339(at(seconds{60})) + "'::timestamptz FROM provider_cooldowns"),
            "t");
}

} // namespace
} // namespace hub::storage
