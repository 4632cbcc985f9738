#include "main/access_room.hpp"
#include "main/commands.hpp"
#include "main/database.hpp"

#include <functional>
#include <iostream>

namespace hub::app {

namespace {

exit_code told(exit_code code, const domain::failure& why) {
  std::cerr << "feedback-hub: " << why.message << '\n';
  return code;
}

/// Runs `work` on the database's identities.
exit_code with_identities(const config::configuration& settings,
                          const std::function<exit_code(storage::identity_store&)>& work) {
  const auto db = reach_database(settings.values);
  if (!db)
    return told(exit_code::no_database, db.why());
  if (const auto ready = prepare(*db); !ready)
    return told(exit_code::no_database, ready.why());
  const auto store =
    storage::make_identity_store({.connection_string = db->serving, .connections = 1});
  return work(*store);
}

void show_link(const config::configuration& settings,
               const std::string& url,
               const std::string& email,
               const std::string& token) {
  std::cerr << "This link signs " << email << " in, once, within 72 hours:\n";
  std::cout << (url.empty() ? local_url(settings) : url) << "/sign-in#" << token << '\n';
}

} // namespace

exit_code create_key(const config::configuration& settings, const key_options& options) {
  const auto scopes = domain::parse_permissions(options.scopes);
  if (!scopes)
    return told(exit_code::usage, scopes.why());
  return with_identities(settings, [&](storage::identity_store& store) {
    const auto workspace = find_workspace(store, options.workspace);
    if (!workspace)
      return told(exit_code::usage, workspace.why());
    const auto key = make_key(store,
                              *workspace,
                              options.name,
                              *scopes,
                              options.days > 0 ? std::optional{options.days} : std::nullopt);
    if (!key)
      return told(exit_code::failed, key.why());
    std::cerr << "Keep this key: it is not shown again. Send it as Authorization: Bearer …\n";
    std::cout << *key << '\n';
    return exit_code::ok;
  });
}

exit_code invite_user(const config::configuration& settings, const invite_options& options) {
  const auto email = domain::parse_email(options.email);
  if (!email)
    return told(exit_code::usage,
                domain::fail(domain::errc::invalid_input, "the email " + email.why().message));
  const auto rank = domain::parse_role(options.role);
  if (!rank)
    return told(exit_code::usage, rank.why());
  return with_identities(settings, [&](storage::identity_store& store) {
    const auto workspace = find_workspace(store, options.workspace);
    if (!workspace)
      return told(exit_code::usage, workspace.why());
    const auto token = invite(store, *workspace, *email, *rank);
    if (!token)
      return told(exit_code::failed, token.why());
    show_link(settings, options.url, *email, *token);
    return exit_code::ok;
  });
}

exit_code create_workspace(const config::configuration& settings,
                           const workspace_options& options) {
  const auto name = domain::parse_workspace_name(options.name);
  if (!name)
    return told(exit_code::usage,
                domain::fail(domain::errc::invalid_input, "the name " + name.why().message));
  std::string owner;
  if (!options.owner.empty()) {
    const auto email = domain::parse_email(options.owner);
    if (!email)
      return told(exit_code::usage,
                  domain::fail(domain::errc::invalid_input, "the email " + email.why().message));
    owner = *email;
  }
  return with_identities(settings, [&](storage::identity_store& store) {
    const auto made = make_workspace(store, *name, owner);
    if (!made)
      return told(exit_code::failed, made.why());
    std::cout << to_string(made->id) << '\n';
    if (!owner.empty())
      show_link(settings, options.url, owner, made->token);
    return exit_code::ok;
  });
}

exit_code list_workspaces(const config::configuration& settings) {
  return with_identities(settings, [&](storage::identity_store& store) {
    const auto all = list_workspaces(store);
    if (!all)
      return told(exit_code::failed, all.why());
    for (const auto& one : *all)
      std::cout << to_string(one.id) << "  " << one.name << '\n';
    return exit_code::ok;
  });
}

} // namespace hub::app
