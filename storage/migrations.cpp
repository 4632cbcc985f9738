#include "storage/migrations.hpp"

#include "storage/guarded.hpp"
#include "storage/visibility.hpp"

#include <openssl/evp.h>
#include <pqxx/pqxx>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace hub::storage {

using domain::done;
using domain::errc;
using domain::fail;
using domain::failure;
using domain::outcome;
using domain::result;

namespace {

// Held by each migration's own transaction, not by a session: a killed node frees it at once, and
// it also works through a pooler that gives every transaction another session.
constexpr auto take_turn = "select pg_advisory_xact_lock(7236832915064418)";
constexpr auto wait_for_turn = "set local lock_timeout = '10min'";
// A migration behind a long transaction would make every later statement queue up behind it.
constexpr auto wait_for_tables = "set local lock_timeout = '60s'";
constexpr auto no_small_talk = "set local client_min_messages = warning";
constexpr auto create_table =
  "create table if not exists schema_migrations ("
  " version int primary key, name text not null, checksum text not null,"
  " applied_at timestamptz not null default now())";
constexpr auto table_exists = "select to_regclass('schema_migrations') is not null";
constexpr auto workspaces_exist = "select to_regclass('workspaces') is not null";
constexpr auto read_applied =
  "select version, name, checksum,"
  " to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
  " from schema_migrations order by version";
constexpr auto record_applied =
  "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)";

struct recorded {
  std::string name;
  std::string checksum;
  std::string applied_at;
};
using history = std::map<int, recorded>;

std::string file_name(int version, std::string_view name) {
  std::array<char, 16> number{};
  std::snprintf(number.data(), number.size(), "%04d", version);
  return "migrations/" + std::string{number.data()} + "_" + std::string{name} + ".sql";
}

history read_history(pqxx::transaction_base& work) {
  history found;
  for (const auto& row : work.exec(read_applied)) {
    found.emplace(
      row[0].as<int>(),
      recorded{row[1].as<std::string>(), row[2].as<std::string>(), row[3].as<std::string>()});
  }
  return found;
}

outcome check_order(std::span<const migration> known) {
  int expected = 1;
  for (const auto& each : known) {
    if (each.version != expected) {
      return fail(errc::invalid_input,
                  "the migrations must count up from 1 without gaps or repeats: " + file_name(each)
                    + " stands where number " + std::to_string(expected) + " belongs");
    }
    ++expected;
  }
  return done{};
}

// Everything that makes it unsafe to migrate this database with this binary.
std::vector<std::string> problems_with(const history& applied, std::span<const migration> known) {
  std::vector<std::string> problems;
  const int newest_known = known.empty() ? 0 : known.back().version;
  const int newest_applied = applied.empty() ? 0 : applied.rbegin()->first;
  if (newest_applied > newest_known) {
    problems.push_back("the database is at migration " + std::to_string(newest_applied) + " ("
                       + file_name(newest_applied, applied.rbegin()->second.name)
                       + "), but this hub knows only " + std::to_string(newest_known)
                       + ": run the newer hub, or restore a backup from before it");
  }
  for (const auto& each : known) {
    const auto found = applied.find(each.version);
    if (found == applied.end()) {
      if (each.version < newest_applied)
        problems.push_back(file_name(each) + " was never applied, although later ones were: "
                           + "the record in schema_migrations has been changed by hand");
    } else if (found->second.checksum != checksum(each)) {
      problems.push_back(
        file_name(each) + " has changed since it was applied as "
        + file_name(each.version, found->second.name)
        + ": put the old text back and write what is new as a migration of its own");
    }
  }
  return problems;
}

// What PostgreSQL says of a failed statement, without rows: its later lines quote them, and where
// the data is at fault the first does as well.
std::string told_by(const pqxx::sql_error& error) {
  const std::string said = error.what();
  const auto state = "(" + error.sqlstate() + ")";
  return classify(error.sqlstate()) == database_trouble::bad_data
           ? "the rows that are there do not fit it " + state
           : said.substr(0, said.find('\n')) + " " + state;
}

// A migration works on all rows, and row-level security may hold the owner as well.
void see_every_workspace(pqxx::transaction_base& work) {
  if (!work.exec1(workspaces_exist)[0].as<bool>())
    return;
  see_all(work);
  std::vector<domain::uuid> all;
  for (const auto& row : work.exec("select id from workspaces"))
    if (const auto id = domain::parse_uuid(row[0].c_str()))
      all.push_back(*id);
  see_only(work, all);
}

// Applies the next pending migration, if any, in one transaction, and says which it was.
result<std::optional<migration>>
apply_next(pqxx::connection& connection, std::span<const migration> known, int& version) {
  pqxx::work work{connection};
  work.exec(no_small_talk);
  work.exec(wait_for_turn);
  work.exec(take_turn);
  work.exec(create_table);
  const auto applied = read_history(work);
  if (const auto problems = problems_with(applied, known); !problems.empty())
    return fail(errc::conflict, problems.front());
  version = static_cast<int>(applied.size());
  if (applied.size() == known.size()) {
    work.commit();
    return std::optional<migration>{};
  }
  const auto& next = known[applied.size()];
  work.exec(wait_for_tables);
  see_every_workspace(work);
  try {
    work.exec(std::string{next.sql});
  } catch (const pqxx::sql_error& error) {
    return fail(errc::internal, file_name(next) + " failed and changed nothing: " + told_by(error));
  }
  work.exec_params(record_applied, next.version, std::string{next.name}, checksum(next));
  work.commit();
  version = next.version;
  return std::optional{next};
}

// Where pqxx's exceptions end.
failure to_failure(const std::exception& error) {
  const std::string said = error.what();
  if (dynamic_cast<const pqxx::in_doubt_error*>(&error) != nullptr)
    return fail(errc::unknown_outcome,
                "the database went away while a migration was committed: start again to see");
  if (dynamic_cast<const pqxx::broken_connection*>(&error) != nullptr)
    return fail(errc::unavailable,
                "the database cannot be reached for migrating: " + said.substr(0, said.find('\n')));
  if (const auto* refused = dynamic_cast<const pqxx::sql_error*>(&error))
    return fail(errc::internal, "the database cannot be migrated: " + told_by(*refused));
  return fail(errc::internal, "the database cannot be migrated: " + said);
}

} // namespace

