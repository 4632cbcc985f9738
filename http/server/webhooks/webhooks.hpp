#pragma once

#include "http/server/context.hpp"
#include "http/server/edge/server.hpp"

namespace hub::http {

/// Routes the webhooks of every channel that has them.
void mount_webhooks(edge::server& server, context& hub);

} // namespace hub::http
