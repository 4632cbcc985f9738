#include "http/server/download.hpp"

#include "http/server/respond.hpp"

#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/spawn_options.hpp>
#include <caf/stateful_actor.hpp>

#include <chrono>
#include <optional>
#include <utility>

namespace hub::http::download {

struct piece_came {
  domain::result<file_piece> piece;
};

struct look_for_room {};

struct piece_is_late {
  int which = 0;
};

} // namespace hub::http::download

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::http::download::piece_came)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::http::download::look_for_room)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::http::download::piece_is_late)

namespace hub::http {

namespace {

using namespace download;
using std::chrono::milliseconds;
using std::chrono::seconds;
using steady = std::chrono::steady_clock;

constexpr milliseconds look_every{20};
constexpr seconds reader_takes_within{30};
constexpr seconds piece_comes_within{25}; // before the edge loses patience with the handler

struct sender_state {
  static inline const char* name = "download";

  std::shared_ptr<edge::responder> responder; // until there is a stream
  file_facts facts;
  next_piece next;
  std::shared_ptr<const void> held;

  std::optional<edge::stream> out;
  file_piece waiting; // for room in the stream
  steady::time_point moves_until;
  int asked = 0;
};

using sender = caf::stateful_actor<sender_state>;

void ask_for_next(sender* self) {
  const int which = ++self->state.asked;
  self->delayed_send(self, piece_comes_within, piece_is_late{which});
  self->state.next([to = caf::actor_cast<caf::actor>(self)](domain::result<file_piece> piece) {
    caf::anon_send(to, piece_came{std::move(piece)});
  });
}

void fail(sender* self, const domain::failure& why) {
  auto& state = self->state;
  if (state.out)
    state.out->abort();
  else
    state.responder->send(error_reply(why));
  self->quit();
}

void open(sender_state& state) {
  edge::reply head{.status = 200,
                   .content_type = state.facts.content_type,
                   .body = {},
                   .headers = std::move(state.facts.headers)};
  head.headers.emplace_back("Content-Disposition", std::move(state.facts.disposition));
  state.out = state.responder->open_stream(std::move(head));
  state.responder.reset();
}

/// Hands the piece on as soon as there is room for it.
void put(sender* self) {
  auto& state = self->state;
  if (state.out->closed())
    return self->quit(); // the reader has gone
  if (!state.out->try_write(state.waiting.bytes)) {
    if (steady::now() > state.moves_until)
      return fail(self, domain::fail(domain::errc::timed_out, "the reader takes nothing"));
    self->delayed_send(self, look_every, look_for_room{});
    return;
  }
  state.waiting.bytes.clear();
  if (!state.waiting.last)
    return ask_for_next(self);
  state.out->end();
  self->quit();
}

caf::behavior send_pieces(sender* self) {
  ask_for_next(self);
  return {
    [self](piece_came& came) {
      auto& state = self->state;
      ++state.asked; // it is late no more
      if (!came.piece)
        return fail(self, came.piece.why());
      if (!state.out)
        open(state);
      state.waiting = *std::move(came.piece);
      state.moves_until = steady::now() + reader_takes_within;
      put(self);
    },
    [self](look_for_room) { put(self); },
    [self](const piece_is_late& late) {
      if (late.which == self->state.asked)
        fail(self, domain::fail(domain::errc::unavailable, "the database takes too long"));
    },
  };
}

} // namespace

void send_file(caf::actor_system& system,
               edge::responder responder,
               file_facts facts,
               next_piece next,
               std::shared_ptr<const void> held) {
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  system.spawn<caf::hidden>(
    [](sender* self,
       std::shared_ptr<edge::responder> to,
       file_facts what,
       next_piece pieces,
       std::shared_ptr<const void> place) {
      self->state.responder = std::move(to);
      self->state.facts = std::move(what);
      self->state.next = std::move(pieces);
      self->state.held = std::move(place);
      return send_pieces(self);
    },
    std::move(reply_to),
    std::move(facts),
    std::move(next),
    std::move(held));
}

} // namespace hub::http
