#include "main/workspace_room.hpp"

#include "config/log.hpp"
#include "main/database.hpp"
#include "main/wait_for.hpp"

#include <utility>

namespace hub::app {

namespace {

using config::log;
using config::log_level;
using namespace std::chrono_literals;

// A change is in force everywhere after this long; a look costs one row.
constexpr auto look_every = 1s;
// Well below domain::source_table::hand_over: beyond, nobody can say where a delivery belongs.
constexpr auto trusted_for = 60s;

http::workspace_setting shown(const config::workspace_value& one) {
  return {.key = std::string{one.of->key},
          .description = std::string{one.of->description},
          .value = one.shown,
          .source = to_string(one.source),
          .secret = one.of->secret,
          .set = one.set};
}

} // namespace

workspace_room::workspace_room(const config::configuration& hub,
                               const std::string& connection_string,
                               const storage::key_ring& keys)
  : hub_{hub},
    home_{app::profile_of(config::view_of_workspace(hub, true, {}))},
    stranger_{app::profile_of(config::view_of_workspace(hub, false, {}))},
    store_{storage::make_workspace_store({.connection_string = connection_string}, keys)} {}

domain::outcome workspace_room::start() {
  if (auto read = read_if_changed(); !read)
    return read;
  reader_ = std::thread{[this] { keep_up(); }};
  return domain::done{};
}

void workspace_room::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  store_->stop();
  if (reader_.joinable())
    reader_.join();
}

void workspace_room::keep_up() {
  bool told = false;
  std::unique_lock lock{mutex_};
  while (!wake_.wait_for(lock, look_every, [this] { return stopping_; })) {
    lock.unlock();
    const auto read = read_if_changed();
    if (!read && !told)
      log(log_level::warn, "workspaces_not_read", {{"why", read.why().message}});
    told = !read;
    lock.lock();
  }
}

domain::outcome workspace_room::read_if_changed() {
  const auto began = std::chrono::steady_clock::now();
  const auto version =
    wait_for<std::int64_t>([this](auto done) { store_->version(std::move(done)); });
  if (!version)
    return version.why();
  const auto known = now();
  if (!known || known->version != *version) {
    auto facts =
      wait_for<storage::workspace_facts>([this](auto done) { store_->facts(std::move(done)); });
    if (!facts)
      return facts.why();
    adopt(*std::move(facts), known);
  }
  const std::lock_guard lock{mutex_};
  looked_at_ = began;
  return domain::done{};
}

void workspace_room::adopt(storage::workspace_facts facts,
                           const std::shared_ptr<const memory>& compared) {
  auto fresh = std::make_shared<memory>();
  fresh->version = facts.version;
  std::map<domain::uuid, std::vector<storage::setting_row>> rows;
  for (auto& row : facts.settings)
    rows[row.workspace].push_back(std::move(row));
  for (const auto& [workspace, own] : rows)
    fresh->profiles.emplace(workspace, app::profile_of(view_of(workspace, own)));
  for (auto& path : facts.paths)
    fresh->paths.emplace(std::pair{path.platform, std::move(path.secret_hash)}, path.workspace);
  if (facts.sealed_shut > 0)
    log(log_level::error, "settings_sealed_shut", {{"count", std::int64_t{facts.sealed_shut}}});
  fresh->sources =
    std::make_shared<const domain::source_table>(default_workspace(), std::move(facts.sources));
  const std::lock_guard lock{mutex_};
  if (!memory_ || memory_->version < fresh->version || memory_ == compared)
    memory_ = std::move(fresh);
}

std::shared_ptr<const workspace_room::memory> workspace_room::now() const {
  const std::lock_guard lock{mutex_};
  return memory_;
}

domain::result<std::shared_ptr<const workspace_room::memory>> workspace_room::trusted() const {
  const std::lock_guard lock{mutex_};
  if (std::chrono::steady_clock::now() - looked_at_ > trusted_for)
    return domain::fail(domain::errc::unavailable,
                        "the hub cannot say right now whose this is; the database is away");
  return memory_;
}

domain::result<std::shared_ptr<const domain::source_table>> workspace_room::sources() const {
  const auto known = trusted();
  if (!known)
    return known.why();
  return (*known)->sources;
}

