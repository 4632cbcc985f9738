#include "actors/node.hpp"
#include "domain/source.hpp"
#include "main/access_room.hpp"
#include "main/commands.hpp"
#include "main/database.hpp"
#include "main/wait_for.hpp"
#include "storage/workspaces/workspace_store.hpp"

#include <functional>
#include <iostream>

namespace hub::app {

namespace {

using domain::result;

exit_code told(exit_code code, const domain::failure& why) {
  std::cerr << "feedback-hub: " << why.message << '\n';
  return code;
}

domain::uuid fresh_id() {
  domain::uuid_generator ids{actors::random_seed()};
  return ids.next(actors::wall_clock());
}

storage::acting on_command_line(const domain::uuid& workspace) {
  return {workspace,
          std::nullopt,
          {"command_line", std::nullopt, "command line", {}, {}},
          fresh_id(),
          actors::wall_clock()};
}

using work_on_workspace = std::function<exit_code(storage::workspace_store&, const domain::uuid&)>;

/// Runs `work` on the workspace that is called so, beside a hub that may be running.
exit_code with_workspace(const config::configuration& settings,
                         const std::string& id_or_name,
                         const work_on_workspace& work) {
  const auto db = reach_database(settings.values);
  if (!db)
    return told(exit_code::no_database, db.why());
  if (const auto ready = prepare(*db); !ready)
    return told(exit_code::no_database, ready.why());
  const auto keys = open_keys(settings.values);
  if (!keys)
    return told(exit_code::bad_settings, keys.why());
  const auto workspace = [&] {
    const auto people =
      storage::make_identity_store({.connection_string = db->serving, .connections = 1});
    return find_workspace(*people, id_or_name);
  }();
  if (!workspace)
    return told(exit_code::usage, workspace.why());
  const auto store =
    storage::make_workspace_store({.connection_string = db->serving, .connections = 1}, *keys);
  return work(*store, *workspace);
}

/// Connects or disconnects, as `change` does.
exit_code change_source(const config::configuration& settings,
                        const source_options& options,
                        void (storage::workspace_store::*change)(storage::acting,
                                                                 domain::channel,
                                                                 std::string,
                                                                 storage::callback<domain::done>)) {
  const auto platform = domain::parse_channel(options.platform);
  if (!platform)
    return told(exit_code::usage, platform.why());
  const auto account = domain::parse_account(*platform, options.account);
  if (!account)
    return told(exit_code::usage,
                domain::fail(domain::errc::invalid_input, "the account " + account.why().message));
  return with_workspace(settings,
                        options.workspace,
                        [&](storage::workspace_store& store, const domain::uuid& workspace) {
                          const auto changed = wait_for<domain::done>([&](auto done) {
                            (store.*change)(
                              on_command_line(workspace), *platform, *account, std::move(done));
                          });
                          if (!changed)
                            return told(exit_code::failed, changed.why());
                          std::cerr << "Hubs that are running know it within seconds.\n";
                          return exit_code::ok;
                        });
}

} // namespace

exit_code connect_source(const config::configuration& settings, const source_options& options) {
  return change_source(settings, options, &storage::workspace_store::connect);
}

exit_code disconnect_source(const config::configuration& settings, const source_options& options) {
  return change_source(settings, options, &storage::workspace_store::disconnect);
}

exit_code list_sources(const config::configuration& settings, const source_options& options) {
  return with_workspace(settings,
                        options.workspace,
                        [](storage::workspace_store& store, const domain::uuid& workspace) {
                          const auto found = wait_for<std::vector<domain::source>>(
                            [&](auto done) { store.sources_of(workspace, std::move(done)); });
                          if (!found)
                            return told(exit_code::failed, found.why());
                          for (const auto& each : *found)
                            std::cout << to_string(each.platform) << "  " << each.account
                                      << "  since " << domain::to_rfc3339(each.connected_at)
                                      << '\n';
                          return exit_code::ok;
                        });
}

} // namespace hub::app
