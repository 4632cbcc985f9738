#include "main/access_room.hpp"

#include "actors/node.hpp"
#include "config/log.hpp"
#include "http/server/auth/tokens.hpp"
#include "main/database.hpp"
#include "main/wait_for.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace hub::app {

namespace {

using domain::errc;

constexpr std::chrono::hours first_link_lasts{24};
constexpr std::chrono::hours invitation_lasts{72};
constexpr auto first_owner = "owner@localhost";
// One per workspace, and always the same, so that a new token takes the old one's place.
constexpr auto admin_key_id = "00000000-0000-7000-8000-00000000ad01";

/// All that any role may do.
domain::permission_set everything() {
  return domain::permissions_of(domain::role::owner);
}

domain::uuid fresh_id() {
  domain::uuid_generator ids{actors::random_seed()};
  return ids.next(actors::wall_clock());
}

storage::acting on_command_line(const domain::uuid& workspace = default_workspace()) {
  return {workspace,
          std::nullopt,
          {"command_line", std::nullopt, "command line", {}, {}},
          fresh_id(),
          actors::wall_clock()};
}

storage::new_link
link_of(const domain::uuid& person, const std::string& token, std::chrono::hours lasts) {
  return {fresh_id(), person, http::token_hash(token), actors::wall_clock() + lasts};
}

domain::result<std::vector<storage::person_row>> people_in(storage::identity_store& store,
                                                           const domain::uuid& workspace) {
  return wait_for<std::vector<storage::person_row>>(
    [&](auto done) { store.list_people(workspace, std::move(done)); });
}

/// Adds somebody with a link, or replaces the link of somebody who is here.
domain::result<std::string> link_for(storage::identity_store& store,
                                     const domain::uuid& workspace,
                                     const std::vector<storage::person_row>& people,
                                     const std::string& email,
                                     domain::role rank,
                                     std::chrono::hours lasts) {
  auto token = http::random_token();
  const auto known = std::ranges::find(people, email, &storage::person_row::email);
  const auto made = wait_for<domain::done>([&](auto done) {
    if (known != people.end())
      return store.add_link(
        on_command_line(workspace), link_of(known->id, token, lasts), std::move(done));
    const auto id = fresh_id();
    store.add_person(on_command_line(workspace),
                     {.id = id, .email = email, .name = {}, .rank = rank},
                     link_of(id, token, lasts),
                     std::move(done));
  });
  if (!made)
    return made.why();
  return token;
}

/// A token that the settings no longer name lets nobody in.
domain::outcome retire_admin_key(storage::identity_store& store) {
  const auto keys = wait_for<std::vector<storage::key_row>>(
    [&](auto done) { store.list_keys(default_workspace(), std::move(done)); });
  if (!keys)
    return keys.why();
  const auto id = *domain::parse_uuid(admin_key_id);
  const auto old = std::ranges::find(*keys, id, &storage::key_row::id);
  if (old == keys->end() || old->expires_at || old->revoked_at)
    return domain::done{};
  storage::new_key retired;
  retired.id = id;
  retired.name = old->name;
  retired.prefix = old->prefix;
  retired.expires_at = actors::wall_clock();
  return wait_for<domain::done>(
    [&](auto done) { store.put_key(on_command_line(), retired, std::move(done)); });
}

/// As the database compares names, but for letters beyond ASCII, which must be written as they are.
bool same_name(std::string_view one, std::string_view other) {
  const auto folded = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(one, other, {}, folded, folded);
}

/// Whether the admin key is this token's already.
bool holds(storage::identity_store& store,
           http::password_hasher& hasher,
           const http::api_key& key) {
  const auto found = wait_for<storage::key_facts>(
    [&](auto done) { store.key_of(key.prefix, actors::wall_clock(), std::move(done)); });
  if (!found || found->who.may != everything())
    return false;
  const auto same = wait_for<bool>(
    [&](auto done) { hasher.verify(key.secret, found->secret_hash, std::move(done)); });
  return same && *same;
}

http::traffic_rules rules_of(const config::traffic_settings& given) {
  return {.calls_per_second = given.calls_per_second,
          .body_bytes_per_second = given.body_bytes_per_second,
          .streams = given.streams};
}

} // namespace

access_room::access_room(const config::settings& settings, const std::string& connection_string)
  : store_{storage::make_identity_store({.connection_string = connection_string})},
    federation_{settings, connection_string},
    door_{*store_,
          hasher_,
          actors::wall_clock,
          actors::random_seed,
          {.trusted_proxies = settings.http.trusted_proxies,
           .failures = {},
           .traffic = {rules_of(settings.http.per_address),
                       rules_of(settings.http.per_session),
                       rules_of(settings.http.per_key),
                       rules_of(settings.http.per_workspace)},
           .tokens = federation_.tokens()}} {}

