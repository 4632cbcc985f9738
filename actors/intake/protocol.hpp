#pragma once

#include "actors/ticket/protocol.hpp"
#include "domain/intake.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <memory>

namespace hub::actors {

struct take_in {
  std::shared_ptr<const domain::intake_item> item;
};

/// Takes in the deliveries of its slice of conversations: one conversation at a time, in order.
using intake_actor = caf::typed_actor<
  // Answers once the item is durable; until then nothing was acknowledged.
  caf::replies_to<take_in>::with<taken_in>>;

} // namespace hub::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::take_in)
