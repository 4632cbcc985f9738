#include "actors/region/protocol.hpp"
#include "domain/text.hpp"
#include "http/server/ask.hpp"
#include "http/server/fields.hpp"
#include "http/server/idempotent.hpp"
#include "http/server/json/ticket_json.hpp"
#include "http/server/paging.hpp"
#include "http/server/parse.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/mount.hpp"
#include "http/server/routes/routes.hpp"
#include "http/server/routes/ticket_edit.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;
using domain::permission;
using nlohmann::json;

constexpr std::size_t longest_description = 512UL * 1024;

// ---- answers

std::string path_of(const domain::uuid& ticket) {
  return "/api/tickets/" + to_string(ticket);
}

/// A ticket's detail with the headers that belong to it: its version, and where it is when new.
edge::reply
detail_reply(int status, std::string body, const domain::uuid& ticket, std::int64_t version) {
  auto reply = json_reply(status, std::move(body));
  reply.headers.emplace_back("ETag", '"' + std::to_string(version) + '"');
  if (status == 201)
    reply.headers.emplace_back("Location", path_of(ticket));
  return reply;
}

/// Reads the ticket as it is now and sends it.
void send_detail(context& hub,
                 const domain::uuid& workspace,
                 const reply_handle& reply_to,
                 const domain::uuid& ticket) {
  hub.reads.detail_of(workspace, ticket, [reply_to](domain::result<storage::ticket_detail> detail) {
    if (!detail)
      return reply_to->send(error_reply(detail.why()));
    reply_to->send(
      detail_reply(200, text_of(to_json(*detail)), detail->ticket.id, detail->ticket.version));
  });
}

/// A change that is committed and about to be answered with its ticket.
struct saved_change {
  domain::uuid workspace;
  domain::uuid ticket;
  int status = 200;
  std::optional<std::string> key; // the answer is kept for
  bool again = false;             // the key was used before
  int reads_left = 2;
};

/// Reads the ticket of a committed change and sends it. A read that fails is repeated once; then
/// the answer says that the change is saved, since a plain error would have it sent again.
void send_saved(context& hub, const reply_handle& reply_to, saved_change what) {
  --what.reads_left;
  const auto ticket = what.ticket;
  const auto workspace = what.workspace; // read before `what` is moved from
  hub.reads.detail_of(
    workspace,
    ticket,
    [&hub, reply_to, what = std::move(what)](domain::result<storage::ticket_detail> detail) {
      if (!detail && what.reads_left > 0)
        return send_saved(hub, reply_to, what);
      if (!detail)
        return reply_to->send(saved_unread_reply(path_of(what.ticket)));
      auto reply = detail_reply(
        what.status, text_of(to_json(*detail)), detail->ticket.id, detail->ticket.version);
      if (what.key && !what.again)
        keep_answer(
          hub, what.workspace, *what.key, reply.body); // should it be lost: see send_stored
      reply_to->send(what.again ? repeated(std::move(reply)) : std::move(reply));
    });
}

/// Answers a mutation whose Idempotency-Key was used before; from the ticket as it is now where the
/// answer was not kept.
void send_stored(context& hub,
                 const domain::uuid& workspace,
                 const reply_handle& reply_to,
                 const std::string& key,
                 const domain::uuid& ticket,
                 bool same_request) {
  with_stored_answer(hub,
                     workspace,
                     reply_to,
                     key,
                     same_request,
                     [&hub, workspace, reply_to, ticket](storage::stored_answer stored) {
                       if (stored.body.empty())
                         return send_saved(hub,
                                           reply_to,
                                           {.workspace = workspace,
                                            .ticket = ticket,
                                            .status = stored.status,
                                            .key = {},
                                            .again = true});
                       const auto first = json::parse(stored.body, nullptr, false);
                       const auto version =
                         first.is_object() ? first.value("version", std::int64_t{0}) : 0;
                       reply_to->send(repeated(
                         detail_reply(stored.status, std::move(stored.body), ticket, version)));
                     });
}

// ---- GET /api/tickets

