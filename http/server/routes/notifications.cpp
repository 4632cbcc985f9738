#include "actors/journal/protocol.hpp"
#include "domain/notification.hpp"
#include "http/server/ask.hpp"
#include "http/server/fields.hpp"
#include "http/server/idempotent.hpp"
#include "http/server/json/changelog_json.hpp"
#include "http/server/json/ticket_json.hpp"
#include "http/server/paging.hpp"
#include "http/server/parse.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/mount.hpp"
#include "http/server/routes/routes.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;
using domain::job_kind;
using domain::notification_status;
using domain::permission;
using nlohmann::json;

constexpr std::size_t most_chosen = 1'000;

json time_or_null(const std::optional<domain::time_point>& at) {
  return at ? json(domain::to_rfc3339(*at)) : json(nullptr);
}

json text_or_null(const std::optional<std::string>& text) {
  return text ? json(*text) : json(nullptr);
}

json to_json(const storage::notification_row& one) {
  return {{"id", to_string(one.id)},
          {"ticket_id", to_string(one.ticket)},
          {"changelog_entry_id", to_string(one.entry)},
          {"channel", one.channel},
          {"recipient", one.recipient_name.empty() ? one.platform_user_id : one.recipient_name},
          {"status", one.status},
          {"content", one.content},
          {"retry_count", one.retry_count},
          {"last_error", text_or_null(one.last_error)},
          {"send_at", domain::to_rfc3339(one.send_at)},
          {"sent_at", time_or_null(one.sent_at)},
          {"delivered_at", time_or_null(one.delivered_at)},
          {"read_at", time_or_null(one.read_at)},
          {"created_at", domain::to_rfc3339(one.created_at)}};
}

json to_json(const storage::notification_attempt_row& one) {
  return {{"at", domain::to_rfc3339(one.started_at)},
          {"outcome", one.outcome},
          {"error", text_or_null(one.error)},
          {"latency_ms",
           one.finished_at ? json((*one.finished_at - one.started_at).count()) : json(nullptr)}};
}

json to_json(const storage::notification_detail& about) {
  auto body = to_json(about.row);
  body["ticket"] = {{"id", to_string(about.row.ticket)},
                    {"title", about.entry.ticket_title},
                    {"status", about.entry.ticket_status},
                    {"reporter", {{"name", about.entry.reporter_name}}}};
  body["changelog_entry"] = http::to_json(about.entry);
  body["related_tickets"] = json::array(); // the rest of its group
  body["attempts"] = json::array();
  for (const auto& attempt : about.attempts)
    body["attempts"].push_back(to_json(attempt));
  return body;
}

void send_detail(context& hub,
                 const domain::uuid& workspace,
                 const domain::uuid& id,
                 int status,
                 const send_reply& send) {
  hub.reads.notification_of(
    workspace, id, [send, status](const domain::result<storage::notification_detail>& found) {
      send(found ? momentary(status, to_json(*found)) : error_reply(found.why()));
    });
}

// ---- reading

void send_page(context& hub,
               const call& request,
               edge::responder responder,
               parameters& given,
               storage::notification_query query) {
  query.workspace = request.who.workspace;
  query.after = given.id("cursor");
  const auto at = read_page_number(given, query.after.has_value());
  if (!given.faults().empty())
    return responder.send(invalid_parameters(given.faults()));
  query.limit = at.per_page;
  query.offset = at.offset();
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  const bool by_cursor = query.after.has_value();
  hub.reads.list_notifications(
    std::move(query),
    [reply_to, at, by_cursor, asked = request](
      const domain::result<storage::notification_page>& found) {
      if (!found)
        return reply_to->send(error_reply(found.why()));
      auto body = json::array();
      for (const auto& one : found->notifications)
        body.push_back(to_json(one));
      reply_to->send(
        page_reply(asked,
                   at,
                   by_cursor,
                   *found,
                   text_of(body),
                   found->notifications.empty() ? "" : to_string(found->notifications.back().id)));
    });
}

void list(context& hub, const call& request, edge::responder responder) {
  parameters given{request};
  storage::notification_query query;
  const auto statuses =
    given.list<notification_status>("status", domain::parse_notification_status);
  const auto channels = given.list<domain::channel>("channel", domain::parse_channel);
  if (statuses.size() > 1)
    given.fault("status", "must be one status");
  if (channels.size() > 1)
    given.fault("channel", "must be one channel");
  if (!statuses.empty())
    query.status = to_string(statuses.front());
  if (!channels.empty())
    query.channel = to_string(channels.front());
  query.ticket = given.id("ticket_id");
  send_page(hub, request, std::move(responder), given, std::move(query));
}

