#include "domain/intake.hpp"
#include "http/server/fields.hpp"
#include "http/server/idempotent.hpp"
#include "http/server/json/ticket_json.hpp"
#include "http/server/parse.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/mount.hpp"
#include "http/server/routes/routes.hpp"
#include "http/server/routes/ticket_edit.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;
using domain::permission;
using nlohmann::json;

// ---- POST /api/tickets/:id/triage

/// The Change that has a ticket triaged, unless it has moved on.
domain::result<domain::change> asking_for_triage(context& hub,
                                                 const caller& by,
                                                 const domain::ticket_core& ticket,
                                                 std::optional<std::int64_t> expected_version) {
  if (expected_version && *expected_version != ticket.version)
    return fail(errc::conflict,
                "the ticket has changed since you read it: it is at version "
                  + std::to_string(ticket.version) + "; read it again");
  auto what = change_of(hub, by.workspace);
  domain::uuid_generator ids{hub.seed()};
  what.jobs.push_back(domain::triage_job(ticket.id, ids, what.at));
  what.triage.emplace().ticket = ticket.id; // to come
  what.action = action_of(hub, by, "triage_requested", to_string(ticket.id));
  return what;
}

void ask_for_triage(context& hub, const call& request, edge::responder responder) {
  const auto id = id_in_path(request, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  const auto version = version_in_if_match(request);
  if (!version)
    return responder.send(error_reply(version.why()));
  const auto key = idempotency_of(request, 202);
  if (!key)
    return responder.send(error_reply(key.why()));
  if (hub.ai_of(request.who.workspace).triage == domain::triage_mode::off)
    return responder.send(error_reply(fail(
      errc::conflict, "triage is off in this workspace; set ai.triage to manual or automatic")));
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  const auto look = [&hub, id = *id, by = request.by(), reply_to, version = *version, key = *key] {
    hub.reads.core_of(
      by.workspace,
      id,
      [&hub, by, reply_to, version, key](const domain::result<domain::ticket_core>& ticket) {
        auto what = ticket ? asking_for_triage(hub, by, *ticket, version) : ticket.why();
        if (!what)
          return reply_to->send(error_reply(what.why()));
        what->idempotency = key;
        const json answer{{"ticket_id", to_string(ticket->id)}, {"enrichment_status", "pending"}};
        commit_once(hub, *std::move(what), reply_to, [answer](const send_reply& send) {
          send(json_reply(202, text_of(answer)));
        });
      });
  };
  unless_answered(hub, request.who.workspace, *key, reply_to, look);
}

// ---- POST /api/tickets/:id/triage/accept, …/reject

void decide(context& hub,
            const call& request,
            const domain::uuid& ticket,
            domain::ticket_patch patch,
            edge::responder responder) {
  patch.actor_id = to_string(request.who.id);
  patch.by = request.by().who;
  patch.decision->person = request.who.label;
  edit(hub,
       request.who.workspace,
       ticket,
       std::make_shared<const domain::ticket_patch>(std::move(patch)),
       std::move(responder));
}

/// What the person did not say is as it was suggested. Without a suggestion the patch is refused
/// where it is committed, and a call that is repeated hears what it heard before.
void complete(domain::ticket_patch& patch, const storage::ticket_detail& seen) {
  const auto type =
    seen.ai_suggested_type
      ? domain::parse_ticket_type(*seen.ai_suggested_type)
      : domain::result<domain::ticket_type>{fail(errc::not_found, "nothing is suggested")};
  if (!type || !seen.ai_suggested_priority)
    return;
  auto& decision = *patch.decision;
  decision.of = seen.triaged_at;
  decision.edited =
    patch.title.has_value() || patch.type.value_or(*type) != *type
    || patch.urgency.value_or(*seen.ai_suggested_priority) != *seen.ai_suggested_priority;
  patch.type = patch.type.value_or(*type);
  patch.urgency = patch.urgency.value_or(*seen.ai_suggested_priority);
}

void accept(context& hub, const call& request, edge::responder responder) {
  const auto id = id_in_path(request, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  const auto sent = read_mutation(request, 200);
  if (!sent)
    return responder.send(error_reply(sent.why()));
  fields given{sent->body};
  given.only({"ticket_type", "priority", "title"});
  domain::ticket_patch patch;
  patch.type = given.choice("ticket_type", domain::parse_ticket_type);
  patch.urgency = given.urgency("priority");
  patch.title = given.text("title", longest_title, false);
  if (!given.faults().empty())
    return responder.send(invalid_fields(given.faults()));
  patch.expected_version = sent->expected_version;
  patch.idempotency = sent->idempotency;
  patch.decision.emplace().accepted = true;
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  hub.reads.detail_of(request.who.workspace,
                      *id,
                      [&hub, request, reply_to, patch = std::move(patch)](
                        const domain::result<storage::ticket_detail>& seen) mutable {
                        if (!seen)
                          return reply_to->send(error_reply(seen.why()));
                        complete(patch, *seen);
                        decide(
                          hub, request, seen->ticket.id, std::move(patch), std::move(*reply_to));
                      });
}

void reject(context& hub, const call& request, edge::responder responder) {
  const auto id = id_in_path(request, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  const auto version = version_in_if_match(request);
  if (!version)
    return responder.send(error_reply(version.why()));
  const auto key = idempotency_of(request, 200);
  if (!key)
    return responder.send(error_reply(key.why()));
  domain::ticket_patch patch;
  patch.expected_version = *version;
  patch.idempotency = *key;
  patch.decision.emplace().accepted = false;
  decide(hub, request, *id, std::move(patch), std::move(responder));
}

} // namespace

void mount_triage(edge::server& server, context& hub) {
  server.route(
    "POST", "/api/tickets/:id/triage", only_with(hub, permission::tickets_write, ask_for_triage));
  server.route(
    "POST", "/api/tickets/:id/triage/accept", only_with(hub, permission::tickets_write, accept));
  server.route(
    "POST", "/api/tickets/:id/triage/reject", only_with(hub, permission::tickets_write, reject));
}

} // namespace hub::http