storage::ticket_query query_of(parameters& given, const domain::uuid& workspace, int& page) {
  storage::ticket_query query;
  query.workspace = workspace;
  query.statuses = given.list<domain::ticket_status>("status", domain::parse_ticket_status);
  query.channels = given.list<domain::channel>("channel", domain::parse_channel);
  query.priorities = given.list<domain::priority>("priority", parse_priority);
  query.types = given.list<domain::ticket_type>("type", domain::parse_ticket_type);
  query.search = given.text("search", 500);
  query.group = given.id("group");
  query.assignee = given.id("assignee");
  const auto sort = given.text("sort", 50);
  if (sort == "created_at")
    query.order = storage::ticket_order::oldest;
  else if (sort == "priority")
    query.order = storage::ticket_order::urgency;
  else if (!sort.empty() && sort != "-created_at")
    given.fault("sort", "must be -created_at (newest first), created_at or priority");
  const auto cursor = given.text("cursor", 200);
  if (!cursor.empty() && !(query.after = parse_cursor(cursor)))
    given.fault("cursor", "is not one this list gave out");
  const auto at = read_page_number(given, !cursor.empty());
  page = at.page;
  query.limit = at.per_page;
  query.offset = at.offset();
  return query;
}

json page_body(const storage::ticket_page& found, const storage::ticket_query& query, int page) {
  auto tickets = json::array();
  for (const auto& ticket : found.tickets)
    tickets.push_back(to_json(ticket));
  json cursor = nullptr;
  if (found.more) {
    const auto& last = found.tickets.back();
    cursor = to_cursor({last.created_at, last.id, last.urgency});
  }
  return {{"tickets", std::move(tickets)},
          {"pagination",
           {{"page", page},
            {"per_page", query.limit},
            {"total", found.total},
            {"total_is_exact", found.total_is_exact},
            {"total_pages",
             std::min((found.total + query.limit - 1) / query.limit, reachable_pages(query.limit))},
            {"next_cursor", cursor}}}};
}

void list(context& hub, const call& request, edge::responder responder) {
  parameters given{request};
  int page = 1;
  auto query = query_of(given, request.who.workspace, page);
  if (!given.faults().empty())
    return responder.send(invalid_parameters(given.faults()));
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  hub.reads.list_tickets(query,
                         [reply_to, query, page](domain::result<storage::ticket_page> found) {
                           if (!found)
                             return reply_to->send(error_reply(found.why()));
                           reply_to->send(json_reply(200, text_of(page_body(*found, query, page))));
                         });
}

void detail(context& hub, const call& request, edge::responder responder) {
  const auto id = id_in_path(request, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  send_detail(
    hub, request.who.workspace, std::make_shared<edge::responder>(std::move(responder)), *id);
}

// ---- POST /api/tickets

void read_reporter(const json& body, fields& given, domain::new_ticket& ticket) {
  const auto found = body.find("reporter");
  if (found == body.end() || found->is_null())
    return;
  if (!found->is_object())
    return given.fault("reporter", "must be an object with name and email");
  fields inner{*found};
  ticket.reporter_name = inner.text("name", 200, true).value_or("");
  if (auto email = found->value("email", json{}); !email.is_null()) {
    ticket.reporter_email = inner.text("email", 254, false);
    const auto at = ticket.reporter_email ? ticket.reporter_email->find('@') : std::string::npos;
    if (at == std::string::npos || at == 0 || at + 1 == ticket.reporter_email->size())
      inner.fault("email", "must be an e-mail address");
  }
  for (const auto& fault : inner.faults())
    given.fault("reporter." + fault.field, fault.message);
}

void create(context& hub, const call& request, edge::responder responder) {
  const auto wanted = read_mutation(request, 201);
  if (!wanted)
    return responder.send(error_reply(wanted.why()));
  fields given{wanted->body};
  given.only({"title", "description", "ticket_type", "priority", "original_channel", "reporter"});
  domain::new_ticket ticket;
  ticket.workspace = request.who.workspace;
  ticket.actor_id = to_string(request.who.id);
  ticket.by = request.by().who;
  ticket.triage = hub.ai_of(ticket.workspace).triage == domain::triage_mode::automatic;
  ticket.title = given.text("title", longest_title, false).value_or("");
  ticket.description = given.text("description", longest_description, true).value_or("");
  if (!wanted->body.contains("title"))
    given.fault("title", "is missing");
  ticket.type = given.choice("ticket_type", domain::parse_ticket_type);
  ticket.urgency = given.urgency("priority");
  ticket.original_channel =
    given.choice("original_channel", domain::parse_channel).value_or(domain::channel::api);
  read_reporter(wanted->body, given, ticket);
  if (!given.faults().empty())
    return responder.send(invalid_fields(given.faults()));
  ticket.idempotency = wanted->idempotency;

  domain::uuid_generator ids{hub.seed()};
  auto change = std::make_shared<const domain::change>(domain::creating(ticket, ids, hub.now()));
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  ask<domain::verdict>(
    hub.system,
    hub.journal,
    actors::commit_change{change},
    [&hub, workspace = ticket.workspace, reply_to, key = wanted->key()](
      const domain::result<domain::verdict>& answer) {
      if (!answer)
        return reply_to->send(error_reply(answer.why()));
      if (answer->what == domain::verdict::kind::committed)
        return send_saved(
          hub,
          reply_to,
          {.workspace = workspace, .ticket = answer->ticket_id, .status = 201, .key = key});
      if (answer->what == domain::verdict::kind::duplicate && key)
        return send_stored(hub, workspace, reply_to, *key, answer->ticket_id, answer->same_request);
      reply_to->send(error_reply(
        answer->why.value_or(fail(errc::internal, "the journal refused to create a ticket"))));
    });
}

} // namespace

