#include "storage/workspaces/workspace_store.hpp"

#include "storage/audit_rows.hpp"
#include "storage/connection_pool.hpp"
#include "storage/reads/row_reading.hpp"
#include "storage/visibility.hpp"

#include <nlohmann/json.hpp>
#include <pqxx/pqxx>

#include <algorithm>
#include <map>
#include <utility>

namespace hub::storage {

namespace {

using domain::channel;
using domain::errc;
using domain::fail;
using domain::outcome;
using domain::result;
using domain::uuid;

constexpr auto version_sql = "SELECT version FROM workspace_facts_version";

constexpr auto all_sources_sql = R"sql(
  SELECT workspace_id, platform, account, (extract(epoch FROM connected_at) * 1000)::bigint,
         (extract(epoch FROM disconnected_at) * 1000)::bigint
  FROM workspace_sources ORDER BY platform, account LIMIT $1::int
)sql";

constexpr auto all_paths_sql = R"sql(
  SELECT workspace_id, id, platform, secret_hash, (extract(epoch FROM created_at) * 1000)::bigint
  FROM webhook_paths LIMIT $1::int
)sql";

constexpr auto all_settings_sql =
  "SELECT workspace_id, key, value, value_sealed FROM settings LIMIT $1::int";

constexpr auto holder_sql = R"sql(
  SELECT workspace_id FROM ticket_messages
  WHERE workspace_id = ANY ($1::uuid[]) AND platform = $2 AND external_id = $3 LIMIT 1
)sql";

// Gives no row where it is connected already.
constexpr auto connect_sql = R"sql(
  INSERT INTO workspace_sources AS s (workspace_id, platform, account, connected_at)
  VALUES ($1::uuid, $2, $3, now())
  ON CONFLICT (workspace_id, platform, account) DO UPDATE
    SET connected_at = now(), disconnected_at = NULL WHERE s.disconnected_at IS NOT NULL
)sql";

constexpr auto disconnect_sql = R"sql(
  UPDATE workspace_sources SET disconnected_at = now()
  WHERE workspace_id = $1::uuid AND platform = $2 AND account = $3 AND disconnected_at IS NULL
)sql";

constexpr auto sources_sql = R"sql(
  SELECT workspace_id, platform, account, (extract(epoch FROM connected_at) * 1000)::bigint,
         (extract(epoch FROM disconnected_at) * 1000)::bigint
  FROM workspace_sources WHERE workspace_id = $1::uuid AND disconnected_at IS NULL
  ORDER BY platform, account
)sql";

constexpr auto add_path_sql = R"sql(
  INSERT INTO webhook_paths (workspace_id, id, platform, secret_hash, created_at)
  VALUES ($1::uuid, $2::uuid, $3, $4::bytea, $5::timestamptz)
)sql";

constexpr auto paths_sql = R"sql(
  SELECT workspace_id, id, platform, secret_hash, (extract(epoch FROM created_at) * 1000)::bigint
  FROM webhook_paths WHERE workspace_id = $1::uuid ORDER BY id
)sql";

constexpr auto remove_path_sql =
  "DELETE FROM webhook_paths WHERE workspace_id = $1::uuid AND id = $2::uuid RETURNING platform";

// Changes of one workspace's settings come one after the other, so that each record begins where
// the one before ended.
constexpr auto take_turn_sql = "SELECT pg_advisory_xact_lock(hashtext('settings of ' || $1))";

constexpr auto settings_sql =
  "SELECT workspace_id, key, value, value_sealed FROM settings WHERE workspace_id = $1::uuid";

constexpr auto write_setting_sql = R"sql(
  INSERT INTO settings (workspace_id, key, value, value_sealed, updated_at)
  VALUES ($1::uuid, $2, $3, $4::bytea, $5::timestamptz)
  ON CONFLICT (workspace_id, key) DO UPDATE SET
    value = excluded.value, value_sealed = excluded.value_sealed, updated_at = excluded.updated_at
)sql";

