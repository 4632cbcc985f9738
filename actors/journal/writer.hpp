#pragma once

#include "actors/journal/journal.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <chrono>
#include <memory>
#include <vector>

namespace hub::actors {

/// One batch for one transaction.
struct write_batch {
  std::shared_ptr<const std::vector<storage::change_ptr>> changes;
};

/// Time to try the database again.
struct reconnect {};

struct writer_state {
  writer_state() = default; // never an aggregate: docs/decisions/0003

  static inline const char* name = "journal_writer";
  std::unique_ptr<storage::journal_store> store; // null until one could be made
  bool announced_away = false;
};

/// How long a writer waits before it tries its database again.
inline constexpr std::chrono::milliseconds reconnect_after{250};

/// Spawn detached: the store blocks. Tells `journal` when it is ready, has written, or lost its
/// database. Connects for the first time `after` it was spawned.
caf::behavior writer_behavior(caf::stateful_actor<writer_state, metered<>>* self,
                              journal_actor journal,
                              int slot,
                              make_store make,
                              std::chrono::milliseconds after);

} // namespace hub::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::write_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::reconnect)
