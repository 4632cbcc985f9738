#pragma once

#include "config/load.hpp"
#include "domain/provider.hpp"
#include "http/server/workspaces.hpp"
#include "main/workspace_view.hpp"
#include "storage/sealing.hpp"
#include "storage/workspaces/workspace_store.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace hub::app {

/// What this hub knows of its workspaces, in memory, read again whenever the database says that it
/// has changed.
class workspace_room final : public http::workspaces {
public:
  /// `hub` must outlive it.
  workspace_room(const config::configuration& hub,
                 const std::string& connection_string,
                 const storage::key_ring& keys);
  ~workspace_room() override { stop(); }
  workspace_room(const workspace_room&) = delete;
  workspace_room& operator=(const workspace_room&) = delete;

  /// Reads everything for the first time, then goes on looking for changes.
  domain::outcome start();
  /// Whoever waits for an answer gets a failure.
  void stop();

  [[nodiscard]] domain::result<std::shared_ptr<const domain::source_table>>
  sources() const override;
  [[nodiscard]] domain::result<std::optional<http::path_owner>>
  behind_path(domain::channel platform, const std::string& secret_hash) const override;
  void holder_of(std::vector<domain::uuid> among,
                 domain::channel platform,
                 std::string message_id,
                 std::function<void(domain::result<std::optional<domain::uuid>>)> done) override;

  void settings_of(domain::uuid workspace, settings_callback done) override;
  [[nodiscard]] domain::outcome check(const http::setting_change& change) const override;
  void change_settings(storage::acting by,
                       std::vector<http::setting_change> changes,
                       settings_callback done) override;

  // What a workspace is set to, as far as it is known here; from any thread.

  [[nodiscard]] std::shared_ptr<const http::provider_accounts>
  accounts_of(const domain::uuid& workspace) const;
  [[nodiscard]] domain::limiter_rules limits_of(const domain::uuid& workspace,
                                                domain::provider whom) const;
  [[nodiscard]] domain::intake_rules rules_of(const domain::uuid& workspace) const;
  [[nodiscard]] domain::release_rules release_rules_of(const domain::uuid& workspace) const;
  [[nodiscard]] domain::ai_choice ai_of(const domain::uuid& workspace) const;
  [[nodiscard]] domain::own_addresses own_addresses_of(const domain::uuid& workspace) const;

private:
  using profile = std::shared_ptr<const workspace_profile>;

  /// All of one moment; replaced as a whole.
  struct memory {
    std::int64_t version = 0;
    std::map<domain::uuid, profile> profiles; // of workspaces that set something
    std::shared_ptr<const domain::source_table> sources;
    std::map<std::pair<domain::channel, std::string>, domain::uuid> paths; // by their secret's hash
  };

  [[nodiscard]] config::workspace_view view_of(const domain::uuid& workspace,
                                               const std::vector<storage::setting_row>& own) const;
  [[nodiscard]] profile profile_of(const domain::uuid& workspace) const;
  /// Hands on what the rows mean for their workspace.
  [[nodiscard]] storage::callback<std::vector<storage::setting_row>>
  showing(const domain::uuid& workspace, settings_callback done) const;
  void keep_up();
  domain::outcome read_if_changed();
  /// Unless something newer is known already.
  /// Newer ones only; what was compared with the database and differs goes in any case, since a
  /// failover may have lost what it has.
  void adopt(storage::workspace_facts facts, const std::shared_ptr<const memory>& compared);
  [[nodiscard]] std::shared_ptr<const memory> now() const;
  /// As `now`, unless that is too old to say whose something is.
  [[nodiscard]] domain::result<std::shared_ptr<const memory>> trusted() const;

  const config::configuration& hub_;
  const profile home_;     // of the first workspace, as long as it sets nothing
  const profile stranger_; // of any other
  std::unique_ptr<storage::workspace_store> store_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const memory> memory_; // never null once started
  std::chrono::steady_clock::time_point looked_at_{};
  bool stopping_ = false;
  std::thread reader_;
};

} // namespace hub::app
