#pragma once

#include "actors/ticket/protocol.hpp"

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace hub::actors {

/// Time to let go of tickets nobody spoke to for a while.
struct sweep {};

/// The only route to the tickets of one shard: activates them on demand, passivates them when idle,
/// and loses no message in between. Never keep a ticket's own handle; ask the region.
using region_actor =
  caf::typed_actor<caf::replies_to<follow_up>::with<taken_in>,        // see ticket_actor
                   caf::replies_to<edit_ticket>::with<ticket_edited>, // see ticket_actor;
                                                                      // `not_found` for no ticket
                   caf::reacts_to<sweep>>;

} // namespace hub::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::sweep)
