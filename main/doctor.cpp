#include "main/access_room.hpp"
#include "main/commands.hpp"
#include "main/database.hpp"
#include "main/http_call.hpp"
#include "storage/migrations.hpp"
#include "storage/private_file.hpp"
#include "storage/reads/read_store.hpp"
#include "storage/serving_role.hpp"

#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <iostream>
#include <string>

namespace hub::app {

namespace {

constexpr auto least_free_space = std::uint64_t{1} << 30; // bytes

/// Prints one line a check and remembers whether all were well.
class findings {
public:
  void good(const std::string& what) { std::cout << "  ok    " << what << '\n'; }
  void bad(const std::string& what, const std::string& advice) {
    std::cout << "  FAIL  " << what << "\n        " << advice << '\n';
    all_good_ = false;
  }
  void note(const std::string& what) { std::cout << "  note  " << what << '\n'; }
  [[nodiscard]] bool all_good() const { return all_good_; }

private:
  bool all_good_ = true;
};

void check_data_dir(const config::settings& settings, findings& found) {
  const auto& dir = settings.data_dir;
  if (!storage::make_data_directory(dir) || ::access(dir.c_str(), W_OK) != 0)
    return found.bad("the data directory " + dir.string() + " cannot be written",
                     "make it writable for this account, or set HUB_DATA_DIR");
  struct statvfs space {};
  if (::statvfs(dir.c_str(), &space) == 0
      && std::uint64_t{space.f_bavail} * space.f_frsize < least_free_space)
    return found.bad("less than 1 GiB is free at " + dir.string(),
                     "make room, or move HUB_DATA_DIR to a larger disk");
  found.good("data directory " + dir.string());
}

void check_secrets(const config::configuration& settings, findings& found) {
  for (const auto& line : settings.effective) {
    if (!line.of->secret || line.shown.empty())
      continue;
    if (line.source == "generated")
      found.note(
        std::string{line.of->env}
        + " is generated: only this machine can sign; set the provider's for real traffic");
    else
      found.good(std::string{line.of->env} + " is set (" + line.source + ")");
  }
}

void check_keys(const config::settings& settings, findings& found) {
  const auto keys = open_keys(settings);
  if (!keys)
    return found.bad("the sealing keys cannot be read: " + keys.why().message,
                     "restore keys.json from a backup: without it originals stay sealed for ever");
  found.good("sealing keys: " + std::to_string(keys->ids().size()));
}

void check_migrations(const std::string& connection_string, findings& found) {
  const auto status =
    storage::inspect_migrations(connection_string, storage::built_in_migrations());
  if (!status)
    return found.bad("the database cannot be inspected: " + status.why().message,
                     "check DATABASE_URL and that the server is up");
  for (const auto& problem : status->problems)
    found.bad(problem, "install the hub that matches this database");
  if (status->database_version < status->binary_version)
    found.note("the database is at version " + std::to_string(status->database_version)
               + ", this hub brings it to " + std::to_string(status->binary_version)
               + " when it starts, or with `feedback-hub migrate`");
  else if (status->problems.empty())
    found.good("database schema version " + std::to_string(status->database_version));
}

void check_role(const std::string& serving, findings& found) {
  if (const auto held = storage::check_serving_role(serving); !held)
    return found.bad("the hub will not serve", held.why().message);
  found.good("row-level security holds the hub's role");
}

void check_counters(const config::settings& settings,
                    const std::string& connection_string,
                    findings& found) {
  const auto keys = open_keys(settings);
  if (!keys)
    return;
  const auto reads =
    storage::make_read_store({.connection_string = connection_string, .connections = 1}, *keys);
  const auto identities =
    storage::make_identity_store({.connection_string = connection_string, .connections = 1});
  const auto workspaces = list_workspaces(*identities);
  if (!workspaces)
    return found.bad("the workspaces could not be listed: " + workspaces.why().message,
                     "try again when the database is less busy");
  bool agree = true;
  for (const auto& workspace : *workspaces) {
    std::promise<domain::result<storage::recount>> promise;
    auto counted = promise.get_future();
    reads->count_again(workspace.id, [&](domain::result<storage::recount> result) {
      promise.set_value(std::move(result));
    });
    const auto result = counted.get();
    if (!result)
      return found.bad("the rows could not be counted: " + result.why().message,
                       "try again when the database is less busy");
    for (const auto& difference : result->differences)
      found.bad(workspace.name + ": " + difference,
                "this is a bug: please report it with this line");
    agree = agree && result->differences.empty();
  }
  if (agree)
    found.good("kept counters agree with counted rows");
}

/// A hub that runs here owns its embedded server; it is asked instead. False when none answers.
bool check_running_hub(const config::configuration& settings, bool recount, findings& found) {
  if (!settings.values.database.url.empty())
    return false;
  const auto url = local_url(settings);
  const auto health = http_caller{url}.get("/health");
  if (!health)
    return false;
  if (health->status == 200)
    found.good("a hub is running at " + url + " and says it is well");
  else
    found.bad("the hub running at " + url + " says: " + health->body,
              "its log says more; it recovers by itself when the database does");
  if (recount)
    found.bad("rows cannot be counted while the hub owns the database",
              "stop the hub and run this again");
  std::cout << (found.all_good() ? "All is well.\n" : "Some things need your attention.\n");
  return true;
}

} // namespace

exit_code doctor(const config::configuration& settings, bool recount) {
  std::cout << "Checking what the hub needs:\n";
  findings found;
  found.good("settings (" + std::to_string(settings.effective.size()) + ", all valid)");
  check_data_dir(settings.values, found);
  check_secrets(settings, found);
  check_keys(settings.values, found);
  auto db = open_database(settings.values);
  if (!db && check_running_hub(settings, recount, found))
    return found.all_good() ? exit_code::ok : exit_code::unhealthy;
  if (!db) {
    found.bad("no database: " + db.why().message,
              "a running hub owns its embedded server; stop it first, or set DATABASE_URL");
    return exit_code::unhealthy;
  }
  if (db->embedded)
    found.good("embedded PostgreSQL starts");
  check_migrations(db->owner, found);
  check_role(db->serving, found);
  if (recount)
    check_counters(settings.values, db->serving, found);
  std::cout << (found.all_good() ? "All is well.\n" : "Some things need your attention.\n");
  return found.all_good() ? exit_code::ok : exit_code::unhealthy;
}

} // namespace hub::app
