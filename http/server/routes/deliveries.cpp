#include "domain/source.hpp"
#include "http/server/idempotent.hpp"
#include "http/server/json/ticket_json.hpp"
#include "http/server/paging.hpp"
#include "http/server/parse.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/mount.hpp"
#include "http/server/routes/routes.hpp"
#include "http/server/webhooks/place.hpp"
#include "http/server/webhooks/take_in.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;
using nlohmann::json;

void list(context& hub, const call& request, edge::responder responder) {
  parameters given{request};
  storage::delivery_query query;
  query.workspace = request.who.workspace;
  const auto outcomes =
    given.list<domain::delivery_outcome>("status", domain::parse_delivery_outcome);
  const auto platforms = given.list<domain::channel>("platform", domain::parse_channel);
  if (outcomes.size() > 1)
    given.fault("status", "must be one status");
  if (platforms.size() > 1)
    given.fault("platform", "must be one platform");
  query.after = given.id("cursor");
  const auto at = read_page_number(given, query.after.has_value());
  if (!given.faults().empty())
    return responder.send(invalid_parameters(given.faults()));
  query.limit = at.per_page;
  query.offset = at.offset();
  if (!outcomes.empty())
    query.outcome = outcomes.front();
  if (!platforms.empty())
    query.platform = platforms.front();
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  hub.reads.list_deliveries(
    query,
    [reply_to, at, asked = request, by_cursor = query.after.has_value()](
      domain::result<storage::delivery_page> found) {
      if (!found)
        return reply_to->send(error_reply(found.why()));
      auto body = json::array();
      for (const auto& row : found->deliveries)
        body.push_back(to_json(row));
      reply_to->send(
        page_reply(asked,
                   at,
                   by_cursor,
                   *found,
                   text_of(body),
                   found->deliveries.empty() ? "" : to_string(found->deliveries.back().id)));
    });
}

edge::reply replayed(const domain::uuid& delivery, const std::vector<actors::taken_in>& taken) {
  const auto& first = taken.front();
  const json body{
    {"status", "ok"},
    {"delivery_id", to_string(delivery)},
    {"outcome", to_string(first.outcome)},
    {"ticket_id", first.ticket.is_nil() ? json(nullptr) : json(to_string(first.ticket))},
    {"duplicate", first.duplicate}};
  return json_reply(200, text_of(body));
}

/// Takes in what a delivery is now understood as; its row becomes that.
void take_again(context& hub,
                const received_delivery& delivery,
                read_delivery understood,
                const send_reply& send) {
  if (understood.trouble)
    return send(error_reply(
      fail(errc::invalid_input, "it is still not understood: " + understood.trouble->message)));
  if (understood.items.empty())
    return send(
      error_reply(fail(errc::invalid_input, "it holds nothing to take in; nothing to replay")));
  take_in_all(hub,
              std::move(understood.items),
              [send, id = *delivery.replays](domain::result<std::vector<actors::taken_in>> taken) {
                send(taken ? replayed(id, *taken) : error_reply(taken.why()));
              });
}

/// Takes a delivery in where it belongs, and only then forgets it here: whoever dies in between,
/// and does it again, finds it taken in there.
void give_away(context& hub,
               const received_delivery& delivery,
               const domain::uuid& from,
               std::vector<std::shared_ptr<const domain::intake_item>> items,
               const send_reply& send) {
  take_in_all(hub,
              std::move(items),
              [&hub, delivery, from, send](domain::result<std::vector<actors::taken_in>> taken) {
                if (!taken)
                  return send(error_reply(taken.why()));
                take_in_all(hub,
                            {given_away(delivery, from)},
                            [id = *delivery.replays,
                             send](domain::result<std::vector<actors::taken_in>> gone) {
                              send(gone ? replayed(id, *gone) : error_reply(gone.why()));
                            });
              });
}

/// Reads a quarantined delivery again, as it would be read if it came today: where it waited to be
/// told its workspace, by today's accounts.
void read_again(context& hub,
                const caller& by,
                const domain::uuid& id,
                const storage::stored_delivery& stored,
                const send_reply& send) {
  if (stored.row.outcome != to_string(domain::delivery_outcome::quarantined)) {
    const auto outcome = domain::parse_delivery_outcome(stored.row.outcome);
    return send(replayed(id,
                         {{.outcome = outcome ? *outcome : domain::delivery_outcome::duplicate,
                           .ticket = stored.row.ticket.value_or(domain::uuid{}),
                           .delivery = id,
                           .duplicate = true}}));
  }
  const auto platform = domain::parse_channel(stored.row.platform);
  if (!platform)
    return send(error_reply(platform.why()));
  const received_delivery delivery{.platform = *platform,
                                   .content_type = stored.content_type,
                                   .body = std::make_shared<const std::string>(stored.payload),
                                   .received_at = stored.row.received_at,
                                   .replays = id,
                                   .replayed_by = by.who};
  // Only the first workspace sets aside what may be another's; elsewhere an id only looks like
  // that.
  if (by.workspace != hub.workspace || !domain::is_unplaced(stored.row.external_id))
    return take_again(hub, delivery, read(delivery, by.workspace), send);
  place(hub,
        delivery,
        [&hub, workspace = by.workspace, delivery, send](domain::result<read_delivery> understood) {
          if (!understood)
            return send(error_reply(understood.why()));
          const bool stays = std::ranges::any_of(
            understood->items, [&](const auto& item) { return item->workspace == workspace; });
          stays || understood->items.empty()
            ? take_again(hub, delivery, *std::move(understood), send)
            : give_away(hub, delivery, workspace, std::move(understood->items), send);
        });
}

void replay(context& hub, const call& request, edge::responder responder) {
  const auto id = id_in_path(request, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  auto key = idempotency_of(request, 200);
  if (!key)
    return responder.send(error_reply(key.why()));
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  run_once(
    hub,
    request.who.workspace,
    *std::move(key),
    reply_to,
    [&hub, by = request.by(), id = *id](const send_reply& send) {
      hub.reads.delivery_of(
        by.workspace, id, [&hub, by, send, id](domain::result<storage::stored_delivery> stored) {
          stored ? read_again(hub, by, id, *stored, send) : send(error_reply(stored.why()));
        });
    });
}

} // namespace

void mount_deliveries(edge::server& server, context& hub) {
  server.route(
    "GET", "/api/webhook_deliveries", only_with(hub, domain::permission::deliveries_read, list));
  server.route("POST",
               "/api/webhook_deliveries/:id/replay",
               only_with(hub, domain::permission::deliveries_write, replay));
}

} // namespace hub::http