constexpr auto remove_setting_sql =
  "DELETE FROM settings WHERE workspace_id = $1::uuid AND key = $2";

std::string array_of(const std::vector<uuid>& ids) {
  array_literal array;
  for (const auto& each : ids)
    array.add(each);
  return std::move(array).finish();
}

/// An account in the record: "slack T012AB3CD".
std::string named(channel platform, const std::string& account) {
  std::string name{to_string(platform)};
  name.append(" ").append(account);
  return name;
}

/// A secret moved to another workspace or key no longer opens.
std::string place_of(const uuid& workspace, std::string_view key) {
  std::string place{reinterpret_cast<const char*>(workspace.bytes.data()), workspace.bytes.size()};
  place.append(key);
  return place;
}

/// Rows of a channel that a newer hub knows are none of ours.
std::optional<domain::source> source_in(const pqxx::row& row) {
  const auto platform = domain::parse_channel(text_in(row[1]));
  if (!platform)
    return std::nullopt;
  return domain::source{
    id_in(row[0]), *platform, text_in(row[2]), time_in(row[3]), optional_in(row[4], time_in)};
}

std::optional<path_row> path_in(const pqxx::row& row) {
  const auto platform = domain::parse_channel(text_in(row[2]));
  if (!platform)
    return std::nullopt;
  return path_row{id_in(row[0]), id_in(row[1]), *platform, bytes_in(row[3]), time_in(row[4])};
}

/// Nothing for a secret that does not open.
std::optional<setting_row> setting_in(const pqxx::row& row, const key_ring& keys) {
  setting_row read{id_in(row[0]), text_in(row[1]), {}, row[2].is_null()};
  if (!read.secret) {
    read.value = text_in(row[2]);
    return read;
  }
  auto opened = keys.unseal(bytes_in(row[3]), place_of(read.workspace, read.key));
  if (!opened)
    return std::nullopt;
  read.value = *std::move(opened);
  return read;
}

template <class Row, class Read>
std::vector<Row> rows_in(const pqxx::result& rows, Read read) {
  std::vector<Row> all;
  for (const auto& row : rows)
    if (auto one = read(row))
      all.push_back(*std::move(one));
  return all;
}

/// A setting as the record shows it: of a secret only that it is there.
nlohmann::json shown(const std::string& value, bool secret, const char* secret_word) {
  return secret ? nlohmann::json(secret_word) : nlohmann::json(value);
}

class pooled_workspaces final : public workspace_store {
public:
  pooled_workspaces(workspace_store_options options, const key_ring& keys)
    : keys_{keys},
      pool_{{.connection_string = std::move(options.connection_string),
             .session = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; SET jit = off; "
                        "SET idle_in_transaction_session_timeout = '10s'; "
                        "SET application_name = 'feedback-hub workspaces'",
             .connections = options.connections,
             .queue_limit = options.queue_limit}} {}

  void version(callback<std::int64_t> done) override {
    run<std::int64_t>(std::move(done), [](pqxx::work& tx) {
      return result{tx.exec1(version_sql)[0].as<std::int64_t>()};
    });
  }

  void facts(callback<workspace_facts> done) override {
    run<workspace_facts>(std::move(done), [this](pqxx::work& tx) -> result<workspace_facts> {
      // All of one moment: what changes meanwhile has a higher version, and is read next time.
      tx.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
      see_all(tx);
      workspace_facts read;
      read.version = tx.exec1(version_sql)[0].as<std::int64_t>();
      const auto sources = tx.exec_params(all_sources_sql, most_facts + 1);
      const auto paths = tx.exec_params(all_paths_sql, most_facts + 1);
      const auto settings = tx.exec_params(all_settings_sql, most_facts + 1);
      if (std::max({sources.size(), paths.size(), settings.size()}) > most_facts)
        return fail(errc::too_large, "there are more settings than a hub keeps in memory");
      read.sources = rows_in<domain::source>(sources, source_in);
      read.paths = rows_in<path_row>(paths, path_in);
      for (const auto& row : settings) {
        auto one = setting_in(row, keys_);
        read.sealed_shut += one ? 0 : 1;
        read.settings.push_back(one ? *std::move(one)
                                    : setting_row{id_in(row[0]), text_in(row[1]), {}, true});
      }
      return read;
    });
  }

