#include "actors/journal/writer.hpp"

#include <chrono>
#include <utility>

namespace hub::actors {

namespace {

constexpr std::chrono::milliseconds reconnect_after{250};

} // namespace

caf::behavior writer_behavior(caf::stateful_actor<writer_state, metered<>>* self,
                              journal_actor journal,
                              int slot,
                              make_store make) {
  self->state.store = make(slot);
  self->set_error_handler([](caf::error&) {});
  self->send(self, reconnect{});
  return {
    [self, journal, slot](reconnect) {
      if (self->state.store->connect()) {
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
