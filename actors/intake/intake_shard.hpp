#pragma once

#include "actors/directory.hpp"
#include "actors/intake/protocol.hpp"
#include "actors/metered.hpp"
#include "actors/surroundings.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

namespace hub::actors {

struct waiting_item {
  std::shared_ptr<const domain::intake_item> item;
  caf::typed_response_promise<taken_in> answer;
  int attempts_left = 4;
};

struct intake_shard_state {
  intake_shard_state() = default; // never an aggregate: docs/decisions/0003

  static inline const char* name = "intake_shard";
  /// The front of each queue is being taken in; the rest waits for it.
  std::unordered_map<std::string, std::deque<waiting_item>> conversations;
  std::size_t waiting = 0;
  std::shared_ptr<const surroundings> around;
  std::shared_ptr<const directory> where;
  domain::uuid_generator ids{0};
};

using intake_shard_pointer = caf::stateful_actor<intake_shard_state, metered<intake_actor::base>>*;

/// How many items may wait in one shard, and in one conversation of it.
inline constexpr std::size_t intake_shard_limit = 1000;

intake_actor::behavior_type intake_shard_behavior(intake_shard_pointer self,
                                                  std::shared_ptr<const surroundings> around,
                                                  std::shared_ptr<const directory> where);

} // namespace hub::actors
