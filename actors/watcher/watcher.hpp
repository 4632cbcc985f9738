#pragma once

#include <caf/actor.hpp>
#include <caf/error.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace hub::actors {

struct watched_actor {
  std::string name;
  caf::actor handle;
};

struct watcher_state {
  watcher_state() = default; // never an aggregate: docs/decisions/0003

  static inline const char* name = "watcher";
  std::unordered_map<caf::actor_id, std::string> names;
};

/// Told which actor ended, and why.
using on_loss = std::function<void(const std::string& name, const caf::error& why)>;

/// Watches actors that live as long as their node. One that ends before it was told to calls
/// `lost`: whoever holds its handle would be refused for ever, so the node has to be started again.
caf::behavior watcher_behavior(caf::stateful_actor<watcher_state>* self,
                               const std::vector<watched_actor>& all,
                               const on_loss& lost);

} // namespace hub::actors
