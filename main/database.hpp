#pragma once

#include "config/settings.hpp"
#include "domain/result.hpp"
#include "storage/embedded_server.hpp"
#include "storage/sealing.hpp"

#include <memory>
#include <string>

namespace hub::app {

/// The database the settings name: a server elsewhere, or our own, started.
struct database {
  std::string connection_string;
  std::unique_ptr<storage::embedded_server> embedded; // null with DATABASE_URL
};

/// Connects to nothing yet where DATABASE_URL is set; else starts the embedded server.
domain::result<database> open_database(const config::settings& settings);

/// The keys that seal originals: from the settings, else from the data directory's file.
domain::result<storage::key_ring> open_keys(const config::settings& settings);

} // namespace hub::app