std::string file_name(const migration& of) {
  return file_name(of.version, of.name);
}

std::string checksum(const migration& of) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(of.sql.data(), of.sql.size(), digest.data(), &size, EVP_sha256(), nullptr);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (unsigned at = 0; at < size; ++at) {
    text += digits[digest[at] >> 4U];
    text += digits[digest[at] & 15U];
  }
  return text;
}

result<migration_report> migrate(const std::string& connection_string,
                                 std::span<const migration> known) {
  if (auto ordered = check_order(known); !ordered)
    return ordered.why();
  try {
    migration_report report;
    pqxx::connection connection{connection_string};
    for (;;) {
      auto applied = apply_next(connection, known, report.version);
      if (!applied)
        return applied.why();
      if (!applied->has_value())
        return report;
      report.applied.push_back(file_name(**applied));
    }
  } catch (const std::exception& error) {
    return to_failure(error);
  }
}

result<migration_status> inspect_migrations(const std::string& connection_string,
                                            std::span<const migration> known) {
  if (auto ordered = check_order(known); !ordered)
    return ordered.why();
  try {
    pqxx::connection connection{connection_string};
    pqxx::read_transaction work{connection};
    history applied;
    if (work.exec1(table_exists)[0].as<bool>())
      applied = read_history(work);
    migration_status status;
    status.database_version = applied.empty() ? 0 : applied.rbegin()->first;
    status.binary_version = known.empty() ? 0 : known.back().version;
    status.problems = problems_with(applied, known);
    for (const auto& [version, row] : applied)
      status.entries.push_back({version, file_name(version, row.name), true, row.applied_at});
    for (const auto& each : known) {
      if (!applied.contains(each.version))
        status.entries.push_back({each.version, file_name(each), false, {}});
    }
    std::ranges::sort(status.entries, {}, &migration_status::entry::version);
    return status;
  } catch (const std::exception& error) {
    return to_failure(error);
  }
}

} // namespace hub::storage
