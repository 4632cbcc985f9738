#include "http/server/live_stream.hpp"
#include "http/server/parse.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/mount.hpp"
#include "http/server/routes/routes.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;
using domain::permission;

constexpr std::size_t most_event_types = 50;
constexpr std::size_t longest_event_type = 64;

domain::result<std::string> read_event_type(std::string_view text) {
  const bool is_name = text.size() <= longest_event_type && std::ranges::all_of(text, [](char c) {
                         return (c >= 'a' && c <= 'z') || c == '_';
                       });
  if (!is_name)
    return fail(errc::invalid_input, "must be names of events, such as status_changed");
  return std::string{text};
}

/// The number of a header that browsers send by themselves; nothing where there is none.
domain::result<std::optional<std::int64_t>> last_event_id(const edge::request& request) {
  const auto text = request.header("last-event-id").value_or("");
  if (text.empty())
    return std::optional<std::int64_t>{};
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0)
    return fail(errc::malformed, "Last-Event-ID must be an id that this stream has sent");
  return std::optional{number};
}

void follow(context& hub,
            const stream_places& places,
            const call& from,
            edge::responder responder) {
  parameters given{from};
  live_wish wish{.workspace = from.who.workspace,
                 .ticket = given.id("ticket_id"),
                 .event_types = given.list<std::string>("event_type", read_event_type),
                 .after = {}};
  if (wish.event_types.size() > most_event_types)
    given.fault("event_type", "must be at most 50 names");
  if (!given.faults().empty())
    return responder.send(invalid_parameters(given.faults()));
  const auto after = last_event_id(from);
  if (!after)
    return responder.send(error_reply(after.why()));
  wish.after = *after;
  auto place = places(from);
  if (!place)
    return responder.send(error_reply(place.why()));
  send_events(
    hub.system,
    std::move(responder),
    std::move(wish),
    hub.feed,
    hub.reads,
    [&door = hub.door, from](std::function<void(bool)> done) {
      door.look_again(from, permission::tickets_read, std::move(done));
    },
    *std::move(place),
    hub.seed());
}

} // namespace

void mount_live(edge::server& server, context& hub, stream_places places) {
  server.route("GET",
               "/api/stream",
               only_with(hub,
                         permission::tickets_read,
                         [places = std::move(places)](
                           context& with, const call& from, edge::responder responder) {
                           follow(with, places, from, std::move(responder));
                         }));
}

} // namespace hub::http
