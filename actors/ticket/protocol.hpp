#pragma once

#include "domain/intake.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <memory>

namespace hub::actors {

/// A report that belongs to a known ticket.
struct follow_up {
  domain::uuid ticket;
  std::shared_ptr<const domain::intake_item> item;
};

/// What became of a report.
struct taken_in {
  domain::delivery_outcome outcome{};
  domain::uuid ticket; // nil where there is none
  domain::uuid delivery;
  bool duplicate = false;
};

/// A person changes a ticket.
struct edit_ticket {
  domain::uuid workspace;
  domain::uuid ticket;
  std::shared_ptr<const domain::ticket_patch> patch;
};

struct ticket_edited {
  domain::uuid ticket;
  std::int64_t version = 0;
  bool duplicate = false;   // the Idempotency-Key was used before
  bool same_request = true; // … for the same request
};

/// From the region only: end after what is in the mailbox.
struct passivate {};

/// Owns one ticket: its mailbox is the only road by which the ticket changes.
using ticket_actor = caf::typed_actor<
  // Adds a message; reopens a finished ticket where the rules say so.
  caf::replies_to<follow_up>::with<taken_in>,
  // Applies a patch; `conflict` for a stale version, `invalid_input` for a forbidden step.
  caf::replies_to<edit_ticket>::with<ticket_edited>,
  caf::reacts_to<passivate>>;

} // namespace hub::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::follow_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::taken_in)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::edit_ticket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::ticket_edited)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::passivate)
