#pragma once

#include "domain/source.hpp"
#include "storage/identity/identity_store.hpp"
#include "storage/pool.hpp"
#include "storage/sealing.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hub::storage {

/// One thing a workspace is set to.
struct setting_row {
  domain::uuid workspace;
  std::string key;
  std::string value; // plain; a secret's too
  bool secret = false;
};

/// What to set one thing to; without a value it is no longer set.
struct setting_write {
  std::string key;
  std::optional<std::string> value;
  bool secret = false; // sealed, and never in the record
};

/// A secret address of a workspace's webhooks. The secret itself is kept nowhere.
struct path_row {
  domain::uuid workspace;
  domain::uuid id;
  domain::channel platform{};
  std::string secret_hash; // SHA-256, 32 bytes
  domain::time_point created_at{};
};

/// What every hub keeps in memory of all workspaces, as of one moment.
struct workspace_facts {
  std::int64_t version = 0; // grows with every change
  std::vector<domain::source> sources;
  std::vector<path_row> paths;
  std::vector<setting_row> settings;
  int sealed_shut = 0; // secrets that no key of this hub opens: they are there, and empty
};

/// Beyond so many rows of one kind, a hub refuses to read them into memory.
inline constexpr int most_facts = 100'000;

/// What belongs to a workspace and is set from outside: its accounts at providers, its secret
/// addresses, its settings. Asynchronous, on a small pool of connections of its own with a bounded
/// queue; a change is one transaction, with its record.
class workspace_store {
public:
  virtual ~workspace_store() = default;

  // ---- for the hub's memory

  /// What `facts` would have.
  virtual void version(callback<std::int64_t> done) = 0;
  /// Everything.
  virtual void facts(callback<workspace_facts> done) = 0;
  /// Which of the workspaces already has this message of the channel, if one has.
  virtual void holder_of(std::vector<domain::uuid> among,
                         domain::channel platform,
                         std::string message_id,
                         callback<std::optional<domain::uuid>> done) = 0;

  // ---- changes, in the name of `by.workspace`

  /// From now on the account's deliveries are this workspace's. Again is fine; `conflict` while it
  /// is another's.
  virtual void connect(acting by,
                       domain::channel platform,
                       std::string account,
                       callback<domain::done> done) = 0;
  /// `not_found` when it is not connected.
  virtual void disconnect(acting by,
                          domain::channel platform,
                          std::string account,
                          callback<domain::done> done) = 0;
  /// Those connected now.
  virtual void sources_of(domain::uuid workspace, callback<std::vector<domain::source>> done) = 0;

  /// Makes an address of the workspace's webhooks.
  virtual void add_path(acting by, path_row path, callback<domain::done> done) = 0;
  virtual void paths_of(domain::uuid workspace, callback<std::vector<path_row>> done) = 0;
  /// From now on nothing comes in there. `not_found` for an unknown one.
  virtual void remove_path(acting by, domain::uuid path, callback<domain::done> done) = 0;

  /// All or nothing; of two at once, the later one's value stays, and the record has both.
  virtual void
  change_settings(acting by, std::vector<setting_write> writes, callback<domain::done> done) = 0;
  virtual void settings_of(domain::uuid workspace, callback<std::vector<setting_row>> done) = 0;

  [[nodiscard]] virtual pool_stats stats() const = 0;
  virtual void stop() = 0;
};

struct workspace_store_options {
  std::string connection_string;
  int connections = 2;
  std::size_t queue_limit = 1000;
};

std::unique_ptr<workspace_store> make_workspace_store(workspace_store_options options,
                                                      const key_ring& keys);

} // namespace hub::storage