void show(context& hub, const call& request, edge::responder responder) {
  const auto id = id_in_path(request, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  send_detail(hub, request.who.workspace, *id, 200, [reply_to](edge::reply reply) {
    reply_to->send(std::move(reply));
  });
}

void list_pending(context& hub, const call& request, edge::responder responder) {
  parameters given{request};
  storage::notification_query query;
  query.status = to_string(notification_status::pending_batch_review);
  send_page(hub, request, std::move(responder), given, std::move(query));
}

/// What a call sends whose body may be left out.
domain::result<mutation> sent_with(const call& request, int status) {
  if (!request.body.empty())
    return read_mutation(request, status);
  auto key = idempotency_of(request, status);
  if (!key)
    return std::move(key).why();
  return mutation{json::object(), std::nullopt, *std::move(key)};
}

// ---- trying again

/// Commits, and goes on with what the journal says.
void commit(context& hub,
            std::shared_ptr<const domain::change> change,
            const send_reply& send,
            std::function<void(const domain::verdict&)> then) {
  ask<domain::verdict>(
    hub.system,
    hub.journal,
    actors::commit_change{std::move(change)},
    [send, then = std::move(then)](const domain::result<domain::verdict>& verdict) {
      if (!verdict)
        return send(error_reply(verdict.why()));
      if (verdict->what != domain::verdict::kind::committed)
        return send(error_reply(
          verdict->why.value_or(fail(errc::internal, "the journal refused the change"))));
      then(*verdict);
    });
}

/// One notification that somebody wants sent again.
struct wish {
  context& hub;
  caller by;
  domain::uuid id;
  bool although_unknown = false;
  reply_handle reply_to;
  std::optional<domain::idempotency_record> key;
};

/// Whether it can be sent again, by a person's word.
domain::outcome may_retry(const storage::notification_row& one, bool although_unknown) {
  const auto status = domain::parse_notification_status(one.status);
  if (!status)
    return status.why();
  switch (*status) {
  case notification_status::permanently_failed:
  case notification_status::channel_restricted:
    return domain::done{};
  case notification_status::uncertain:
    if (although_unknown)
      return domain::done{};
    return fail(errc::conflict,
                "nobody knows whether this was sent, and a second send may reach somebody twice; "
                "look there, then retry with \"although_unknown\": true");
  case notification_status::failed:
    return fail(errc::conflict, "this is tried again by itself");
  case notification_status::pending:
  case notification_status::pending_batch_review:
  case notification_status::sent:
  case notification_status::delivered:
  case notification_status::rejected:
    break;
  }
  return fail(errc::conflict,
              "only what failed can be sent again; this is " + std::string{to_string(*status)});
}

/// A new job takes the place of the one that failed, and of its dead letter where there is one.
void retry_with(const wish& what,
                const storage::notification_row& one,
                const domain::uuid& failed_job,
                bool has_letter) {
  domain::uuid_generator ids{what.hub.seed()};
  auto change = change_of(what.hub, what.by.workspace);
  const auto job = ids.next(change.at);
  if (has_letter) {
    change.dead_letter = domain::dead_letter_step{
      domain::dead_letter_step::kind::retry, failed_job, job, what.although_unknown};
  } else {
    auto& step = change.notification.emplace();
    step.what = domain::notification_step::kind::retry;
    step.notification = one.id;
    step.job = failed_job;
    step.new_job = job;
  }
  change.jobs.push_back({.id = job,
                         .kind = job_kind::notification_dispatch,
                         .dedup_key = {},
                         .args = text_of({{"notification", to_string(one.id)}}),
                         .run_at = change.at});
  const json data{{"notification_id", to_string(one.id)}, {"channel", one.channel}};
  domain::event_record told;
  told.id = ids.next(change.at);
  told.ticket_id = one.ticket;
  told.type = "notification_retried";
  told.actor_type = "user";
  told.actor_id = what.by.who.id ? to_string(*what.by.who.id) : std::string{};
  told.data = text_of(data);
  change.events.push_back(std::move(told));
  change.action = action_of(
    what.hub, what.by, "notification_retried", to_string(one.id), {{"job", to_string(job)}});
  change.idempotency = what.key; // one wish is one message, whoever dies before it is answered
  commit_once(what.hub, std::move(change), what.reply_to, [what](const send_reply& send) {
    if (what.hub.look_again)
      what.hub.look_again(job_kind::notification_dispatch);
    send_detail(what.hub, what.by.workspace, what.id, 202, send);
  });
}

void retry_found(const wish& what, const storage::notification_detail& about) {
  if (const auto may = may_retry(about.row, what.although_unknown); !may)
    return what.reply_to->send(error_reply(may.why()));
  what.hub.reads.dead_letter_of(what.by.workspace,
                                about.job,
                                [what, one = about.row, job = about.job](
                                  const domain::result<storage::stored_dead_letter>& letter) {
                                  if (!letter && letter.why().code != errc::not_found)
                                    return what.reply_to->send(error_reply(letter.why()));
                                  // What a person has put aside does not stand in the way of
                                  // another's wish.
                                  retry_with(
                                    what, one, job, letter && letter->row.status == "unresolved");
                                });
}

void retry(context& hub, const call& request, edge::responder responder) {
  const auto id = id_in_path(request, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  auto sent = sent_with(request, 202);
  if (!sent)
    return responder.send(error_reply(sent.why()));
  fields given{sent->body};
  given.only({"although_unknown"});
  const bool anyway = given.flag("although_unknown");
  if (!given.faults().empty())
    return responder.send(invalid_fields(given.faults()));
  const wish what{hub,
                  request.by(),
                  *id,
                  anyway,
                  std::make_shared<edge::responder>(std::move(responder)),
                  sent->idempotency};
  unless_answered(hub, what.by.workspace, what.key, what.reply_to, [what] {
    what.hub.reads.notification_of(
      what.by.workspace,
      what.id,
      [what](const domain::result<storage::notification_detail>& found) {
        found ? retry_found(what, *found) : what.reply_to->send(error_reply(found.why()));
      });
  });
}

// ---- reviewing what waits

/// Lets go or rejects, and says of how many.
void review(context& hub,
            const call& request,
            edge::responder responder,
            std::optional<domain::idempotency_record> key,
            domain::batch_review decided) {
  const auto* verb = decided.approved ? "approved" : "rejected";
  run_once(hub,
           request.who.workspace,
           std::move(key),
           std::make_shared<edge::responder>(std::move(responder)),
           [&hub, by = request.by(), decided = std::move(decided), verb](const send_reply& send) {
             auto change = std::make_shared<domain::change>(change_of(hub, by.workspace));
             change->review = decided;
             change->review->person = by.who.label;
             change->action = action_of(hub,
                                        by,
                                        decided.approved ? "batch_approved" : "batch_rejected",
                                        "notifications",
                                        {{"chosen", decided.notifications.size()}});
             commit(hub, std::move(change), send, [&hub, send, verb](const domain::verdict& done) {
               if (hub.look_again)
                 hub.look_again(job_kind::notification_dispatch);
               send(momentary(200, {{verb, done.number}}));
             });
           });
}

void review_all(context& hub, const call& request, edge::responder responder, bool approved) {
  auto sent = sent_with(request, 200);
  if (!sent)
    return responder.send(error_reply(sent.why()));
  fields given{sent->body};
  given.only({});
  if (!given.faults().empty())
    return responder.send(invalid_fields(given.faults()));
  domain::batch_review decided;
  decided.approved = approved;
  review(hub, request, std::move(responder), sent->idempotency, std::move(decided));
}

void approve_all(context& hub, const call& request, edge::responder responder) {
  review_all(hub, request, std::move(responder), true);
}

void reject_all(context& hub, const call& request, edge::responder responder) {
  review_all(hub, request, std::move(responder), false);
}

/// The notifications that are named, each once.
std::vector<domain::uuid> chosen_in(const json& body, fields& given) {
  std::vector<domain::uuid> chosen;
  const auto found = body.find("notification_ids");
  if (found == body.end() || !found->is_array() || found->empty() || found->size() > most_chosen) {
    given.fault("notification_ids", "must be a list of 1 to 1,000 ids");
    return chosen;
  }
  for (const auto& one : *found) {
    const auto id = domain::parse_uuid(one.is_string() ? one.get<std::string>() : std::string{});
    if (!id) {
      given.fault("notification_ids", "each must be an id");
      return chosen;
    }
    if (std::ranges::find(chosen, *id) == chosen.end())
      chosen.push_back(*id);
  }
  return chosen;
}

void approve_selected(context& hub, const call& request, edge::responder responder) {
  auto sent = read_mutation(request, 200);
  if (!sent)
    return responder.send(error_reply(sent.why()));
  fields given{sent->body};
  given.only({"notification_ids"});
  domain::batch_review decided;
  decided.approved = true;
  decided.notifications = chosen_in(sent->body, given);
  if (!given.faults().empty())
    return responder.send(invalid_fields(given.faults()));
  review(hub, request, std::move(responder), sent->idempotency, std::move(decided));
}

} // namespace

void mount_notifications(edge::server& server, context& hub) {
  const auto reading = [&](const char* path, auto handle) {
    server.route("GET", path, only_with(hub, permission::tickets_read, handle));
  };
  const auto steering = [&](const char* path, auto handle) {
    server.route("POST", path, only_with(hub, permission::tickets_write, handle));
  };
  reading("/api/notifications", list);
  reading("/api/notifications/:id", show);
  reading("/api/batch_reviews/pending", list_pending);
  steering("/api/notifications/:id/retry", retry);
  steering("/api/batch_reviews/approve_all", approve_all);
  steering("/api/batch_reviews/approve_selected", approve_selected);
  steering("/api/batch_reviews/reject_all", reject_all);
}

} // namespace hub::http
