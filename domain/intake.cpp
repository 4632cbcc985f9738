#include "domain/intake.hpp"

#include "domain/access.hpp"
#include "domain/scrub.hpp"
#include "domain/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace hub::domain {

namespace {

using nlohmann::json;

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

event_record event_on(
  const uuid& ticket, std::string type, const json& data, uuid_generator& ids, time_point now) {
  event_record event;
  event.id = ids.next(now);
  event.ticket_id = ticket;
  event.type = std::move(type);
  event.data = text_of(data);
  return event;
}

/// What a person did, for the record of who did what; text only as scrubbed.
std::optional<audit_record> recorded(const std::optional<actor_stamp>& by,
                                     const char* action,
                                     const uuid& target,
                                     const json& before,
                                     const json& now_is,
                                     uuid_generator& ids,
                                     time_point now) {
  if (!by)
    return std::nullopt;
  const auto text = [](const json& of) {
    return of.empty() ? std::string{} : of.dump(-1, ' ', false, json::error_handler_t::replace);
  };
  return audit_record{ids.next(now), *by, action, to_string(target), text(before), text(now_is)};
}

delivery_record delivery_of(const intake_item& item, uuid_generator& ids, time_point now) {
  delivery_record delivery;
  delivery.id = ids.next(now);
  delivery.platform = item.platform;
  delivery.external_id = item.delivery_id;
  delivery.occurred_at = item.occurred_at;
  delivery.received_at = item.received_at;
  delivery.content_type = item.content_type;
  delivery.payload = item.payload;
  delivery.settles = item.settles;
  return delivery;
}

/// The delivery that brought the item, and who had it read again.
void deliver(change& what, const intake_item& item, uuid_generator& ids) {
  what.delivery = delivery_of(item, ids, what.at);
  if (item.settles)
    what.action = recorded(item.replayed_by,
                           "delivery_replayed",
                           *item.settles,
                           json::object(),
                           json::object(),
                           ids,
                           what.at);
}

person_record
person_of(const intake_item& item, const author& from, uuid_generator& ids, time_point now) {
  return {.new_reporter_id = ids.next(now),
          .platform = item.platform,
          .platform_user_id = from.platform_user_id,
          .display_name = from.display_name,
          .email = from.email,
          .locale = from.locale,
          .wrote_at = item.occurred_at};
}

message_record message_of(const intake_item& item,
                          const report& said,
                          const uuid& ticket,
                          uuid_generator& ids,
                          time_point now) {
  message_record message;
  message.id = ids.next(now);
  message.ticket_id = ticket;
  message.platform = item.platform;
  message.external_id = said.message_id;
  message.author =
    said.from.display_name.empty() ? said.from.platform_user_id : said.from.display_name;
  message.body = item.prepared.body;
  message.original = item.prepared.original;
  message.pii_types = item.prepared.pii_types;
  return message;
}

void add_types(std::vector<std::string>& to, std::vector<std::string> more) {
  for (auto& type : more)
    if (std::ranges::find(to, type) == to.end())
      to.push_back(std::move(type));
  std::ranges::sort(to);
}

/// `text` without personal data; what kinds it held are added to `types`.
std::string without_pii(const std::string& text, std::vector<std::string>& types) {
  auto clean = scrub(text);
  add_types(types, clean.types());
  return std::move(clean.text);
}

/// What both ways of taking a report in have in common.
change speaking(const intake_item& item, const uuid& ticket, uuid_generator& ids, time_point now) {
  const auto& said = std::get<report>(item.content);
  change what;
  what.workspace = item.workspace;
  what.at = now;
  deliver(what, item, ids);
  what.author = person_of(item, said.from, ids, now);
  what.message = message_of(item, said, ticket, ids, now);
  for (const auto& file : said.attachments) {
    what.attachments.push_back({ids.next(now), file});
    auto& added = what.attachments.back();
    added.file.file_name = without_pii(added.file.file_name, what.message->pii_types);
    if (can_be_fetched(item.platform, file))
      what.jobs.push_back({.id = ids.next(now),
                           .kind = job_kind::attachment_fetch,
                           .dedup_key = fetch_key(added.id),
                           .args = text_of({{"attachment", to_string(added.id)}}),
                           .run_at = now});
  }
  return what;
}

json flat_object(const std::vector<std::pair<std::string, std::string>>& pairs) {
  json object = json::object();
  for (const auto& [name, value] : pairs)
    object[name] = scrub(value).text;
  return object;
}

void change_status(change& what,
                   ticket_update& update,
                   const ticket_core& ticket,
                   ticket_status to,
                   const char* reason,
                   uuid_generator& ids) {
  update.status = to;
  json data{{"from", to_string(ticket.status)}, {"to", to_string(to)}};
  if (reason != nullptr)
    data["reason"] = reason;
  what.events.push_back(event_on(ticket.id, "status_changed", data, ids, what.at));
}

void sign(change& what, const std::optional<std::string>& actor_id) {
  for (auto& event : what.events) {
    event.actor_type = "user";
    event.actor_id = actor_id;
  }
}

} // namespace