  void holder_of(std::vector<uuid> among,
                 channel platform,
                 std::string message_id,
                 callback<std::optional<uuid>> done) override {
    run<std::optional<uuid>>(
      std::move(done),
      [among = std::move(among), platform, message_id = std::move(message_id)](pqxx::work& tx) {
        see_only(tx, among);
        const auto rows =
          tx.exec_params(holder_sql, array_of(among), std::string{to_string(platform)}, message_id);
        return result{rows.empty() ? std::optional<uuid>{} : std::optional{id_in(rows[0][0])}};
      });
  }

  void
  connect(acting by, channel platform, std::string account, callback<domain::done> done) override {
    run<domain::done>(
      std::move(done),
      [by = std::move(by), platform, account = std::move(account)](pqxx::work& tx) -> outcome {
        see_only(tx, by.workspace);
        try {
          const auto connected = tx.exec_params(
            connect_sql, to_string(by.workspace), std::string{to_string(platform)}, account);
          if (connected.affected_rows() == 0)
            return domain::done{};
        } catch (const pqxx::unique_violation&) {
          return fail(errc::conflict, "this account is connected to another workspace");
        } catch (const pqxx::foreign_key_violation&) {
          return fail(errc::not_found, "there is no such workspace");
        }
        record(tx,
               by,
               "source_connected",
               named(platform, account),
               {},
               nlohmann::json{{"account", account}}.dump());
        return domain::done{};
      });
  }

  void disconnect(acting by,
                  channel platform,
                  std::string account,
                  callback<domain::done> done) override {
    run<domain::done>(
      std::move(done),
      [by = std::move(by), platform, account = std::move(account)](pqxx::work& tx) -> outcome {
        see_only(tx, by.workspace);
        const auto gone = tx.exec_params(
          disconnect_sql, to_string(by.workspace), std::string{to_string(platform)}, account);
        if (gone.affected_rows() == 0)
          return fail(errc::not_found, "this account is not connected to the workspace");
        record(tx,
               by,
               "source_disconnected",
               named(platform, account),
               nlohmann::json{{"account", account}}.dump(),
               {});
        return domain::done{};
      });
  }

  void sources_of(uuid workspace, callback<std::vector<domain::source>> done) override {
    run<std::vector<domain::source>>(std::move(done), [workspace](pqxx::work& tx) {
      see_only(tx, workspace);
      return result{
        rows_in<domain::source>(tx.exec_params(sources_sql, to_string(workspace)), source_in)};
    });
  }

  void add_path(acting by, path_row path, callback<domain::done> done) override {
    run<domain::done>(
      std::move(done), [by = std::move(by), path = std::move(path)](pqxx::work& tx) -> outcome {
        see_only(tx, by.workspace);
        try {
          tx.exec_params(add_path_sql,
                         to_string(by.workspace),
                         to_string(path.id),
                         std::string{to_string(path.platform)},
                         pqxx::binarystring{path.secret_hash},
                         domain::to_rfc3339(by.at));
        } catch (const pqxx::foreign_key_violation&) {
          return fail(errc::not_found, "there is no such workspace");
        }
        record(tx,
               by,
               "webhook_path_made",
               to_string(path.id),
               {},
               nlohmann::json{{"platform", std::string{to_string(path.platform)}}}.dump());
        return domain::done{};
      });
  }

  void paths_of(uuid workspace, callback<std::vector<path_row>> done) override {
    run<std::vector<path_row>>(std::move(done), [workspace](pqxx::work& tx) {
      see_only(tx, workspace);
      return result{rows_in<path_row>(tx.exec_params(paths_sql, to_string(workspace)), path_in)};
    });
  }

