#pragma once

#include "http/server/context.hpp"
#include "http/server/edge/server.hpp"

namespace hub::http {

class gate;

// Each adds the routes of its area; `hub` and `door` must outlive the server.

/// Signing in and out, one's own sessions and password, and the page to do it on.
void mount_account(edge::server& server, context& hub, gate& door);
/// People, API keys, and the record of who did what.
void mount_people(edge::server& server, context& hub, gate& door);

} // namespace hub::http
