#include "main/database.hpp"

#include "storage/connection_string.hpp"
#include "storage/identity/identity_store.hpp"
#include "storage/serving_role.hpp"

#include <utility>

namespace hub::app {

namespace {

database reached_by(const storage::server_connections& connections) {
  return {storage::with_time_limits(connections.serving),
          storage::with_time_limits(connections.owner),
          nullptr};
}

} // namespace

domain::result<database> open_database(const config::settings& settings,
                                       std::function<bool()> give_up) {
  const auto& [url, owner_url, readers] = settings.database;
  if (!url.empty())
    return reached_by({url, owner_url.empty() ? url : owner_url});
  storage::embedded_options options;
  options.data_dir = settings.data_dir;
  options.bin_dir = settings.postgres.bin_dir;
  options.os_user = settings.postgres.user;
  options.shared_buffers = settings.postgres.shared_buffers;
  options.max_connections = settings.postgres.max_connections;
  options.give_up = std::move(give_up);
  auto server = storage::embedded_server::start(std::move(options));
  if (!server)
    return std::move(server).why();
  auto db = reached_by((*server)->connections());
  db.embedded = *std::move(server);
  return db;
}

domain::result<database> reach_database(const config::settings& settings) {
  if (settings.database.url.empty())
    if (const auto running = storage::embedded_server::running_in(
          settings.data_dir, storage::embedded_options{}.database))
      return reached_by(*running);
  return open_database(settings);
}

domain::result<storage::migration_report> make_ready(const database& db) {
  if (const auto held = storage::check_serving_role(db.serving); !held)
    return held.why();
  const auto migrations = storage::built_in_migrations();
  auto status = storage::inspect_migrations(db.owner, migrations);
  if (!status)
    return std::move(status).why();
  storage::migration_report report{{}, status->database_version};
  // A role that only serves can look, and needs no more as long as nothing is missing.
  if (status->database_version != status->binary_version || !status->problems.empty()) {
    auto migrated = storage::migrate(db.owner, migrations);
    if (!migrated)
      return migrated;
    report = *std::move(migrated);
  }
  if (db.owner != db.serving)
    if (const auto allowed = storage::let_serve(db.owner, db.serving); !allowed)
      return allowed.why();
  return report;
}

domain::outcome prepare(const database& db) {
  const auto migrations = storage::built_in_migrations();
  const auto status = storage::inspect_migrations(db.owner, migrations);
  if (!status)
    return status.why();
  if (status->database_version != 0 && status->database_version != status->binary_version)
    return domain::fail(domain::errc::conflict,
                        "the database is another version's; run `feedback-hub migrate`, or the "
                        "command of the hub that uses it");
  const auto ready = make_ready(db);
  return ready ? domain::outcome{domain::done{}} : domain::outcome{ready.why()};
}

domain::result<storage::key_ring> open_keys(const config::settings& settings) {
  if (!settings.sealing.keys.empty())
    return storage::key_ring::parse(settings.sealing.keys);
  return storage::key_ring::open(settings.data_dir / "keys.json");
}

domain::uuid default_workspace() {
  return *domain::parse_uuid(storage::first_workspace_id);
}

} // namespace hub::app
