#include "actors/journal/writer.hpp"

#include <chrono>
#include <exception>
#include <utility>

namespace hub::actors {

namespace {

/// Makes the store if need be. A factory that throws is a database that cannot be had yet.
bool connect(writer_state& state, const make_store& make, int slot) {
  try {
    if (!state.store)
      state.store = make(slot);
    return state.store->connect().has_value();
  } catch (const std::exception&) {
    return false;
  }
}

} // namespace

// By value: CAF hands a new actor's arguments on as they are stored.
// NOLINTBEGIN(performance-unnecessary-value-param)

caf::behavior writer_behavior(caf::stateful_actor<writer_state, metered<>>* self,
                              journal_actor journal,
                              int slot,
                              make_store make,
                              std::chrono::milliseconds after) {
  // NOLINTEND(performance-unnecessary-value-param)
  self->set_error_handler([](caf::error&) {});
  self->delayed_send(self, after, reconnect{});
  return {
    [self, journal, slot, make](reconnect) {
      if (connect(self->state, make, slot)) {
        self->state.announced_away = false;
        self->send(journal, writer_ready{slot});
        return;
      }
      if (!std::exchange(self->state.announced_away, true))
        self->send(journal, writer_away{slot});
      self->delayed_send(self, reconnect_after, reconnect{});
    },
    [self, journal, slot](const write_batch& batch) {
      batch_written done;
      done.slot = slot;
      done.verdicts = std::make_shared<std::vector<domain::verdict>>(
        self->state.store->commit(*batch.changes, done.stats));
      done.connected = self->state.store->connected();
      self->send(journal, done);
      if (!done.connected)
        self->send(self, reconnect{});
    },
  };
}

} // namespace hub::actors