prepared_text prepare(const std::string& text) {
  prepared_text prepared;
  auto clean = scrub(text);
  prepared.pii_types = clean.types();
  prepared.suggested = infer(text);
  prepared.title = title_of(clean.text);
  if (!clean.redactions.empty())
    prepared.original = text;
  prepared.body = std::move(clean.text);
  return prepared;
}

std::string intake_item::order_key() const {
  if (const auto* said = std::get_if<report>(&content))
    return said->conversation;
  return delivery_id;
}

bool can_be_fetched(channel from, const attachment& file) {
  switch (from) {
  case channel::slack:
  case channel::intercom:
    return !file.url.empty();
  case channel::whatsapp:
    return !file.external_id.empty();
  case channel::email:
  case channel::in_app:
  case channel::api:
    return false;
  }
  return false;
}

std::string fetch_key(const uuid& attachment) {
  return to_string(attachment);
}

change
opening(const intake_item& item, const intake_rules& rules, uuid_generator& ids, time_point now) {
  const auto& said = std::get<report>(item.content);
  const auto id = ids.next(now);
  auto what = speaking(item, id, ids, now);
  ticket_record ticket;
  ticket.id = id;
  ticket.title = item.prepared.title;
  ticket.description = item.prepared.body;
  ticket.type = item.prepared.suggested.type;
  ticket.urgency = item.prepared.suggested.urgency;
  ticket.original_channel = item.platform;
  ticket.metadata = text_of(flat_object(said.metadata));
  ticket.pii_types = what.message->pii_types;
  ticket.external_url = said.external_url;
  ticket.thread = thread_lookup{said.thread_id, said.quoted_message_id, std::nullopt};
  if (said.joins_open_ticket)
    ticket.thread->joins_since = item.occurred_at - rules.reply_window;
  what.opens = std::move(ticket);
  what.events.push_back(event_on(id, "created", {{"channel", to_string(item.platform)}}, ids, now));
  if (rules.triage)
    what.jobs.push_back(triage_job(id, ids, now));
  return what;
}

change attaching(const intake_item& item,
                 const ticket_core& ticket,
                 const intake_rules& rules,
                 uuid_generator& ids,
                 time_point now) {
  auto what = speaking(item, ticket.id, ids, now);
  ticket_update update;
  update.id = ticket.id;
  update.expected_version = ticket.version;
  update.more_pii_types = what.message->pii_types;
  what.events.push_back(
    event_on(ticket.id,
             "message_received",
             {{"message_id", to_string(what.message->id)}, {"channel", to_string(item.platform)}},
             ids,
             now));
  if (rules.reopen_resolved && is_finished(ticket.status))
    change_status(what, update, ticket, ticket_status::open, "new_message", ids);
  what.updates = std::move(update);
  return what;
}

change recording(const intake_item& item, uuid_generator& ids, time_point now) {
  change what;
  what.workspace = item.workspace;
  what.at = now;
  deliver(what, item, ids);
  if (const auto* other = std::get_if<not_feedback>(&item.content)) {
    what.delivery->outcome = delivery_outcome::not_feedback;
    what.delivery->error = other->reason;
    what.of_sent = other->of_sent;
  } else if (const auto* unread = std::get_if<not_understood>(&item.content)) {
    what.delivery->outcome = delivery_outcome::quarantined;
    what.delivery->error = unread->error;
  }
  return what;
}

