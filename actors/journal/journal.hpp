#pragma once

#include "actors/journal/journal_metrics.hpp"
#include "actors/journal/protocol.hpp"
#include "actors/metered.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace hub::actors {

/// Makes the connection of one writer; called in that writer's thread. May throw.
using make_store = std::function<std::unique_ptr<storage::journal_store>(int slot)>;

struct journal_options {
  int writers = 2;
  std::size_t queue_limit = 10'000;
  std::size_t max_batch = 256;
  // Counts alone would let a few thousand of the largest deliveries fill the memory.
  std::size_t queue_bytes = std::size_t{64} << 20;
  std::size_t max_batch_bytes = std::size_t{16} << 20; // one larger Change goes alone
};

struct waiting_change {
  storage::change_ptr what;
  std::size_t bytes = 0;
  caf::typed_response_promise<domain::verdict> answer;
};

struct journal_state {
  journal_state() = default; // never an aggregate: docs/decisions/0003

  enum class phase : std::uint8_t { away, ready, writing };
  struct writer {
    caf::actor handle;
    phase now = phase::away;
    std::vector<waiting_change> batch;
  };

  static inline const char* name = "journal";
  journal_options options;
  make_store make;
  std::shared_ptr<journal_metrics> metrics;
  std::deque<waiting_change> queue;
  std::size_t queued_bytes = 0;
  std::vector<writer> writers;
  std::array<job_supervisor_actor, domain::job_kind_count> supervisors; // null: not on this node
};

using journal_pointer = caf::stateful_actor<journal_state, metered<journal_actor::base>>*;

journal_actor::behavior_type journal_behavior(journal_pointer self,
                                              journal_options options,
                                              make_store make,
                                              std::shared_ptr<journal_metrics> metrics);

} // namespace hub::actors
