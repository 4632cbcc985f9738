#include "actors/core_reader/core_reader.hpp"

#include "actors/failure_bridge.hpp"

#include <caf/send.hpp>

#include <utility>

namespace hub::actors {

core_reader_actor::behavior_type core_reader_behavior(core_reader_pointer self,
                                                      storage::read_store* reads) {
  auto& state = self->state;
  self->set_error_handler([](caf::error&) {});
  return {
    [self, &state, reads](const read_core& wanted) -> caf::result<domain::ticket_core> {
      auto answer = self->make_response_promise<domain::ticket_core>();
      const auto token = state.next_token++;
      state.asked.emplace(token, answer);
      // The promise is this actor's; the reader's thread only sends it the answer.
      auto me = caf::actor_cast<core_reader_actor>(self);
      reads->core_of(
        wanted.workspace, wanted.ticket, [me, token](domain::result<domain::ticket_core> core) {
          caf::anon_send(me, core_read{token, std::move(core)});
        });
      return answer;
    },
    [&state](const core_read& read) {
      auto asked = state.asked.extract(read.token);
      if (asked.empty())
        return;
      if (read.core)
        asked.mapped().deliver(*read.core);
      else
        asked.mapped().deliver(to_caf(read.core.why()));
    },
  };
}

} // namespace hub::actors
