#pragma once

#include "actors/limiter/limiter_figures.hpp"
#include "actors/limiter/protocol.hpp"
#include "actors/metered.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

namespace hub::actors {

struct limiter_state {
  limiter_state() = default; // never an aggregate: docs/decisions/0003
  limiter_state(const limiter_state&) = delete;
  limiter_state& operator=(const limiter_state&) = delete;
  /// Runs when the actor ends, however it does: nobody waits for an answer that cannot come.
  ~limiter_state();

  struct waiting_call {
    caf::typed_response_promise<permit> promise;
    caf::actor_addr caller;
  };

  static inline const char* name = "rate_limiter";
  std::optional<domain::call_limiter> limiter;
  std::shared_ptr<limiter_figures> figures;
  std::shared_ptr<limiter_gauges> gauges = std::make_shared<limiter_gauges>(); // of this one
  domain::provider whom{};
  std::function<domain::limiter_rules()> rules; // as they are now
  std::uint64_t next_call = 1;
  std::unordered_map<std::uint64_t, waiting_call> waiting;
  std::unordered_map<std::uint64_t, caf::actor_addr> under_way;
  std::uint64_t tick = 0;
};

using limiter_pointer = caf::stateful_actor<limiter_state, metered<limiter_actor::base>>*;

/// The rules of calls to a provider in the name of a workspace, as they are now; called from any
/// thread, and often.
using limits_source =
  std::function<domain::limiter_rules(const domain::uuid& workspace, domain::provider whom)>;

/// Every caller is monitored while it waits or calls: one that dies gives its place back. Rates
/// that change hold for whoever waits within seconds.
limiter_actor::behavior_type limiter_behavior(limiter_pointer self,
                                              const domain::uuid& workspace,
                                              domain::provider whom,
                                              const limits_source& limits,
                                              const std::shared_ptr<limiter_figures>& figures);

struct limiters_state {
  limiters_state() = default; // never an aggregate: docs/decisions/0003

  static inline const char* name = "rate_limiters";
  std::map<std::pair<domain::uuid, domain::provider>, limiter_actor> limiters;
};

using limiters_pointer = caf::stateful_actor<limiters_state, metered<limiters_actor::base>>*;

limiters_actor::behavior_type limiters_behavior(limiters_pointer self,
                                                limits_source limits,
                                                const std::shared_ptr<limiter_figures>& figures);

} // namespace hub::actors