  void remove_path(acting by, uuid path, callback<domain::done> done) override {
    run<domain::done>(std::move(done), [by = std::move(by), path](pqxx::work& tx) -> outcome {
      see_only(tx, by.workspace);
      const auto gone = tx.exec_params(remove_path_sql, to_string(by.workspace), to_string(path));
      if (gone.empty())
        return fail(errc::not_found, "the workspace has no such address");
      record(tx,
             by,
             "webhook_path_removed",
             to_string(path),
             nlohmann::json{{"platform", text_in(gone[0][0])}}.dump(),
             {});
      return domain::done{};
    });
  }

  void change_settings(acting by,
                       std::vector<setting_write> writes,
                       callback<domain::done> done) override {
    run<domain::done>(
      std::move(done),
      [this, by = std::move(by), writes = std::move(writes)](pqxx::work& tx) -> outcome {
        see_only(tx, by.workspace);
        tx.exec_params(take_turn_sql, to_string(by.workspace));
        const auto known = read_settings(tx, by.workspace);
        auto before = nlohmann::json::object();
        auto after = nlohmann::json::object();
        for (const auto& write : writes) {
          const auto old = known.find(write.key);
          const bool was_set = old != known.end();
          if (was_set ? write.value == old->second.value : !write.value)
            continue;
          try {
            store(tx, by, write);
          } catch (const pqxx::foreign_key_violation&) {
            return fail(errc::not_found, "there is no such workspace");
          }
          before[write.key] =
            was_set ? shown(old->second.value, old->second.secret, "set") : nlohmann::json(nullptr);
          after[write.key] =
            write.value ? shown(*write.value, write.secret, "changed") : nlohmann::json(nullptr);
        }
        if (!after.empty())
          record(tx, by, "settings_changed", "settings", before.dump(), after.dump());
        return domain::done{};
      });
  }

  void settings_of(uuid workspace, callback<std::vector<setting_row>> done) override {
    run<std::vector<setting_row>>(std::move(done), [this, workspace](pqxx::work& tx) {
      see_only(tx, workspace);
      std::vector<setting_row> all;
      for (auto& [key, row] : read_settings(tx, workspace))
        all.push_back(row);
      return result{std::move(all)};
    });
  }

  [[nodiscard]] pool_stats stats() const override { return pool_.stats(); }
  void stop() override { pool_.stop(); }

private:
  /// A secret that does not open is there, and empty.
  std::map<std::string, setting_row> read_settings(pqxx::transaction_base& tx,
                                                   const uuid& workspace) const {
    std::map<std::string, setting_row> known;
    for (const auto& row : tx.exec_params(settings_sql, to_string(workspace)))
      known.emplace(
        text_in(row[1]),
        setting_in(row, keys_).value_or(setting_row{workspace, text_in(row[1]), {}, true}));
    return known;
  }

  void store(pqxx::transaction_base& tx, const acting& by, const setting_write& write) const {
    if (!write.value) {
      tx.exec_params(remove_setting_sql, to_string(by.workspace), write.key);
      return;
    }
    if (!write.secret) {
      tx.exec_params(write_setting_sql,
                     to_string(by.workspace),
                     write.key,
                     *write.value,
                     nullptr,
                     domain::to_rfc3339(by.at));
      return;
    }
    const auto sealed = keys_.seal(*write.value, place_of(by.workspace, write.key));
    tx.exec_params(write_setting_sql,
                   to_string(by.workspace),
                   write.key,
                   nullptr,
                   pqxx::binarystring{sealed},
                   domain::to_rfc3339(by.at));
  }

  template <class T, class Work>
  void run(callback<T> done, Work work) {
    in_transaction<pqxx::work, T>(pool_, std::move(done), std::move(work));
  }

  const key_ring keys_;
  connection_pool pool_;
};

} // namespace

std::unique_ptr<workspace_store> make_workspace_store(workspace_store_options options,
                                                      const key_ring& keys) {
  return std::make_unique<pooled_workspaces>(std::move(options), keys);
}

} // namespace hub::storage
