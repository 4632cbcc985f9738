#include "main/database.hpp"

#include "storage/connection_string.hpp"

#include <utility>

namespace hub::app {

domain::result<database> open_database(const config::settings& settings,
                                       std::function<bool()> give_up) {
  if (!settings.database.url.empty())
    return database{storage::with_time_limits(settings.database.url), nullptr};
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
  auto connection_string = storage::with_time_limits((*server)->connection_string());
  return database{std::move(connection_string), *std::move(server)};
}

domain::result<database> reach_database(const config::settings& settings) {
  if (settings.database.url.empty())
    if (const auto running = storage::embedded_server::running_in(
          settings.data_dir, storage::embedded_options{}.database))
      return database{storage::with_time_limits(*running), nullptr};
  return open_database(settings);
}

domain::result<storage::key_ring> open_keys(const config::settings& settings) {
  if (!settings.sealing.keys.empty())
    return storage::key_ring::parse(settings.sealing.keys);
  return storage::key_ring::open(settings.data_dir / "keys.json");
}

domain::uuid default_workspace() {
  return *domain::parse_uuid("00000000-0000-7000-8000-000000000001");
}

} // namespace hub::app
