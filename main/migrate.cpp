#include "main/commands.hpp"
#include "main/database.hpp"
#include "storage/migrations.hpp"
#include "storage/serving_role.hpp"

#include <iostream>

namespace hub::app {

exit_code migrate(const config::configuration& settings) {
  auto db = open_database(settings.values);
  if (!db) {
    std::cerr << "feedback-hub: " << db.why().message << '\n';
    return exit_code::no_database;
  }
  const auto report = storage::migrate(db->owner, storage::built_in_migrations());
  if (!report) {
    std::cerr << "feedback-hub: " << report.why().message << '\n';
    return exit_code::no_database;
  }
  if (db->owner != db->serving)
    if (const auto allowed = storage::let_serve(db->owner, db->serving); !allowed) {
      std::cerr << "feedback-hub: " << allowed.why().message << '\n';
      return exit_code::no_database;
    }
  for (const auto& file : report->applied)
    std::cout << "applied " << file << '\n';
  std::cout << "the database is at version " << report->version << '\n';
  return exit_code::ok;
}

} // namespace hub::app
