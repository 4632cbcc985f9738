#pragma once

#include "domain/result.hpp"
#include "domain/source.hpp"
#include "http/server/context.hpp"
#include "storage/identity/identity_store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hub::http {

/// One thing a workspace may be set to.
struct workspace_setting {
  std::string key; // as in the settings file
  std::string description;
  std::string value;  // as one would write it; of a secret nothing
  std::string source; // workspace, hub or default
  bool secret = false;
  bool set = false;
};

/// What to set one thing to; without a value, the hub's holds again.
struct setting_change {
  std::string key;
  std::optional<std::string> value;
};

/// Whose webhooks come in at an address, and what they are signed with.
struct path_owner {
  domain::uuid workspace;
  webhook_secrets secrets; // empty where none is set
};

/// What a running hub knows of its workspaces. Kept in memory and seconds old at most, so that a
/// delivery costs no question. Thread-safe.
class workspaces {
public:
  virtual ~workspaces() = default;

  /// Which account is whose. `unavailable` when that was last read too long ago.
  [[nodiscard]] virtual domain::result<std::shared_ptr<const domain::source_table>>
  sources() const = 0;
  /// Whose address it is, by the hash of its secret; unset where nobody's. `unavailable` as above.
  [[nodiscard]] virtual domain::result<std::optional<path_owner>>
  behind_path(domain::channel platform, const std::string& secret_hash) const = 0;
  /// Asks the database which of the workspaces already has this message, if one has.
  virtual void holder_of(std::vector<domain::uuid> among,
                         domain::channel platform,
                         std::string message_id,
                         std::function<void(domain::result<std::optional<domain::uuid>>)> done) = 0;

  using settings_callback = std::function<void(domain::result<std::vector<workspace_setting>>)>;

  /// Everything the workspace may set, as it is in the database now.
  virtual void settings_of(domain::uuid workspace, settings_callback done) = 0;
  /// Whether it may be set so. The failure completes "slack.every: …" and repeats no secret.
  [[nodiscard]] virtual domain::outcome check(const setting_change& change) const = 0;
  /// Sets them, all or none; what is set then is handed on. In force here at once, and everywhere
  /// within seconds.
  virtual void change_settings(storage::acting by,
                               std::vector<setting_change> changes,
                               settings_callback done) = 0;
};

} // namespace hub::http
