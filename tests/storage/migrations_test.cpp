#include "storage/migrations.hpp"

#include "tests/support/postgres_fixture.hpp"

#include <gtest/gtest.h>
#include <pqxx/pqxx>

#include <latch>
#include <string>
#include <thread>
#include <vector>

namespace hub::storage {
namespace {

using domain::errc;
using testing::test_database;

const std::vector<migration> two{
  {1, "create_notes", "create table notes (id int primary key, body text not null);"},
  {2, "fill_notes", "insert into notes values (1, 'one'); insert into notes values (2, 'two');"},
};

std::string ask(const std::string& connection_string, const std::string& question) {
  pqxx::connection connection{connection_string};
  pqxx::work work{connection};
  const auto rows = work.exec(question);
  work.commit();
  return rows.empty() ? std::string{} : rows[0][0].as<std::string>(std::string{});
}

class migrations : public ::testing::Test {
protected:
  [[nodiscard]] const std::string& connection() const { return database_.owner_connection(); }

private:
  test_database database_{test_database::content::empty};
};

TEST_F(migrations, are_applied_in_order_and_recorded) {
  auto report = migrate(connection(), two);
  ASSERT_TRUE(report) << report.why().message;
  EXPECT_EQ(report->version, 2);
  EXPECT_EQ(report->applied,
            (std::vector<std::string>{"migrations/0001_create_notes.sql",
                                      "migrations/0002_fill_notes.sql"}));
  EXPECT_EQ(ask(connection(), "select count(*) from notes"), "2");
  EXPECT_EQ(ask(connection(), "select checksum from schema_migrations where version = 2"),
            checksum(two[1]));
}

TEST_F(migrations, are_not_applied_twice) {
  ASSERT_TRUE(migrate(connection(), two));
  auto again = migrate(connection(), two);
  ASSERT_TRUE(again) << again.why().message;
  EXPECT_TRUE(again->applied.empty());
  EXPECT_EQ(again->version, 2);
}

TEST_F(migrations, go_on_from_where_the_database_is) {
  ASSERT_TRUE(migrate(connection(), std::span{two}.first(1)));
  auto report = migrate(connection(), two);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->applied, std::vector<std::string>{"migrations/0002_fill_notes.sql"});
}

TEST_F(migrations, leave_nothing_of_a_failed_one_and_keep_those_before) {
  auto broken = two;
  broken[1].sql = "insert into notes values (1, 'one'); insert into missing values (1);";
  auto report = migrate(connection(), broken);
  ASSERT_FALSE(report);
  EXPECT_NE(report.why().message.find("0002_fill_notes.sql"), std::string::npos);
  EXPECT_NE(report.why().message.find("missing"), std::string::npos) << report.why().message;
  EXPECT_EQ(ask(connection(), "select count(*) from notes"), "0");
  EXPECT_EQ(ask(connection(), "select max(version) from schema_migrations"), "1");
  EXPECT_TRUE(migrate(connection(), two)) << "once mended it goes on";
}

TEST_F(migrations, tell_nothing_of_the_rows_they_fail_on) {
  ASSERT_TRUE(migrate(connection(), two));
  for (const auto* sql : {"insert into notes values (3, 'Ana Gomez'), (4, 'Ana Gomez'); "
                          "create unique index on notes (body);",
                          "insert into notes values (3, 'Ana Gomez'); "
                          "alter table notes alter body type int using body::int;"}) {
    auto three = two;
    three.push_back({3, "change_notes", sql});
    const auto report = migrate(connection(), three);
    ASSERT_FALSE(report);
    EXPECT_NE(report.why().message.find("0003_change_notes.sql"), std::string::npos);
    EXPECT_EQ(report.why().message.find("Ana"), std::string::npos) << report.why().message;
  }
}

TEST_F(migrations, refuse_one_that_was_edited_after_it_had_been_applied) {
  ASSERT_TRUE(migrate(connection(), two));
  auto edited = two;
  edited[0].sql = "create table notes (id bigint primary key, body text not null);";
  auto report = migrate(connection(), edited);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.why().code, errc::conflict);
  EXPECT_NE(report.why().message.find("migrations/0001_create_notes.sql has changed"),
            std::string::npos)
    << report.why().message;
}

