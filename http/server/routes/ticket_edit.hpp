#pragma once

#include "domain/intake.hpp"
#include "http/server/context.hpp"
#include "http/server/edge/responder.hpp"

#include <cstddef>
#include <memory>

namespace hub::http {

inline constexpr std::size_t longest_title = 500; // of a title given by hand, in bytes

/// Has the ticket's owner apply a patch, once for each Idempotency-Key, and sends the ticket as it
/// is then.
void edit(context& hub,
          const domain::uuid& workspace,
          const domain::uuid& ticket,
          std::shared_ptr<const domain::ticket_patch> patch,
          edge::responder responder);

} // namespace hub::http
