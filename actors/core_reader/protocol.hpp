#pragma once

#include "domain/change.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace hub::actors {

struct read_core {
  domain::uuid workspace;
  domain::uuid ticket;
};

/// A reader thread has answered; `token` says which request.
struct core_read {
  std::uint64_t token = 0;
  domain::result<domain::ticket_core> core;
};

/// Brings a ticket's core from the database without blocking an actor thread.
using core_reader_actor = caf::typed_actor<
  // `not_found` for an id no ticket has.
  caf::replies_to<read_core>::with<domain::ticket_core>,
  // From the reader threads.
  caf::reacts_to<core_read>>;

} // namespace hub::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::read_core)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::core_read)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::domain::ticket_core)
