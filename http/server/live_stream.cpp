#include "http/server/live_stream.hpp"

#include "http/server/json/ticket_json.hpp"
#include "http/server/respond.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/spawn_options.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

namespace hub::http::live {

struct history_read {
  std::shared_ptr<const domain::result<storage::event_page>> page;
};

struct look_whether_alive {};

struct may_see {
  bool still = false;
};

} // namespace hub::http::live

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::http::live::history_read)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::http::live::look_whether_alive)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::http::live::may_see)

namespace hub::http {

namespace {

using namespace live;
using std::chrono::seconds;

constexpr seconds begins_within{90}; // the feed waits for slow transactions for a minute
constexpr seconds closed_seen_within{1};
constexpr int alive_every = 10; // of those; proxies give up on a silence of a minute
constexpr std::int64_t longest_history = 20'000; // numbers, of all workspaces
constexpr int history_page = 500;
constexpr std::size_t most_waiting = 2'000; // events, while the history is read

struct stream_state {
  stream_state() = default; // never an aggregate: docs/decisions/0003

  static inline const char* name = "live_stream";

  live_wish wish;
  storage::event_reads* reads = nullptr;
  std::function<void(std::function<void(bool)>)> may_still_see;
  std::shared_ptr<const void> held;

  edge::stream out;
  std::optional<std::int64_t> settled; // unset: the feed has not answered yet
  int looks = 0;
  std::optional<std::int64_t> history_until; // set while the history is read
  std::deque<actors::events_happened> waiting;
  std::size_t events_waiting = 0;
};

using stream_actor = caf::typed_actor<caf::reacts_to<actors::events_happened>,
                                      caf::reacts_to<history_read>,
                                      caf::reacts_to<look_whether_alive>,
                                      caf::reacts_to<may_see>>;
using stream_pointer = stream_actor::stateful_pointer<stream_state>;

bool is_wanted(const live_wish& wish, const storage::ticket_event& event) {
  return (!wish.ticket || *wish.ticket == event.ticket)
         && (wish.event_types.empty()
             || std::ranges::find(wish.event_types, event.what.type) != wish.event_types.end());
}

/// JSON has no line breaks of its own, so `data` is one line.
std::string frame_of(const storage::ticket_event& event, std::int64_t id) {
  auto body = event_json(event.what);
  body["ticket_id"] = to_string(event.ticket);
  return "id: " + std::to_string(id) + "\ndata: " + text_of(body) + "\n\n";
}

void end(stream_pointer self) {
  self->state.out.end();
  self->quit();
}

/// A reader that takes nothing is let go: it comes back for the rest.
void put(stream_pointer self, std::string bytes) {
  if (!bytes.empty() && !self->state.out.try_write(std::move(bytes)))
    end(self);
}

void pass_on(stream_pointer self, const actors::events_happened& happened) {
  auto& state = self->state;
  state.settled = std::max(*state.settled, happened.settled);
  std::string frames;
  for (const auto& event : *happened.events)
    if (is_wanted(state.wish, event)) // whoever goes on there is sent those behind it
      frames += frame_of(event, std::min(happened.settled, event.what.seq));
  put(self, std::move(frames));
}

void read_history(stream_pointer self, std::int64_t after) {
  storage::event_query query;
  query.workspaces = {self->state.wish.workspace};
  query.after = after;
  query.until = self->state.history_until;
  query.limit = history_page;
  self->state.reads->list_events(
    std::move(query),
    [to = caf::actor_cast<stream_actor>(self)](domain::result<storage::event_page> page) {
      caf::anon_send(
        to,
        history_read{std::make_shared<const domain::result<storage::event_page>>(std::move(page))});
    });
}

void begin(stream_pointer self, const actors::feed_position& at) {
  auto& state = self->state;
  state.settled = at.settled;
  const auto& after = state.wish.after;
  // A number that is still to come is one of another database's.
  if (after && (*after > at.last_number || at.settled - *after > longest_history))
    return put(self, "event: reset\nid: " + std::to_string(at.settled) + "\ndata: {}\n\n");
  if (!after) // wherever it breaks off, it can go on
    return put(self, "id: " + std::to_string(at.settled) + "\n\n");
  if (*after >= at.settled)
    return;
  state.history_until = at.settled;
  read_history(self, *after);
}

void pass_on_history(stream_pointer self, const storage::event_page& page) {
  auto& state = self->state;
  std::string frames;
  for (const auto& event : page.events)
    if (is_wanted(state.wish, event))
      frames += frame_of(event, event.what.seq);
  put(self, std::move(frames));
  if (page.more)
    return read_history(self, page.events.back().what.seq);
  state.history_until.reset();
  state.events_waiting = 0;
  for (const auto& happened : std::exchange(state.waiting, {}))
    pass_on(self, happened);
}

stream_actor::behavior_type
stream_behavior(stream_pointer self,
                edge::stream out,
                live_wish wish,
                const actors::feed_actor& feed,
                storage::event_reads* reads,
                std::function<void(std::function<void(bool)>)> may_still_see,
                std::shared_ptr<const void> held) {
  auto& state = self->state;
  state.out = std::move(out);
  state.looks = static_cast<int>(self->id() % alive_every); // not all at the same moment
  state.wish = std::move(wish);
  state.reads = reads;
  state.may_still_see = std::move(may_still_see);
  state.held = std::move(held);
  self->set_error_handler([](caf::error&) {});
  self->set_down_handler([self](const caf::down_msg&) { end(self); }); // the feed: the hub stops
  self->monitor(feed);
  self
    ->request(feed,
              begins_within,
              actors::watch_events{state.wish.workspace,
                                   caf::actor_cast<actors::events_watcher_actor>(self)})
    .then([self](const actors::feed_position& at) { begin(self, at); },
          [self](const caf::error&) { end(self); }); // the client comes back
  self->delayed_send(self, closed_seen_within, look_whether_alive{});
  return {
    [self, &state](const actors::events_happened& happened) {
      if (happened.is_over)
        return end(self);
      if (!state.history_until)
        return pass_on(self, happened);
      state.events_waiting += happened.events->size();
      if (state.events_waiting > most_waiting)
        return end(self); // it comes back for the rest
      state.waiting.push_back(happened);
    },
    [self](const history_read& read) {
      if (*read.page)
        pass_on_history(self, **read.page);
      else
        end(self);
    },
    [self, &state](look_whether_alive) {
      if (state.out.closed())
        return self->quit();
      self->delayed_send(self, closed_seen_within, look_whether_alive{});
      if (++state.looks % alive_every != 0)
        return;
      // The number too, once all before it has been sent: the next history is short then.
      const bool all_sent = state.settled && !state.history_until;
      put(self, all_sent ? ": here\nid: " + std::to_string(*state.settled) + "\n\n" : ": here\n\n");
      state.may_still_see([to = caf::actor_cast<stream_actor>(self)](bool still) {
        caf::anon_send(to, may_see{still});
      });
    },
    [self](const may_see& answer) {
      if (!answer.still)
        end(self);
    },
  };
}

} // namespace

void send_events(caf::actor_system& system,
                 edge::responder responder,
                 live_wish wish,
                 actors::feed_actor feed,
                 storage::event_reads& reads,
                 std::function<void(std::function<void(bool)>)> may_still_see,
                 std::shared_ptr<const void> held,
                 std::uint64_t random_delay) {
  auto out = responder.open_stream(
    {.status = 200,
     .content_type = "text/event-stream",
     .body = {},
     .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}}});
  // Browsers come back after a break; not all of them at the same moment.
  if (!out.try_write("retry: " + std::to_string(1000 + random_delay % 4000) + "\n\n"))
    return;
  system.spawn<caf::hidden>(stream_behavior,
                            std::move(out),
                            std::move(wish),
                            std::move(feed),
                            &reads,
                            std::move(may_still_see),
                            std::move(held));
}

} // namespace hub::http
