#include "http/server/idempotent.hpp"
#include "http/server/json/ticket_json.hpp"
#include "http/server/parse.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/mount.hpp"
#include "http/server/routes/routes.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <utility>

namespace hub::http {

namespace {

using nlohmann::json;

struct message_place {
  domain::uuid ticket;
  domain::uuid message;
};

json shown(const message_place& where, const storage::original_message& found) {
  return {{"id", to_string(where.message)},
          {"ticket_id", to_string(where.ticket)},
          {"body", found.body},
          {"pii_redacted_types", found.pii_types}};
}

/// An event of the ticket and a line of the audit log; neither holds what was shown.
domain::change record_of(const context& hub, const caller& by, const message_place& where) {
  auto what = change_of(hub, by.workspace);
  domain::uuid_generator ids{hub.seed()};
  domain::event_record event;
  event.id = ids.next(what.at);
  event.ticket_id = where.ticket;
  event.type = "pii_revealed";
  event.actor_type = "user";
  event.actor_id = by.who.id ? to_string(*by.who.id) : std::string{};
  event.data = text_of({{"message_id", to_string(where.message)}});
  what.events.push_back(std::move(event));
  what.action = action_of(
    hub, by, "pii_revealed", to_string(where.message), {{"ticket_id", to_string(where.ticket)}});
  return what;
}

/// Shows a message as it was written. That somebody saw it is durable before the text leaves: each
/// call is one event, so no Idempotency-Key is taken, which would also keep the text in the clear.
void reveal(context& hub, const call& request, edge::responder responder) {
  const auto ticket = id_in_path(request, "id");
  if (!ticket)
    return responder.send(error_reply(ticket.why()));
  const auto message = id_in_path(request, "message_id");
  if (!message)
    return responder.send(error_reply(message.why()));
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  const message_place where{*ticket, *message};
  hub.reads.original_of(
    request.who.workspace,
    where.ticket,
    where.message,
    [&hub, by = request.by(), where, reply_to](domain::result<storage::original_message> found) {
      if (!found)
        return reply_to->send(error_reply(found.why()));
      auto reply = momentary(200, shown(where, *found));
      if (!found->was_scrubbed) // everybody sees it
        return reply_to->send(std::move(reply));
      commit_once(hub,
                  record_of(hub, by, where),
                  reply_to,
                  [reply = std::move(reply)](const send_reply& send) { send(reply); });
    });
}

} // namespace

void mount_reveal(edge::server& server, context& hub) {
  server.route("POST",
               "/api/tickets/:id/messages/:message_id/reveal",
               only_with(hub, domain::permission::pii_read, reveal));
}

} // namespace hub::http