domain::result<std::optional<http::path_owner>>
workspace_room::behind_path(domain::channel platform, const std::string& secret_hash) const {
  const auto known = trusted();
  if (!known)
    return known.why();
  const auto found = (*known)->paths.find({platform, secret_hash});
  if (found == (*known)->paths.end())
    return std::optional<http::path_owner>{};
  return std::optional{http::path_owner{found->second, profile_of(found->second)->secrets}};
}

void workspace_room::holder_of(
  std::vector<domain::uuid> among,
  domain::channel platform,
  std::string message_id,
  std::function<void(domain::result<std::optional<domain::uuid>>)> done) {
  store_->holder_of(std::move(among), platform, std::move(message_id), std::move(done));
}

config::workspace_view workspace_room::view_of(const domain::uuid& workspace,
                                               const std::vector<storage::setting_row>& own) const {
  config::own_values values;
  for (const auto& row : own)
    values.emplace(row.key, row.value);
  return config::view_of_workspace(hub_, workspace == default_workspace(), values);
}

workspace_room::profile workspace_room::profile_of(const domain::uuid& workspace) const {
  const auto known = now();
  if (const auto found = known->profiles.find(workspace); found != known->profiles.end())
    return found->second;
  return workspace == default_workspace() ? home_ : stranger_;
}

std::shared_ptr<const http::provider_accounts>
workspace_room::accounts_of(const domain::uuid& workspace) const {
  return profile_of(workspace)->accounts;
}

domain::limiter_rules workspace_room::limits_of(const domain::uuid& workspace,
                                                domain::provider whom) const {
  return profile_of(workspace)->limits[static_cast<std::size_t>(whom)];
}

domain::intake_rules workspace_room::rules_of(const domain::uuid& workspace) const {
  return profile_of(workspace)->rules;
}

domain::release_rules workspace_room::release_rules_of(const domain::uuid& workspace) const {
  return profile_of(workspace)->release;
}

domain::ai_choice workspace_room::ai_of(const domain::uuid& workspace) const {
  return profile_of(workspace)->ai;
}

domain::own_addresses workspace_room::own_addresses_of(const domain::uuid& workspace) const {
  return profile_of(workspace)->own;
}

storage::callback<std::vector<storage::setting_row>>
workspace_room::showing(const domain::uuid& workspace, settings_callback done) const {
  return [this, workspace, done = std::move(done)](
           const domain::result<std::vector<storage::setting_row>>& own) {
    if (!own)
      return done(own.why());
    std::vector<http::workspace_setting> all;
    for (const auto& each : view_of(workspace, *own).effective)
      all.push_back(shown(each));
    done(std::move(all));
  };
}

void workspace_room::settings_of(domain::uuid workspace, settings_callback done) {
  store_->settings_of(workspace, showing(workspace, std::move(done)));
}

domain::outcome workspace_room::check(const http::setting_change& change) const {
  const auto* of = config::find_for_workspace(change.key);
  if (of == nullptr)
    return domain::fail(domain::errc::invalid_input, "is nothing that a workspace can set");
  return change.value ? config::check_for_workspace(*of, *change.value)
                      : domain::outcome{domain::done{}};
}

void workspace_room::change_settings(storage::acting by,
                                     std::vector<http::setting_change> changes,
                                     settings_callback done) {
  std::vector<storage::setting_write> writes;
  for (auto& each : changes) {
    const auto* of = config::find_for_workspace(each.key);
    writes.push_back({std::move(each.key), std::move(each.value), of != nullptr && of->secret});
  }
  const auto workspace = by.workspace;
  store_->change_settings(
    std::move(by),
    std::move(writes),
    [this, workspace, done = std::move(done)](const domain::outcome& written) {
      if (!written)
        return done(written.why());
      // Known here before whoever changed it hears so: the next call goes by it.
      store_->facts([this, workspace, done](domain::result<storage::workspace_facts> facts) {
        if (!facts)
          return done(
            domain::fail(domain::errc::unavailable,
                         "it is saved, but cannot be shown right now: " + facts.why().message));
        adopt(*std::move(facts), nullptr);
        settings_of(workspace, done);
      });
    });
}

} // namespace hub::app
