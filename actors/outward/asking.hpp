#pragma once

#include "actors/limiter/protocol.hpp"
#include "actors/metered.hpp"
#include "actors/outward/protocol.hpp"
#include "actors/surroundings.hpp"

#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <cstddef>
#include <memory>
#include <unordered_map>

namespace hub::actors {

struct asker_options {
  std::size_t most = 256; // questions at once, those in line too; more are told to come back
};

struct asker_state {
  asker_state() = default; // never an aggregate: docs/decisions/0003
  asker_state(const asker_state&) = delete;
  asker_state& operator=(const asker_state&) = delete;
  /// Runs when the actor ends, however it does: nobody waits for an answer that cannot come.
  ~asker_state();

  struct question {
    caf::typed_response_promise<model_answer> promise;
    caf::actor errand;
    caf::actor_clock::time_point over{};
  };

  static inline const char* name = "model_asker";
  asker_options options;
  limiters_actor limiters;
  model_desk* desk = nullptr;
  std::shared_ptr<const surroundings> around;
  std::uint64_t next_question = 1;
  std::unordered_map<std::uint64_t, question> asked;
  std::unordered_map<caf::actor_id, std::uint64_t> by_errand;
  std::uint64_t tick = 0;
};

using asker_pointer = caf::stateful_actor<asker_state, metered<model_asker_actor::base>>*;

/// Gets a permit for each question, asks the desk, gives the permit back with how that went. Where
/// the provider asks for a pause, all nodes learn of it from the database. `desk` must outlive it.
model_asker_actor::behavior_type asker_behavior(asker_pointer self,
                                                asker_options options,
                                                limiters_actor limiters,
                                                model_desk* desk,
                                                std::shared_ptr<const surroundings> around);

} // namespace hub::actors
