#pragma once

#include "actors/metered.hpp"
#include "actors/surroundings.hpp"
#include "actors/ticket/protocol.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <memory>

namespace hub::actors {

struct ticket_state {
  ticket_state() = default; // never an aggregate: docs/decisions/0003

  static inline const char* name = "ticket";
  domain::ticket_core core;
  std::shared_ptr<const surroundings> around;
  /// True while memory may be behind the database: it is read again before the next decision.
  bool stale = false;
  /// When the last message came in: the next one comes after it, however coarse the clock.
  domain::time_point last_message;
};

using ticket_pointer = caf::stateful_actor<ticket_state, metered<ticket_actor::base>>*;

/// Changes its memory only when the journal says committed; while it waits, later messages wait.
ticket_actor::behavior_type ticket_behavior(ticket_pointer self,
                                            domain::ticket_core loaded,
                                            std::shared_ptr<const surroundings> shared);

} // namespace hub::actors