// ---- PATCH /api/tickets/:id

void edit(context& hub,
          const domain::uuid& workspace,
          const domain::uuid& ticket,
          std::shared_ptr<const domain::ticket_patch> patch,
          edge::responder responder) {
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  const auto key =
    patch->idempotency ? std::optional{patch->idempotency->key} : std::optional<std::string>{};
  ask<actors::ticket_edited>(
    hub.system,
    hub.where.region_for(ticket),
    actors::edit_ticket{workspace, ticket, std::move(patch)},
    [&hub, workspace, reply_to, key](const domain::result<actors::ticket_edited>& edited) {
      if (!edited)
        return reply_to->send(error_reply(edited.why()));
      if (edited->duplicate && key)
        return send_stored(hub, workspace, reply_to, *key, edited->ticket, edited->same_request);
      send_saved(hub,
                 reply_to,
                 {.workspace = workspace, .ticket = edited->ticket, .status = 200, .key = key});
    });
}

namespace {

void patch(context& hub, const call& request, edge::responder responder) {
  const auto id = id_in_path(request, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  const auto sent = read_mutation(request, 200);
  if (!sent)
    return responder.send(error_reply(sent.why()));
  fields given{sent->body};
  given.only({"title", "description", "ticket_type", "priority", "status", "tags"});
  domain::ticket_patch wanted;
  wanted.title = given.text("title", longest_title, false);
  wanted.description = given.text("description", longest_description, true);
  wanted.type = given.choice("ticket_type", domain::parse_ticket_type);
  wanted.urgency = given.urgency("priority");
  wanted.status = given.choice("status", domain::parse_ticket_status);
  wanted.tags = given.tags("tags");
  if (!given.faults().empty())
    return responder.send(invalid_fields(given.faults()));
  wanted.expected_version = sent->expected_version;
  wanted.idempotency = sent->idempotency;
  wanted.actor_id = to_string(request.who.id);
  wanted.by = request.by().who;
  edit(hub,
       request.who.workspace,
       *id,
       std::make_shared<const domain::ticket_patch>(std::move(wanted)),
       std::move(responder));
}

/// A status change as some other part of the world would make it; for trying things out.
void simulate_status(context& hub, const call& request, edge::responder responder) {
  if (!hub.simulation)
    return responder.send(
      error_reply(403, "simulation_off", "simulation is off here; HUB_SIMULATION=on enables it"));
  const auto id = id_in_path(request, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  const auto sent = read_mutation(request, 200);
  if (!sent)
    return responder.send(error_reply(sent.why()));
  fields given{sent->body};
  given.only({"status"});
  domain::ticket_patch wanted;
  wanted.status = given.choice("status", domain::parse_ticket_status);
  if (!sent->body.contains("status"))
    given.fault("status", "is missing");
  if (!given.faults().empty())
    return responder.send(invalid_fields(given.faults()));
  wanted.expected_version = sent->expected_version;
  wanted.idempotency = sent->idempotency;
  wanted.actor_id = "simulation";
  wanted.by = request.by().who;
  edit(hub,
       request.who.workspace,
       *id,
       std::make_shared<const domain::ticket_patch>(std::move(wanted)),
       std::move(responder));
}

} // namespace

void mount_tickets(edge::server& server, context& hub) {
  server.route("GET", "/api/tickets", only_with(hub, permission::tickets_read, list));
  server.route("POST", "/api/tickets", only_with(hub, permission::tickets_write, create));
  server.route("GET", "/api/tickets/:id", only_with(hub, permission::tickets_read, detail));
  server.route("PATCH", "/api/tickets/:id", only_with(hub, permission::tickets_write, patch));
  server.route("POST",
               "/api/tickets/:id/simulate_status",
               only_with(hub, permission::tickets_write, simulate_status));
}

} // namespace hub::http