TEST_F(migrations, refuse_a_database_that_a_newer_hub_has_migrated) {
  ASSERT_TRUE(migrate(connection(), two));
  auto report = migrate(connection(), std::span{two}.first(1));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.why().code, errc::conflict);
  EXPECT_NE(report.why().message.find("newer hub"), std::string::npos);
}

TEST_F(migrations, refuse_a_history_with_a_hole) {
  ASSERT_TRUE(migrate(connection(), two));
  ask(connection(), "delete from schema_migrations where version = 1");
  auto report = migrate(connection(), two);
  ASSERT_FALSE(report);
  EXPECT_NE(report.why().message.find("0001_create_notes.sql was never applied"),
            std::string::npos);
}

TEST_F(migrations, refuse_a_list_with_gaps_or_repeats) {
  auto gap = two;
  gap[1].version = 3;
  auto repeat = two;
  repeat[1].version = 1;
  for (const auto& list : {gap, repeat}) {
    auto report = migrate(connection(), list);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.why().code, errc::invalid_input);
  }
  EXPECT_EQ(ask(connection(), "select to_regclass('schema_migrations')"), "") << "nothing was done";
}

TEST_F(migrations, are_applied_once_when_many_nodes_start_together) {
  std::vector<migration> slow{
    {1, "create_notes", "select pg_sleep(0.05); create table notes (id int);"},
    {2, "fill_notes", "insert into notes values (1);"},
    {3, "fill_more", "insert into notes values (2);"},
  };
  constexpr int nodes = 6;
  std::latch start{nodes};
  std::vector<std::thread> threads;
  std::vector<std::string> problems(nodes);
  std::vector<std::size_t> applied(nodes);
  for (std::size_t node = 0; node < nodes; ++node) {
    threads.emplace_back([&, node] {
      start.arrive_and_wait();
      auto report = migrate(connection(), slow);
      if (report)
        applied[node] = report->applied.size();
      else
        problems[node] = report.why().message;
    });
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(problems, std::vector<std::string>(nodes));
  std::size_t all = 0;
  for (const auto count : applied)
    all += count;
  EXPECT_EQ(all, slow.size());
  EXPECT_EQ(ask(connection(), "select count(*) from notes"), "2");
}

TEST_F(migrations, can_be_looked_at_without_changing_anything) {
  auto empty = inspect_migrations(connection(), two);
  ASSERT_TRUE(empty) << empty.why().message;
  EXPECT_EQ(empty->database_version, 0);
  EXPECT_EQ(empty->binary_version, 2);
  EXPECT_EQ(empty->entries.size(), 2U);
  EXPECT_EQ(ask(connection(), "select to_regclass('schema_migrations')"), "");

  ASSERT_TRUE(migrate(connection(), std::span{two}.first(1)));
  auto half = inspect_migrations(connection(), two);
  ASSERT_TRUE(half);
  EXPECT_TRUE(half->entries[0].applied);
  EXPECT_FALSE(half->entries[0].applied_at.empty());
  EXPECT_FALSE(half->entries[1].applied);
  EXPECT_TRUE(half->problems.empty());

  ASSERT_TRUE(migrate(connection(), two));
  auto behind = inspect_migrations(connection(), std::span{two}.first(1));
  ASSERT_TRUE(behind);
  EXPECT_EQ(behind->entries.size(), 2U) << "what the other side knows is shown as well";
  EXPECT_EQ(behind->problems.size(), 1U);
}

TEST_F(migrations, say_when_the_database_is_away) {
  auto report = migrate("host=/nonexistent user=hub dbname=none", two);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.why().code, errc::unavailable);
}

TEST(built_in_migrations, build_the_schema_from_nothing) {
  const test_database database{test_database::content::empty};
  auto report = migrate(database.owner_connection(), built_in_migrations());
  ASSERT_TRUE(report) << report.why().message;
  EXPECT_EQ(report->applied.size(), built_in_migrations().size());
}

TEST(built_in_migrations, are_already_in_a_test_database) {
  const test_database database;
  auto report = migrate(database.owner_connection(), built_in_migrations());
  ASSERT_TRUE(report) << report.why().message;
  EXPECT_TRUE(report->applied.empty());
}

} // namespace
} // namespace hub::storage
