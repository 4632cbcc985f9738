#pragma once

#include "actors/feed/protocol.hpp"
#include "actors/feed/settling.hpp"
#include "actors/metered.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <set>
#include <vector>

namespace hub::actors {

struct feed_state {
  feed_state() = default; // never an aggregate: docs/decisions/0003

  static inline const char* name = "live_feed";

  struct watching {
    domain::uuid workspace;
    events_watcher_actor who;
    bool is_new = false; // it has not heard yet what others heard before this look
  };
  /// Waits until it is known where the watching begins.
  struct joining {
    watching one;
    caf::typed_response_promise<feed_position> answer;
  };

  std::vector<watching> watchers;
  std::vector<joining> joiners;
  std::vector<joining> asked_for; // those whose workspaces the running read includes
  settling horizon;
  std::int64_t read_until = 0;                         // in a look of several pages: how far
  bool in_look = false;                                // between its pages
  std::chrono::steady_clock::time_point settles_until; // waits no longer for what is settling
  std::chrono::steady_clock::time_point told_settled;  // even those for whom there was no event
  std::set<std::int64_t> told;                         // numbers beyond what is settled
  std::uint64_t looks = 0;
  bool reading = false;
};

using feed_pointer = caf::stateful_actor<feed_state, metered<feed_actor::base>>*;

/// `reads` must outlive the actor.
feed_actor::behavior_type feed_behavior(feed_pointer self, storage::event_reads* reads);

} // namespace hub::actors