domain::outcome access_room::seed_admin_key(const std::string& token) {
  if (token.empty())
    return retire_admin_key(*store_);
  const auto key = http::read_api_key(token);
  if (!key || key->secret.size() < 32)
    return domain::fail(errc::invalid_input,
                        "HUB_ADMIN_TOKEN must have at least 32 characters, none of them a space; "
                        "`openssl rand -hex 32` makes a good one");
  if (holds(*store_, hasher_, *key))
    return domain::done{};
  const auto hash =
    wait_for<std::string>([&](auto done) { hasher_.hash(key->secret, std::move(done)); });
  if (!hash)
    return hash.why();
  storage::new_key seeded;
  seeded.id = *domain::parse_uuid(admin_key_id);
  seeded.name = "HUB_ADMIN_TOKEN";
  seeded.prefix = key->prefix;
  seeded.secret_hash = *hash;
  seeded.scopes = everything();
  auto put = wait_for<domain::done>(
    [&](auto done) { store_->put_key(on_command_line(), seeded, std::move(done)); });
  if (!put && put.why().code == errc::conflict) {
    config::log(config::log_level::warn,
                "admin_key_revoked",
                {{"advice",
                  "HUB_ADMIN_TOKEN's key was revoked and stays so; `keys create` makes "
                  "another"}});
    return domain::done{};
  }
  return put;
}

domain::result<std::optional<std::string>> access_room::first_token() {
  const auto people = people_in(*store_, default_workspace());
  if (!people)
    return people.why();
  const auto is_owner = [](const storage::person_row& one) {
    return one.rank == domain::role::owner && !one.disabled_at;
  };
  const bool claimed = std::ranges::any_of(
    *people, [&](const storage::person_row& one) { return is_owner(one) && one.has_password; });
  if (claimed)
    return std::optional<std::string>{};
  const auto owner = std::ranges::find_if(*people, is_owner);
  auto token = link_for(*store_,
                        default_workspace(),
                        *people,
                        owner == people->end() ? first_owner : owner->email,
                        domain::role::owner,
                        first_link_lasts);
  if (!token)
    return token.why();
  return std::optional{*std::move(token)};
}

void access_room::stop() {
  federation_.stop();
  hasher_.stop();
  store_->stop();
}

domain::result<std::string> make_key(storage::identity_store& store,
                                     const domain::uuid& workspace,
                                     const std::string& name,
                                     domain::permission_set scopes,
                                     std::optional<int> days) {
  const auto made = http::make_api_key();
  auto hash = http::password_hasher::hash_now(made.secret);
  if (!hash)
    return hash;
  storage::new_key key;
  key.id = fresh_id();
  key.name = name;
  key.prefix = made.prefix;
  key.secret_hash = *std::move(hash);
  key.scopes = scopes;
  if (days)
    key.expires_at = actors::wall_clock() + std::chrono::hours{24 * *days};
  const auto added = wait_for<domain::done>(
    [&](auto done) { store.add_key(on_command_line(workspace), key, std::move(done)); });
  if (!added)
    return added.why();
  return made.text();
}

domain::result<std::string> invite(storage::identity_store& store,
                                   const domain::uuid& workspace,
                                   const std::string& email,
                                   domain::role rank) {
  const auto people = people_in(store, workspace);
  if (!people)
    return people.why();
  return link_for(store, workspace, *people, email, rank, invitation_lasts);
}

domain::result<std::vector<storage::workspace_row>>
list_workspaces(storage::identity_store& store) {
  return wait_for<std::vector<storage::workspace_row>>(
    [&](auto done) { store.list_workspaces(std::move(done)); });
}

domain::result<domain::uuid> find_workspace(storage::identity_store& store,
                                            const std::string& id_or_name) {
  if (id_or_name.empty())
    return default_workspace();
  const auto all = list_workspaces(store);
  if (!all)
    return all.why();
  const auto id = domain::parse_uuid(id_or_name);
  for (const auto& one : *all)
    if (id ? one.id == *id : same_name(one.name, id_or_name))
      return one.id;
  return domain::fail(errc::not_found,
                      "there is no workspace \"" + id_or_name
                        + "\"; `feedback-hub workspaces list` shows them");
}

domain::result<made_workspace>
make_workspace(storage::identity_store& store, const std::string& name, const std::string& owner) {
  made_workspace made;
  made.id = fresh_id();
  const auto added = wait_for<domain::done>([&](auto done) {
    if (owner.empty())
      return store.add_workspace(on_command_line(made.id), {made.id, name}, std::move(done));
    made.token = http::random_token();
    const auto person = fresh_id();
    store.add_workspace(on_command_line(made.id),
                        {made.id, name},
                        {.id = person, .email = owner, .name = {}, .rank = domain::role::owner},
                        link_of(person, made.token, invitation_lasts),
                        std::move(done));
  });
  if (!added)
    return added.why();
  return made;
}

} // namespace hub::app
