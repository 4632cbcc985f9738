#pragma once

#include "actors/jobs/attempt.hpp"
#include "actors/jobs/job_figures.hpp"
#include "actors/jobs/protocol.hpp"
#include "actors/metered.hpp"
#include "actors/surroundings.hpp"

#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <unordered_map>

namespace hub::actors {

struct supervisor_options {
  domain::job_rules rules;
  std::chrono::milliseconds poll_every{1000};
  std::chrono::milliseconds renew_every{5000}; // well within the lease
  std::chrono::seconds sweep_every{60};        // looks for jobs that came late under an old time
  std::size_t announced_limit = 10'000;
};

struct supervisor_state {
  supervisor_state() = default; // never an aggregate: docs/decisions/0003

  /// One attempt, from its claim until what became of it is committed.
  struct running {
    domain::claimed_job job;
    caf::actor worker; // null once it has ended
    caf::actor_clock::time_point began;
    domain::time_point began_at{};
    bool sending = false;      // something outside may have been changed
    bool can_be_asked = false; // and a later attempt can find out
    bool timed_out = false;    // and was told to stop
    /// What is to be committed, once that is known.
    storage::change_ptr settlement;
    bool has_effects = false;
  };

  static inline const char* name = "job_supervisor";
  supervisor_options options;
  job_runner runner;
  job_claimer_actor claimer;
  std::shared_ptr<const surroundings> around;
  std::shared_ptr<job_figures> figures;
  std::mt19937_64 random;

  std::unordered_map<domain::uuid, running> attempts; // by job
  std::unordered_map<caf::actor_id, domain::uuid> by_worker;
  std::deque<domain::uuid> announced;
  bool claiming = false;   // at most one claim is under way
  bool poll_is_due = true; // also look at what nobody announced

  /// Where that look goes on. What lies behind it has been claimed, and walking over it again costs
  /// as much as there was, while an old transaction keeps it from being forgotten.
  struct {
    /// Unset: from the oldest job on.
    std::optional<domain::time_point> from;
    /// When, by the database's clock, it last began at `safe`.
    std::optional<domain::time_point> began;
    /// Nothing due before this can still turn up, but for what took long to be committed.
    std::optional<domain::time_point> safe;
    /// Of the wish to look from the oldest job on; an older look does not say where to go on.
    std::uint64_t generation = 0;
    /// The generation of the look that is under way.
    std::optional<std::uint64_t> under_way;
    /// Another one is wanted after that.
    bool once_more = false;
  } look;
  caf::actor_clock::time_point next_poll{};
  caf::actor_clock::time_point next_sweep{}; // a look from the oldest job on, at the latest
  caf::actor_clock::time_point next_renewal{};
  std::uint64_t tick = 0;

  bool stopping = false;
  caf::actor_clock::time_point stop_by{};
  std::optional<caf::typed_response_promise<jobs_stopped>> stopped;
};

using supervisor_pointer =
  caf::stateful_actor<supervisor_state, metered<job_supervisor_actor::base>>*;

/// Claims jobs of one kind, gives each a worker, and has the journal write what became of it.
job_supervisor_actor::behavior_type supervisor_behavior(supervisor_pointer self,
                                                        const supervisor_options& options,
                                                        job_runner runner,
                                                        job_claimer_actor claimer,
                                                        std::shared_ptr<const surroundings> around,
                                                        std::shared_ptr<job_figures> figures);

} // namespace hub::actors
