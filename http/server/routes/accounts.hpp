#pragma once

#include "http/server/context.hpp"
#include "http/server/edge/server.hpp"
#include "storage/identity/federation.hpp"

namespace hub::http {

class gate;
class oidc_provider;

/// What signing in through an identity provider needs; null: none is set up. Both must outlive the
/// server.
struct sign_in_provider {
  oidc_provider* provider = nullptr;
  storage::federation_store* people = nullptr;
  storage::provisioning others{}; // who may enter uninvited
};

// Each adds the routes of its area; `hub` and `door` must outlive the server.

/// Signing in and out, one's own sessions and password, and the page to do it on.
void mount_account(edge::server& server, context& hub, gate& door);
/// … and through an identity provider (OpenID Connect).
void mount_oidc(edge::server& server, context& hub, gate& door, const sign_in_provider& with);
/// People, API keys, and the record of who did what.
void mount_people(edge::server& server, context& hub, gate& door);
/// What a workspace sets for itself; `hub.known` must be there.
void mount_settings(edge::server& server, context& hub, gate& door);

} // namespace hub::http
