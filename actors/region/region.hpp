#pragma once

#include "actors/metered.hpp"
#include "actors/region/protocol.hpp"
#include "actors/surroundings.hpp"

#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <memory>
#include <unordered_map>
#include <variant>
#include <vector>

namespace hub::actors {

struct region_options {
  std::chrono::seconds idle{300}; // a ticket nobody spoke to for this long is let go
  std::chrono::seconds sweep_every{30};
  std::size_t parked_limit = 1000; // messages that wait for one ticket
};

/// A message that waits for its ticket to load or to restart.
struct parked_message {
  std::variant<follow_up, edit_ticket> what;
  std::variant<caf::typed_response_promise<taken_in>, caf::typed_response_promise<ticket_edited>>
    answer;
};

/// A ticket as its workspace knows it: asked for by another one, an id is another ticket, which
/// does not exist.
struct ticket_key {
  domain::uuid workspace;
  domain::uuid id;
  friend bool operator==(const ticket_key&, const ticket_key&) = default;
};

struct ticket_key_hash {
  std::size_t operator()(const ticket_key& key) const noexcept {
    return std::hash<domain::uuid>{}(key.id) ^ std::hash<domain::uuid>{}(key.workspace);
  }
};

struct region_state {
  region_state() = default; // never an aggregate: docs/decisions/0003

  enum class phase : std::uint8_t { loading, running, stopping };
  struct entry {
    phase now = phase::loading;
    ticket_actor handle;
    caf::actor_clock::time_point last_used;
    std::vector<parked_message> parked; // an empty std::deque holds half a kilobyte
  };

  static inline const char* name = "region";
  region_options options;
  std::shared_ptr<const surroundings> around;
  std::unordered_map<ticket_key, entry, ticket_key_hash> tickets;
  std::unordered_map<caf::actor_id, ticket_key> by_actor;
};

using region_pointer = caf::stateful_actor<region_state, metered<region_actor::base>>*;

region_actor::behavior_type region_behavior(region_pointer self,
                                            region_options options,
                                            std::shared_ptr<const surroundings> around);

} // namespace hub::actors
