#include "actors/watcher/watcher.hpp"

#include <caf/exit_reason.hpp>
#include <caf/unit.hpp>

#include <utility>

namespace hub::actors {

caf::behavior watcher_behavior(caf::stateful_actor<watcher_state>* self,
                               const std::vector<watched_actor>& all,
                               const on_loss& lost) {
  for (const auto& each : all) {
    self->state.names.emplace(each.handle.id(), each.name);
    self->monitor(each.handle);
  }
  self->set_error_handler([](caf::error&) {});
  self->set_down_handler([self, lost](const caf::down_msg& down) {
    auto known = self->state.names.extract(down.source.id());
    if (!known.empty() && down.reason != caf::exit_reason::user_shutdown)
      lost(known.mapped(), down.reason);
  });
  return {[](const caf::unit_t&) {}}; // without any handler it would end at once
}

} // namespace hub::actors
