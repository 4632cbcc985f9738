#pragma once

#include "actors/core_reader/protocol.hpp"
#include "actors/metered.hpp"
#include "storage/reads/read_store.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <unordered_map>

namespace hub::actors {

struct core_reader_state {
  core_reader_state() = default; // never an aggregate: docs/decisions/0003

  static inline const char* name = "core_reader";
  std::uint64_t next_token = 0;
  std::unordered_map<std::uint64_t, caf::typed_response_promise<domain::ticket_core>> asked;
};

using core_reader_pointer =
  caf::stateful_actor<core_reader_state, metered<core_reader_actor::base>>*;

/// `reads` must outlive the actor.
core_reader_actor::behavior_type core_reader_behavior(core_reader_pointer self,
                                                      storage::read_store* reads);

} // namespace hub::actors