result<std::optional<change>>
editing(const ticket_patch& patch, const ticket_core& ticket, uuid_generator& ids, time_point now) {
  if (patch.expected_version && *patch.expected_version != ticket.version)
    return fail(errc::conflict,
                "the ticket has changed since you read it: it is at version "
                  + std::to_string(ticket.version) + ", you have "
                  + std::to_string(*patch.expected_version) + "; read it again");
  if (patch.status)
    if (auto step = check_transition(ticket.status, *patch.status); !step)
      return std::move(step).why();

  change what;
  what.workspace = ticket.workspace;
  what.at = now;
  ticket_update update;
  update.id = ticket.id;
  update.expected_version = ticket.version;
  json before = json::object();
  json now_is = json::object();
  const auto note = [&](const char* type, const json& data) {
    what.events.push_back(event_on(ticket.id, type, data, ids, now));
  };
  if (patch.status && *patch.status != ticket.status) {
    change_status(what, update, ticket, *patch.status, nullptr, ids);
    if (*patch.status == ticket_status::resolved && patch.actor_id)
      update.cause = "user/" + *patch.actor_id;
    before["status"] = to_string(ticket.status);
    now_is["status"] = to_string(*patch.status);
  }
  if (patch.urgency && *patch.urgency != ticket.urgency) {
    update.urgency = patch.urgency;
    before["priority"] = ticket.urgency;
    now_is["priority"] = *patch.urgency;
    note("priority_changed", {{"from", ticket.urgency}, {"to", *patch.urgency}});
  }
  if (patch.type && *patch.type != ticket.type) {
    update.type = patch.type;
    before["ticket_type"] = to_string(ticket.type);
    now_is["ticket_type"] = to_string(*patch.type);
    note("type_changed", {{"from", to_string(ticket.type)}, {"to", to_string(*patch.type)}});
  }
  if (patch.title) {
    update.title = without_pii(*patch.title, update.more_pii_types);
    now_is["title"] = *update.title;
    note("title_changed", json::object());
  }
  if (patch.description) {
    update.description = without_pii(*patch.description, update.more_pii_types);
    now_is["description"] = *update.description;
    note("description_changed", json::object());
  }
  if (patch.tags) {
    update.tags.emplace();
    for (const auto& tag : *patch.tags)
      update.tags->push_back(without_pii(tag, update.more_pii_types));
    now_is["tags"] = *update.tags;
    note("tags_changed", {{"to", *update.tags}});
  }
  if (patch.decision) {
    what.triage_decided = patch.decision;
    before["triage"] = nullptr;
    now_is["triage"] = patch.decision->accepted ? "accepted" : "rejected";
    note(patch.decision->accepted ? "triage_accepted" : "triage_rejected",
         {{"edited", patch.decision->edited}});
  }
  if (what.events.empty() && !patch.idempotency)
    return std::optional<change>{};
  sign(what, patch.actor_id);
  if (!now_is.empty())
    what.action = recorded(patch.by, "ticket_changed", ticket.id, before, now_is, ids, now);
  what.idempotency = patch.idempotency;
  what.updates = std::move(update);
  return std::optional{std::move(what)};
}

job_record triage_job(const uuid& ticket, uuid_generator& ids, time_point now) {
  job_record job;
  job.id = ids.next(now);
  job.kind = job_kind::ai_triage;
  job.dedup_key = to_string(ticket);
  job.args = text_of({{"ticket", to_string(ticket)}});
  job.run_at = now;
  return job;
}

change recalling(const ticket_patch& patch, const ticket_core& ticket, time_point now) {
  change what;
  what.workspace = ticket.workspace;
  what.at = now;
  what.idempotency = patch.idempotency;
  what.updates.emplace().id = ticket.id; // of version 0, which no ticket has
  return what;
}

namespace {

/// Whom an app signs in by their address is found there by it, too; elsewhere an address is none.
std::string account_of(const new_ticket& asked) {
  if (asked.original_channel != channel::in_app || !asked.reporter_email)
    return {};
  const auto address = parse_email(*asked.reporter_email);
  return address ? *address : std::string{};
}

} // namespace

change creating(const new_ticket& asked, uuid_generator& ids, time_point now) {
  auto prepared = prepare(asked.description);
  change what;
  what.workspace = asked.workspace;
  what.at = now;
  ticket_record ticket;
  ticket.id = ids.next(now);
  const auto suggested = infer(asked.title + ". " + asked.description);
  ticket.type = asked.type.value_or(suggested.type);
  ticket.urgency = asked.urgency.value_or(suggested.urgency);
  ticket.original_channel = asked.original_channel;
  ticket.pii_types = prepared.pii_types;
  ticket.title = without_pii(asked.title, ticket.pii_types);
  ticket.description = prepared.body;
  if (!asked.reporter_name.empty() || asked.reporter_email)
    what.author = person_record{.new_reporter_id = ids.next(now),
                                .platform = asked.original_channel,
                                .platform_user_id = account_of(asked),
                                .display_name = asked.reporter_name,
                                .email = asked.reporter_email,
                                .locale = std::nullopt,
                                .wrote_at = now};
  if (!asked.description.empty()) {
    message_record message;
    message.id = ids.next(now);
    message.ticket_id = ticket.id;
    message.platform = asked.original_channel;
    message.author = asked.reporter_name;
    message.body = std::move(prepared.body);
    message.original = std::move(prepared.original);
    message.pii_types = std::move(prepared.pii_types);
    what.message = std::move(message);
  }
  what.events.push_back(
    event_on(ticket.id, "created", {{"channel", to_string(asked.original_channel)}}, ids, now));
  sign(what, asked.actor_id);
  what.action = recorded(
    asked.by, "ticket_created", ticket.id, json::object(), {{"title", ticket.title}}, ids, now);
  what.idempotency = asked.idempotency;
  if (asked.triage)
    what.jobs.push_back(triage_job(ticket.id, ids, now));
  what.opens = std::move(ticket);
  return what;
}

ticket_core after(ticket_core before, const ticket_update& done, std::int64_t version) {
  before.version = version;
  before.status = done.status.value_or(before.status);
  before.type = done.type.value_or(before.type);
  before.urgency = done.urgency.value_or(before.urgency);
  return before;
}

} // namespace hub::domain
