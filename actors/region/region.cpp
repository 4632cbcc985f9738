#include "actors/region/region.hpp"

#include "actors/failure_bridge.hpp"
#include "actors/ticket/ticket.hpp"

#include <utility>

namespace hub::actors {

namespace {

using phase = region_state::phase;

void pass_on(const ticket_actor& ticket, parked_message& message) {
  if (auto* report = std::get_if<follow_up>(&message.what))
    std::get<0>(message.answer).delegate(ticket, std::move(*report));
  else
    std::get<1>(message.answer).delegate(ticket, std::get<edit_ticket>(std::move(message.what)));
}

void refuse(parked_message& message, const caf::error& why) {
  std::visit([&](auto& promise) { promise.deliver(why); }, message.answer);
}

void start(region_pointer self, region_state::entry& entry, const domain::ticket_core& core) {
  auto& state = self->state;
  entry.handle = self->spawn<caf::monitored>(ticket_behavior, core, state.around);
  entry.now = phase::running;
  state.by_actor[entry.handle.id()] = {core.workspace, core.id};
  for (auto& message : std::exchange(entry.parked, {}))
    pass_on(entry.handle, message);
}

/// Brings the ticket from the database; what arrives meanwhile is parked.
void load(region_pointer self, const ticket_key& key) {
  self->request(self->state.around->core_reader, load_within, read_core{key.workspace, key.id})
    .then(
      [self, key](const domain::ticket_core& core) {
        if (const auto found = self->state.tickets.find(key); found != self->state.tickets.end())
          start(self, found->second, core);
      },
      [self, key](caf::error& error) {
        auto gone = self->state.tickets.extract(key);
        if (gone.empty())
          return;
        const auto why = to_caf(from_caf_reading(error));
        for (auto& message : gone.mapped().parked)
          refuse(message, why);
      });
}

/// Routes one message: to the ticket if it runs, else to where it waits for it.
template <class Reply, class Message>
caf::result<Reply> route(region_pointer self, const ticket_key& key, const Message& message) {
  auto& state = self->state;
  const auto [found, is_new] = state.tickets.try_emplace(key);
  auto& entry = found->second;
  entry.last_used = self->clock().now();
  if (entry.now == phase::running)
    return self->delegate(entry.handle, message);
  auto answer = self->template make_response_promise<Reply>();
  if (entry.parked.size() >= state.options.parked_limit) {
    answer.deliver(
      to_caf(domain::fail(domain::errc::unavailable, "too many messages wait for this ticket")));
    return answer;
  }
  entry.parked.push_back({message, answer});
  if (is_new)
    load(self, key);
  return answer;
}

/// The tickets end with their region. Left alone, one that lately saved something would live until
/// its request's time-out lets go of it, and the whole system would wait for that when it stops.
void end_with_tickets(region_pointer self, const caf::error& why) {
  for (const auto& [key, entry] : self->state.tickets)
    if (entry.handle)
      self->send_exit(entry.handle, why);
  self->quit(why);
}

/// A ticket has ended: forget it, or start it anew if somebody spoke to it meanwhile.
void let_go(region_pointer self, const caf::down_msg& down) {
  auto& state = self->state;
  auto known = state.by_actor.extract(down.source.id());
  if (known.empty())
    return;
  const auto& key = known.mapped();
  const auto found = state.tickets.find(key);
  if (found == state.tickets.end())
    return;
  if (down.reason)
    ++metrics_registry::instance().kind(ticket_state::name).restarts;
  auto& entry = found->second;
  entry.handle = nullptr;
  if (entry.parked.empty()) {
    state.tickets.erase(found);
    return;
  }
  entry.now = phase::loading;
  load(self, key);
}

} // namespace

region_actor::behavior_type region_behavior(region_pointer self,
                                            region_options options,
                                            std::shared_ptr<const surroundings> around) {
  auto& state = self->state;
  state.options = options;
  state.around = std::move(around);
  self->set_error_handler([](caf::error&) {});
  self->set_down_handler([self](caf::down_msg& down) { let_go(self, down); });
  self->set_exit_handler([self](caf::exit_msg& end) { end_with_tickets(self, end.reason); });
  self->delayed_send(self, state.options.sweep_every, sweep{});
  return {
    [self](const follow_up& message) -> caf::result<taken_in> {
      return route<taken_in>(self, {message.item->workspace, message.ticket}, message);
    },
    [self](const edit_ticket& message) -> caf::result<ticket_edited> {
      return route<ticket_edited>(self, {message.workspace, message.ticket}, message);
    },
    [self, &state](sweep) {
      const auto now = self->clock().now();
      for (auto& [key, entry] : state.tickets)
        if (entry.now == phase::running && now - entry.last_used > state.options.idle) {
          entry.now = phase::stopping; // nothing more is routed; the mailbox is FIFO from here
          self->send(entry.handle, passivate{});
        }
      self->delayed_send(self, state.options.sweep_every, sweep{});
    },
  };
}

} // namespace hub::actors
