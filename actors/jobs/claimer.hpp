#pragma once

#include "actors/jobs/job_figures.hpp"
#include "actors/jobs/protocol.hpp"
#include "actors/metered.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <memory>

namespace hub::actors {

/// Makes the claimer's connection; called in its thread, and again when that failed.
using make_job_store = std::function<std::unique_ptr<storage::job_store>()>;

struct claimer_state {
  claimer_state() = default; // never an aggregate: docs/decisions/0003

  static inline const char* name = "job_claimer";
  std::unique_ptr<storage::job_store> store;
};

using claimer_pointer = caf::stateful_actor<claimer_state, metered<job_claimer_actor::base>>*;

/// Spawn detached: the store blocks.
job_claimer_actor::behavior_type job_claimer_behavior(claimer_pointer self,
                                                      const make_job_store& make,
                                                      std::chrono::milliseconds look_every,
                                                      const std::shared_ptr<job_figures>& figures);

} // namespace hub::actors
