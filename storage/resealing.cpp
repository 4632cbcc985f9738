#include "storage/resealing.hpp"

#include "storage/audit_rows.hpp"
#include "storage/guarded.hpp"
#include "storage/visibility.hpp"

#include <pqxx/pqxx>

#include <array>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace hub::storage {

namespace {

using domain::errc;
using domain::fail;

constexpr int batch_size = 200;
constexpr std::chrono::seconds longest_transaction{120};

/// Where sealed values are. Each table's key is of one column within a workspace, and the bytes a
/// value is bound to can be told from its row.
struct sealed_column {
  std::string_view table;
  std::string_view key;
  std::string_view key_type;
  std::string_view associated; // bytea
  std::string_view column;
};

constexpr std::array<sealed_column, 4> sealed_columns{{
  {"ticket_messages", "id", "uuid", "uuid_send(id)", "body_sealed"},
  {"webhook_deliveries", "id", "uuid", "uuid_send(id)", "payload_sealed"},
  {"dead_letter_jobs", "id", "uuid", "uuid_send(id)", "args_sealed"},
  {"settings", "key", "text", "uuid_send(workspace_id) || convert_to(key, 'UTF8')", "value_sealed"},
}};

/// A statement about one column, made of nothing but the table above.
std::string about(const sealed_column& where, std::string_view pattern) {
  std::string statement;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] != '{') {
      statement += pattern[at];
      continue;
    }
    const auto end = pattern.find('}', at);
    const auto name = pattern.substr(at + 1, end - at - 1);
    statement += name == "table"        ? where.table
                 : name == "key"        ? where.key
                 : name == "type"       ? where.key_type
                 : name == "associated" ? where.associated
                                        : where.column;
    at = end;
  }
  return statement;
}

constexpr std::string_view next_batch = R"sql(
  SELECT {key}::text, {associated}, {column} FROM {table}
  WHERE workspace_id = $1 AND {column} IS NOT NULL AND ($2 = '' OR {key} > nullif($2, '')::{type})
  ORDER BY {key} LIMIT $3
)sql";

constexpr std::string_view replace_value = R"sql(
  UPDATE {table} SET {column} = $1
  WHERE workspace_id = $2 AND {key} = $3::{type} AND {column} = $4
)sql";

constexpr std::string_view count_values = R"sql(
  SELECT encode(substring({column} FROM 2 FOR 4), 'hex'), count(*) FROM {table}
  WHERE workspace_id = $1 AND {column} IS NOT NULL GROUP BY 1
)sql";

std::vector<domain::uuid> workspaces_in(pqxx::connection& connection) {
  pqxx::work tx{connection};
  see_all(tx);
  std::vector<domain::uuid> all;
  for (const auto& row : tx.exec("SELECT id FROM workspaces ORDER BY id"))
    if (const auto id = domain::parse_uuid(row[0].c_str()))
      all.push_back(*id);
  return all;
}

class resealing {
public:
  resealing(pqxx::connection& connection,
            const key_ring& keys,
            const std::function<void(const resealing_progress&)>& tell)
    : connection_{connection}, keys_{keys}, tell_{tell} {}

  resealing_progress run() {
    for (const auto& workspace : workspaces_in(connection_))
      for (const auto& where : sealed_columns) {
        so_far_.table = where.table;
        std::string after;
        while (batch(workspace, where, after))
          tell_(so_far_);
      }
    return so_far_;
  }

private:
  /// One small transaction; moves `after` on. False at the end of the table.
  bool batch(const domain::uuid& workspace, const sealed_column& where, std::string& after) {
    pqxx::work tx{connection_};
    see_only(tx, workspace);
    const auto rows =
      tx.exec_params(about(where, next_batch), to_string(workspace), after, batch_size);
    for (const auto& row : rows) {
      after = row[0].as<std::string>();
      ++so_far_.seen;
      replace(tx, workspace, where, row);
    }
    tx.commit();
    return rows.size() == batch_size;
  }

