#pragma once

#include "config/settings.hpp"
#include "domain/result.hpp"
#include "http/server/auth/gate.hpp"
#include "http/server/auth/password_hasher.hpp"
#include "http/server/routes/accounts.hpp"
#include "main/federation_room.hpp"
#include "storage/identity/identity_store.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hub::app {

/// Who may enter, and how that is checked: the store of identities, the hasher, the gate.
class access_room {
public:
  access_room(const config::settings& settings, const std::string& connection_string);

  ~access_room() { stop(); }
  access_room(const access_room&) = delete;
  access_room& operator=(const access_room&) = delete;

  [[nodiscard]] http::gate& door() { return door_; }
  [[nodiscard]] http::client::stats calls() { return federation_.calls(); }
  [[nodiscard]] http::sign_in_provider by_provider() const { return federation_.by_provider(); }

  /// Makes HUB_ADMIN_TOKEN's key what the settings say; without a token no such key holds.
  domain::outcome seed_admin_key(const std::string& token);
  /// A token that signs the first owner in, made anew each time, as long as no owner has chosen a
  /// password; nothing after that.
  domain::result<std::optional<std::string>> first_token();

  /// No call may be on its way any more.
  void stop();

private:
  std::unique_ptr<storage::identity_store> store_;
  http::password_hasher hasher_;
  federation_room federation_;
  http::gate door_;
};

/// A key for programs, made on the command line. Returns the key itself, which is shown once.
domain::result<std::string> make_key(storage::identity_store& store,
                                     const domain::uuid& workspace,
                                     const std::string& name,
                                     domain::permission_set scopes,
                                     std::optional<int> days);

/// Invites somebody, or gives a new link to somebody who is here. Returns the link's token.
domain::result<std::string> invite(storage::identity_store& store,
                                   const domain::uuid& workspace,
                                   const std::string& email,
                                   domain::role rank);

/// All workspaces, the oldest first.
domain::result<std::vector<storage::workspace_row>> list_workspaces(storage::identity_store& store);

/// The workspace of this id or name; the first one for an empty text.
domain::result<domain::uuid> find_workspace(storage::identity_store& store,
                                            const std::string& id_or_name);

struct made_workspace {
  domain::uuid id;
  std::string token; // of the link that signs its owner in; empty without one
};

/// Makes a workspace, with an owner unless `owner` is empty.
domain::result<made_workspace>
make_workspace(storage::identity_store& store, const std::string& name, const std::string& owner);

} // namespace hub::app
