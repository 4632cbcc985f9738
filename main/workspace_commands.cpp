#include "actors/node.hpp"
#include "config/workspace_settings.hpp"
#include "domain/source.hpp"
#include "http/server/auth/tokens.hpp"
#include "main/access_room.hpp"
#include "main/commands.hpp"
#include "main/database.hpp"
#include "main/wait_for.hpp"
#include "storage/workspaces/workspace_store.hpp"

#include <fstream>
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

const config::setting* setting_named(const std::string& key) {
  const auto* of = config::find_for_workspace(key);
  if (of == nullptr)
    std::cerr << "feedback-hub: workspaces have no setting '" << key
              << "'; `feedback-hub settings list` shows them\n";
  return of;
}

/// What the file holds, or standard input where none is named, without the end of its line.
result<std::string> value_from(const std::string& file) {
  constexpr std::size_t most = 65'536;
  std::ifstream opened;
  if (!file.empty()) {
    opened.open(file, std::ios::binary);
    if (!opened)
      return domain::fail(domain::errc::invalid_input, "the file cannot be read");
  }
  auto& from = file.empty() ? std::cin : opened;
  std::string text(most, '\0');
  from.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(from.gcount()));
  while (text.ends_with('\n') || text.ends_with('\r'))
    text.pop_back();
  return text;
}

exit_code write_setting(const config::configuration& settings,
                        const setting_options& options,
                        const storage::setting_write& write) {
  return with_workspace(settings,
                        options.workspace,
                        [&](storage::workspace_store& store, const domain::uuid& workspace) {
                          const auto written = wait_for<domain::done>([&](auto done) {
                            store.change_settings(
                              on_command_line(workspace), {write}, std::move(done));
                          });
                          if (!written)
                            return told(exit_code::failed, written.why());
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
                          if (found->empty())
                            std::cerr << "none; `feedback-hub sources connect` adds one\n";
                          for (const auto& each : *found)
                            std::cout << to_string(each.platform) << "  " << each.account
                                      << "  since " << domain::to_rfc3339(each.connected_at)
                                      << '\n';
                          return exit_code::ok;
                        });
}

exit_code make_path(const config::configuration& settings, const source_options& options) {
  const auto platform = domain::parse_channel(options.platform);
  if (!platform)
    return told(exit_code::usage, platform.why());
  return with_workspace(
    settings,
    options.workspace,
    [&](storage::workspace_store& store, const domain::uuid& workspace) {
      const auto secret = http::random_token();
      const storage::path_row path{
        workspace, fresh_id(), *platform, http::token_hash(secret), actors::wall_clock()};
      const auto made = wait_for<domain::done>(
        [&](auto done) { store.add_path(on_command_line(workspace), path, std::move(done)); });
      if (!made)
        return told(exit_code::failed, made.why());
      std::cerr
        << "Keep this address: it is not shown again. What comes in there is signed with the "
           "workspace's own secret.\n";
      std::cout << (options.url.empty() ? local_url(settings) : options.url) << "/webhooks/"
                << to_string(*platform) << '/' << secret << '\n';
      return exit_code::ok;
    });
}

exit_code list_paths(const config::configuration& settings, const source_options& options) {
  return with_workspace(settings,
                        options.workspace,
                        [](storage::workspace_store& store, const domain::uuid& workspace) {
                          const auto found = wait_for<std::vector<storage::path_row>>(
                            [&](auto done) { store.paths_of(workspace, std::move(done)); });
                          if (!found)
                            return told(exit_code::failed, found.why());
                          if (found->empty())
                            std::cerr << "none; `feedback-hub sources path` makes one\n";
                          for (const auto& each : *found)
                            std::cout << to_string(each.id) << "  " << to_string(each.platform)
                                      << "  since " << domain::to_rfc3339(each.created_at) << '\n';
                          return exit_code::ok;
                        });
}

exit_code remove_path(const config::configuration& settings, const source_options& options) {
  const auto id = domain::parse_uuid(options.id);
  if (!id)
    return told(exit_code::usage,
                domain::fail(domain::errc::invalid_input,
                             "give the address's id, as `feedback-hub sources paths` shows it"));
  return with_workspace(settings,
                        options.workspace,
                        [&](storage::workspace_store& store, const domain::uuid& workspace) {
                          const auto gone = wait_for<domain::done>([&](auto done) {
                            store.remove_path(on_command_line(workspace), *id, std::move(done));
                          });
                          return gone ? exit_code::ok : told(exit_code::failed, gone.why());
                        });
}

exit_code list_settings(const config::configuration& settings, const setting_options& options) {
  return with_workspace(
    settings,
    options.workspace,
    [&](storage::workspace_store& store, const domain::uuid& workspace) {
      const auto rows = wait_for<std::vector<storage::setting_row>>(
        [&](auto done) { store.settings_of(workspace, std::move(done)); });
      if (!rows)
        return told(exit_code::failed, rows.why());
      config::own_values own;
      for (const auto& row : *rows)
        own.emplace(row.key, row.value);
      const auto view = config::view_of_workspace(settings, workspace == default_workspace(), own);
      for (const auto& each : view.effective)
        std::cout << each.of->key << "  "
                  << (each.of->secret ? (each.set ? "(set)" : "(not set)") : each.shown) << "  ("
                  << to_string(each.source) << ")\n";
      return exit_code::ok;
    });
}

exit_code set_setting(const config::configuration& settings, const setting_options& options) {
  const auto* of = setting_named(options.key);
  if (of == nullptr)
    return exit_code::usage;
  if (of->secret && options.value) {
    std::cerr
      << "feedback-hub: " << of->key
      << " is a secret, and everybody sees command lines: give it on standard input, or in a "
         "file with --file\n";
    return exit_code::usage;
  }
  const auto value = options.value ? result{*options.value} : value_from(options.file);
  if (!value)
    return told(exit_code::usage, value.why());
  if (const auto fit = config::check_for_workspace(*of, *value); !fit) {
    std::cerr << "feedback-hub: " << of->key << ": " << fit.why().message << '\n';
    return exit_code::usage;
  }
  return write_setting(settings, options, {std::string{of->key}, *value, of->secret});
}

exit_code unset_setting(const config::configuration& settings, const setting_options& options) {
  const auto* of = setting_named(options.key);
  if (of == nullptr)
    return exit_code::usage;
  return write_setting(settings, options, {std::string{of->key}, std::nullopt, of->secret});
}

} // namespace hub::app
