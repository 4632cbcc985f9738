#pragma once

#include "config/settings.hpp"
#include "domain/result.hpp"
#include "domain/uuid.hpp"
#include "storage/embedded_server.hpp"
#include "storage/migrations.hpp"
#include "storage/sealing.hpp"

#include <functional>
#include <memory>
#include <string>

namespace hub::app {

/// The database the settings name: a server elsewhere, or our own, started.
struct database {
  std::string serving; // as a role that row-level security holds: for all but migrations
  std::string owner;   // as the owner of the tables; may be the same
  std::unique_ptr<storage::embedded_server> embedded; // null with DATABASE_URL
};

/// Connects to nothing yet where DATABASE_URL is set; else starts the embedded server, unless
/// `give_up` says true meanwhile.
domain::result<database> open_database(const config::settings& settings,
                                       std::function<bool()> give_up = nullptr);

/// As `open_database`, but beside a hub that runs: its embedded server is used, and left alone.
domain::result<database> reach_database(const config::settings& settings);

/// Brings the schema up to date, unless it is, and lets the serving role use it. Refuses a serving
/// role that row-level security would not hold.
domain::result<storage::migration_report> make_ready(const database& db);

/// For commands: an empty database is made ready; one that a hub of another version may be using is
/// left alone.
domain::outcome prepare(const database& db);

/// The keys that seal originals: from the settings, else from the data directory's file.
domain::result<storage::key_ring> open_keys(const config::settings& settings);

/// The workspace made by the first migration: the home of whoever runs the hub.
domain::uuid default_workspace();

} // namespace hub::app
