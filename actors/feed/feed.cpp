#include "actors/feed/feed.hpp"

#include "actors/failure_bridge.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace hub::actors {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds look_every{250};
constexpr milliseconds look_again_soon{20};
constexpr seconds look_after_failure{1};
/// Long after a transaction of the journal has ended, or was ended: something else holds things up.
constexpr seconds settles_within{60};
constexpr seconds settled_told_every{5};
constexpr int page_size = 2000;

using shared_events = std::shared_ptr<std::vector<storage::ticket_event>>;

void look(feed_pointer self, milliseconds after) {
  self->delayed_send(self, after, look_for_events{++self->state.looks});
}

/// Reads what is new for everybody who watches or wants to; the next page of the look, if it has
/// begun.
void read(feed_pointer self, storage::event_reads& reads) {
  auto& state = self->state;
  if (state.reading)
    return;
  if (!state.in_look)
    state.asked_for = std::exchange(state.joiners, {});
  std::set<domain::uuid> workspaces;
  for (const auto& one : state.watchers)
    workspaces.insert(one.workspace);
  for (const auto& one : state.asked_for)
    workspaces.insert(one.one.workspace);
  if (workspaces.empty()) { // nobody watches: what was known grows old
    state.horizon = {};
    state.told.clear();
    state.in_look = false;
    if (!state.joiners.empty()) // they came while a look went on that nobody waits for any more
      look(self, look_again_soon);
    return;
  }
  state.reading = true;
  storage::event_query query;
  query.workspaces.assign(workspaces.begin(), workspaces.end());
  // Until it is known what is settled only the numbers are of interest.
  query.after = state.in_look
                  ? state.read_until
                  : state.horizon.settled().value_or(std::numeric_limits<std::int64_t>::max());
  query.limit = page_size;
  query.takes_number = !state.in_look && state.horizon.wants_number();
  reads.list_events(
    std::move(query),
    [me = caf::actor_cast<feed_actor>(self)](domain::result<storage::event_page> page) {
      caf::anon_send(
        me,
        events_read{std::make_shared<const domain::result<storage::event_page>>(std::move(page))});
    });
}

void fail_joiners(feed_state& state, const domain::failure& why) {
  for (auto& one : std::exchange(state.asked_for, {}))
    one.answer.deliver(to_caf(why));
}

/// Whoever waits begins here, and hears of all that is not settled.
void let_join(feed_pointer self, const storage::event_page& page, std::int64_t settled) {
  auto& state = self->state;
  for (auto& one : std::exchange(state.asked_for, {})) {
    self->monitor(one.one.who);
    one.answer.deliver(feed_position{settled, page.last_number});
    one.one.is_new = true;
    state.watchers.push_back(std::move(one.one));
  }
}

void tell(feed_pointer self, const storage::event_page& page, std::int64_t settled) {
  auto& state = self->state;
  std::map<domain::uuid, shared_events> fresh;
  std::map<domain::uuid, shared_events> all; // for those who are new
  const auto add = [](auto& to, const storage::ticket_event& event) {
    auto& events = to[event.workspace];
    if (!events)
      events = std::make_shared<std::vector<storage::ticket_event>>();
    events->push_back(event);
  };
  const bool some_are_new =
    std::ranges::any_of(state.watchers, [](const auto& one) { return one.is_new; });
  for (const auto& event : page.events) {
    if (state.told.insert(event.what.seq).second)
      add(fresh, event);
    if (some_are_new)
      add(all, event);
  }
  for (const auto& one : state.watchers)
    if (const auto& theirs = (one.is_new ? all : fresh)[one.workspace])
      self->send(one.who, events_happened{theirs, settled, false});
}

std::shared_ptr<const std::vector<storage::ticket_event>> no_events() {
  static const auto none = std::make_shared<const std::vector<storage::ticket_event>>();
  return none;
}

/// Tells those, too, in whose workspaces nothing happens: should they come back, they need not go
/// through everybody else's history.
void tell_settled(feed_pointer self, std::int64_t settled) {
  auto& state = self->state;
  const auto now = self->clock().now();
  if (now < state.told_settled + settled_told_every)
    return;
  state.told_settled = now;
  for (const auto& one : state.watchers)
    self->send(one.who, events_happened{no_events(), settled, false});
}

/// The look is complete: moves on what is settled.
void end_look(feed_pointer self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  state.in_look = false;
  for (auto& one : state.watchers)
    one.is_new = false;
  const bool was_waiting = state.horizon.is_waiting();
  const bool moved = state.horizon.end_look(was_waiting && now >= state.settles_until);
  if (!was_waiting || moved) // it waits for something else now
    state.settles_until = now + settles_within;
  if (!moved)
    return;
  const auto settled = *state.horizon.settled();
  state.told.erase(state.told.begin(), state.told.upper_bound(settled));
  tell_settled(self, settled);
}

/// Those who watch come back and are told to read again what they show.
void begin_anew(feed_pointer self) {
  auto& state = self->state;
  for (const auto& one : std::exchange(state.watchers, {}))
    self->send(one.who, events_happened{no_events(), 0, true});
  state.horizon = {};
  state.told.clear();
  state.in_look = false;
}

/// Lets wait once more who could not join yet.
void ask_again_for(feed_state& state) {
  for (auto& one : std::exchange(state.asked_for, {}))
    state.joiners.push_back(std::move(one));
}

/// When to look again.
milliseconds take(feed_pointer self, const storage::event_page& page) {
  auto& state = self->state;
  const auto settled = state.horizon.settled();
  if (settled && page.last_number < *settled) {
    begin_anew(self);
    ask_again_for(state);
    return look_again_soon;
  }
  if (!state.in_look)
    state.horizon.begin_look(page);
  if (!settled) { // nothing was read but numbers
    end_look(self);
    ask_again_for(state);
    return look_again_soon;
  }
  if (!state.in_look)
    let_join(self, page, *settled);
  tell(self, page, *settled);
  if (page.more) {
    state.in_look = true;
    state.read_until = page.events.back().what.seq;
    return milliseconds{0};
  }
  end_look(self);
  return state.joiners.empty() ? look_every : look_again_soon;
}

} // namespace

feed_actor::behavior_type feed_behavior(feed_pointer self, storage::event_reads* reads) {
  auto& state = self->state;
  self->set_error_handler([](caf::error&) {});
  self->set_down_handler([&state](const caf::down_msg& down) {
    std::erase_if(state.watchers,
                  [&](const auto& one) { return one.who.address() == down.source; });
  });
  return {
    [self, &state, reads](const watch_events& wanted) -> caf::result<feed_position> {
      auto answer = self->make_response_promise<feed_position>();
      auto& joining = state.joiners.emplace_back();
      joining.one.workspace = wanted.workspace;
      joining.one.who = wanted.watcher;
      joining.answer = answer;
      read(self, *reads);
      return answer;
    },
    [self, &state](const events_read& read) {
      state.reading = false;
      if (*read.page)
        return look(self, take(self, **read.page));
      state.in_look = false; // and all over again
      fail_joiners(state, read.page->why());
      look(self, look_after_failure);
    },
    [self, &state, reads](const look_for_events& look) {
      if (look.which == state.looks)
        read(self, *reads);
    },
  };
}

} // namespace hub::actors