  void replace(pqxx::work& tx,
               const domain::uuid& workspace,
               const sealed_column& where,
               const pqxx::row& row) {
    const std::string associated = pqxx::binarystring{row[1]}.str();
    const std::string sealed = pqxx::binarystring{row[2]}.str();
    const auto with = sealed_with(sealed);
    if (with && *with == keys_.current_id())
      return;
    const auto plain = keys_.unseal(sealed, associated);
    if (!plain) {
      ++so_far_.unreadable;
      return;
    }
    const auto fresh = keys_.seal(*plain, associated);
    so_far_.resealed += static_cast<std::uint64_t>(tx.exec_params(about(where, replace_value),
                                                                  pqxx::binarystring(fresh),
                                                                  to_string(workspace),
                                                                  row[0].as<std::string>(),
                                                                  pqxx::binarystring(sealed))
                                                     .affected_rows());
  }

  pqxx::connection& connection_;
  const key_ring& keys_;
  const std::function<void(const resealing_progress&)>& tell_;
  resealing_progress so_far_;
};

} // namespace

domain::result<resealing_progress>
reseal(const std::string& connection_string,
       const key_ring& keys,
       const std::function<void(const resealing_progress&)>& tell) {
  return guarded([&]() -> domain::result<resealing_progress> {
    pqxx::connection connection{connection_string};
    const bool alone = [&] {
      pqxx::nontransaction tx{connection};
      return tx.exec1("SELECT pg_try_advisory_lock(hashtext('reseal'))")[0].as<bool>();
    }();
    if (!alone)
      return fail(errc::conflict, "another resealing runs on this database; let it finish");
    auto done = resealing{connection, keys, tell}.run();
    // The server takes a moment to see that a connection is closed, and would keep the next one
    // out.
    pqxx::nontransaction{connection}.exec("SELECT pg_advisory_unlock(hashtext('reseal'))");
    return done;
  });
}

domain::result<std::map<std::uint32_t, std::uint64_t>>
count_sealed(const std::string& connection_string) {
  return guarded([&]() -> domain::result<std::map<std::uint32_t, std::uint64_t>> {
    pqxx::connection connection{connection_string};
    std::map<std::uint32_t, std::uint64_t> counts;
    for (const auto& workspace : workspaces_in(connection))
      for (const auto& where : sealed_columns) {
        pqxx::work tx{connection};
        see_only(tx, workspace);
        for (const auto& row : tx.exec_params(about(where, count_values), to_string(workspace)))
          counts[static_cast<std::uint32_t>(std::stoul(row[0].as<std::string>(), nullptr, 16))] +=
            row[1].as<std::uint64_t>();
      }
    return counts;
  });
}

domain::outcome record_in_all_workspaces(const std::string& connection_string,
                                         const domain::audit_record& what,
                                         domain::time_point at) {
  return guarded([&]() -> domain::outcome {
    pqxx::connection connection{connection_string};
    const auto all = workspaces_in(connection);
    pqxx::work tx{connection};
    see_only(tx, all);
    audit_rows rows;
    for (const auto& workspace : all)
      add_record(rows, workspace, what, at);
    std::move(rows).run_once(tx, add_audit_records_sql);
    tx.commit();
    return domain::done{};
  });
}

domain::outcome wait_for_open_transactions(const std::string& connection_string) {
  return guarded([&]() -> domain::outcome {
    pqxx::connection connection{connection_string};
    pqxx::nontransaction tx{connection};
    const auto since = tx.exec1("SELECT clock_timestamp()::text")[0].as<std::string>();
    const auto end = std::chrono::steady_clock::now() + longest_transaction;
    while (
      tx.exec_params1("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                      "AND pid <> pg_backend_pid() AND xact_start < $1::timestamptz",
                      since)[0]
        .as<int>()
      > 0) {
      if (std::chrono::steady_clock::now() > end)
        return fail(errc::timed_out, "a transaction has been open for minutes; try again later");
      std::this_thread::sleep_for(std::chrono::milliseconds{200});
    }
    return domain::done{};
  });
}

} // namespace hub::storage
