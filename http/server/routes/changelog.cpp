#include "domain/changelog.hpp"

#include "actors/journal/protocol.hpp"
#include "domain/local_model.hpp"
#include "domain/scrub.hpp"
#include "http/server/fields.hpp"
#include "http/server/idempotent.hpp"
#include "http/server/json/changelog_json.hpp"
#include "http/server/json/ticket_json.hpp"
#include "http/server/paging.hpp"
#include "http/server/parse.hpp"
#include "http/server/releasing.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/mount.hpp"
#include "http/server/routes/routes.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <utility>

namespace hub::http {

namespace {

using domain::changelog_step;
using domain::errc;
using domain::fail;
using domain::permission;
using nlohmann::json;

constexpr std::size_t longest_content = 64UL * 1024; // in bytes; characters are counted after
constexpr std::size_t longest_prompt = 32UL * 1024;  // of an override
constexpr std::size_t longest_notes = 32UL * 1024;   // what was done, in the resolver's words
constexpr std::size_t longest_model = 100;
constexpr std::size_t longest_name = 200;
constexpr std::size_t longest_parameter = 4000; // of what stands in an address
constexpr int asked_at_most = 2;                // a model, for one draft …
constexpr std::chrono::seconds answers_soon{3}; // … and only if there is time: a caller waits
constexpr int notifications_shown = 100;        // with the entry they are about

/// A call about the entry of one ticket.
struct errand {
  context& hub;
  caller by;
  domain::uuid ticket;
  reply_handle reply_to;
  std::optional<domain::idempotency_record> key = {};
  std::optional<std::int64_t> expected_version = {};
};

std::optional<errand> errand_of(context& hub, const call& request, edge::responder& responder) {
  const auto ticket = id_in_path(request, "id");
  if (!ticket) {
    responder.send(error_reply(ticket.why()));
    return std::nullopt;
  }
  return errand{
    hub, request.by(), *ticket, std::make_shared<edge::responder>(std::move(responder))};
}

/// What a call that changes something sends, or nothing when it was answered already.
std::optional<mutation> body_of(errand& what, const call& request, int status) {
  auto sent = read_mutation(request, status);
  if (!sent) {
    what.reply_to->send(error_reply(sent.why()));
    return std::nullopt;
  }
  what.key = sent->idempotency;
  what.expected_version = sent->expected_version;
  return *std::move(sent);
}

void with_context(const errand& what, std::function<void(storage::writing_context)> go_on) {
  unless_answered(
    what.hub, what.by.workspace, what.key, what.reply_to, [what, go_on = std::move(go_on)] {
      what.hub.reads.writing_context_of(
        what.by.workspace,
        what.ticket,
        [reply_to = what.reply_to, go_on](domain::result<storage::writing_context> found) {
          found ? go_on(*std::move(found)) : reply_to->send(error_reply(found.why()));
        });
    });
}

domain::failure no_entry() {
  return fail(errc::not_found, "nothing is drafted for this ticket yet");
}

edge::reply entry_reply(int status, const json& entry) {
  auto reply = json_reply(status, text_of(entry));
  reply.headers.emplace_back("ETag",
                             '"' + std::to_string(entry.at("version").get<std::int64_t>()) + '"');
  return reply;
}

json brief(const storage::notification_row& one) {
  return {{"id", to_string(one.id)},
          {"channel", one.channel},
          {"recipient", one.recipient_name},
          {"status", one.status},
          {"send_at", domain::to_rfc3339(one.send_at)}};
}

/// The entry with the notifications it has caused.
void send_entry(const errand& what,
                int status,
                const storage::changelog_row& entry,
                const send_reply& send) {
  storage::notification_query about;
  about.workspace = what.by.workspace;
  about.ticket = what.ticket;
  about.limit = notifications_shown;
  what.hub.reads.list_notifications(
    about, [status, entry, send](domain::result<storage::notification_page> found) {
      if (!found)
        return send(error_reply(found.why()));
      auto body = to_json(entry);
      body["notifications"] = json::array();
      for (const auto& one : found->notifications)
        if (one.entry == entry.id)
          body["notifications"].push_back(brief(one));
      send(entry_reply(status, body));
    });
}

/// Reads the entry as it is after a step and sends it.
void send_saved(const errand& what, int status, const send_reply& send) {
  what.hub.reads.writing_context_of(
    what.by.workspace,
    what.ticket,
    [what, status, send](domain::result<storage::writing_context> found) {
      if (!found || !found->entry)
        return send(saved_unread_reply("/api/tickets/" + to_string(what.ticket) + "/changelog"));
      send_entry(what, status, *found->entry, send);
    });
}

/// Commits one step with its event and its line of the record, and answers with the entry.
void commit_step(
  const errand& what, int status, changelog_step step, const char* event, json data) {
  auto change = change_of(what.hub, what.by.workspace);
  domain::uuid_generator ids{what.hub.seed()};
  domain::event_record told;
  told.id = ids.next(change.at);
  told.ticket_id = what.ticket;
  told.type = event;
  told.actor_type = "user";
  told.actor_id = what.by.who.id ? to_string(*what.by.who.id) : std::string{};
  told.data = text_of(data);
  change.events.push_back(std::move(told));
  change.action = action_of(what.hub, what.by, event, to_string(what.ticket), data);
  change.idempotency = what.key;
  step.ticket = what.ticket;
  change.changelog = std::move(step);
  commit_once(what.hub, std::move(change), what.reply_to, [what, status](const send_reply& send) {
    send_saved(what, status, send);
  });
}

bool is_draft(const storage::writing_context& context) {
  return context.entry && context.entry->status == "draft";
}

// ---- drafting

/// What a person asks of a model.
struct wish {
  domain::prompt_override instead;
  std::string notes;
  std::string model;
  bool force = false;
};

domain::changelog_context about(const storage::writing_context& context, const wish& asked) {
  return {.title = context.title,
          .description = context.description,
          .resolution_notes = asked.notes,
          .notion_page = {}};
}

domain::privacy_rules privacy_of(const errand& what, const storage::writing_context& context) {
  return {.names = context.names, .own = what.hub.release->own_of(what.by.workspace)};
}

void save_draft(const errand& what,
                const storage::writing_context& context,
                std::string content,
                domain::model_use by) {
  domain::uuid_generator ids{what.hub.seed()};
  changelog_step step;
  step.what = changelog_step::kind::draft;
  step.entry = is_draft(context) ? context.entry->id : ids.next(what.hub.now());
  // Another's edit meanwhile is not written over.
  if (is_draft(context))
    step.expected_version = what.expected_version.value_or(context.entry->version);
  step.instead = is_draft(context);
  step.content = std::move(content);
  step.seen_until = context.last_inbound;
  json data{{"entry_id", to_string(step.entry)}};
  data["model"] = by.model.empty() ? json(nullptr) : json(by.model);
  step.by_model = std::move(by);
  commit_step(what, 201, std::move(step), "changelog_drafted", std::move(data));
}

/// What went wrong with a model, to whoever waits for its text: a model nobody knows is theirs to
/// mend, everything else means "not now".
domain::failure as_unavailable(domain::failure why) {
  if (why.code == errc::invalid_input)
    return why;
  if (why.code == errc::not_found)
    return fail(errc::invalid_input, "there is no such model: " + why.message);
  // A key or a quota is not mended within seconds.
  if (why.code == errc::unauthorized || why.code == errc::forbidden)
    why.retry_after = std::chrono::seconds{60};
  why.code = errc::unavailable;
  return why;
}

void ask_model(const errand& what,
               const storage::writing_context& context,
               const domain::prompt& prompt,
               const std::string& model,
               int times_left) {
  what.hub.release->ask(
    what.by.workspace,
    model,
    prompt,
    context.cooling_until,
    [what, context, prompt, model, times_left](domain::result<written_text> answer) {
      if (!answer)
        return what.reply_to->send(error_reply(as_unavailable(std::move(answer).why())));
      auto content = domain::read_changelog(answer->text, privacy_of(what, context));
      if (content)
        return save_draft(what, context, *std::move(content), std::move(answer->use));
      if (times_left > 1 && answer->use.latency < answers_soon)
        return ask_model(what, context, prompt, model, times_left - 1);
      what.reply_to->send(error_reply(fail(
        errc::unavailable, "the model's answer is no changelog entry: " + content.why().message)));
    });
}

void generate_for(const errand& what, const storage::writing_context& context, const wish& asked) {
  if (is_draft(context) && !asked.force)
    return send_entry(what, 200, *context.entry, [reply_to = what.reply_to](edge::reply reply) {
      reply_to->send(std::move(reply));
    });
  if (context.status != domain::ticket_status::resolved)
    return what.reply_to->send(error_reply(
      fail(errc::invalid_input, "a changelog entry is for a resolved ticket; resolve it first")));
  const auto model = what.hub.release->changelog_model(what.by.workspace, asked.model);
  if (!model)
    return what.reply_to->send(error_reply(model.why()));
  const auto privacy = privacy_of(what, context);
  if (*model == domain::local_model_name)
    return save_draft(
      what, context, domain::local_changelog(about(context, asked), privacy), {.model = *model});
  ask_model(what,
            context,
            domain::changelog_prompt(about(context, asked), privacy, asked.instead),
            *model,
            asked_at_most);
}

void generate(context& hub, const call& request, edge::responder responder) {
  auto what = errand_of(hub, request, responder);
  if (!what)
    return;
  const auto sent = body_of(*what, request, 201);
  if (!sent)
    return;
  fields given{sent->body};
  given.only({"prompt", "system_prompt", "resolution_notes", "model", "force"});
  wish asked;
  asked.instead.user = given.text("prompt", longest_prompt, true).value_or("");
  asked.instead.system = given.text("system_prompt", longest_prompt, true).value_or("");
  asked.notes = given.text("resolution_notes", longest_notes, true).value_or("");
  asked.model = given.text("model", longest_model, true).value_or("");
  asked.force = given.flag("force");
  if (!given.faults().empty())
    return what->reply_to->send(invalid_fields(given.faults()));
  with_context(*what, [what = *what, asked](const storage::writing_context& context) {
    generate_for(what, context, asked);
  });
}

void preview(context& hub, const call& request, edge::responder responder) {
  auto what = errand_of(hub, request, responder);
  if (!what)
    return;
  parameters given{request};
  wish asked;
  asked.instead.user = given.text("prompt", longest_parameter);
  asked.instead.system = given.text("system_prompt", longest_parameter);
  asked.notes = given.text("resolution_notes", longest_parameter);
  if (!given.faults().empty())
    return what->reply_to->send(invalid_parameters(given.faults()));
  with_context(*what, [what = *what, asked](const storage::writing_context& context) {
    const auto shown =
      domain::preview_changelog(about(context, asked), privacy_of(what, context), asked.instead);
    auto redactions = json::array();
    for (const auto& [type, original] : shown.redactions)
      redactions.push_back({{"type", type}, {"original", original}});
    what.reply_to->send(momentary(200,
                                  {{"original", shown.original},
                                   {"scrubbed", shown.sent.user},
                                   {"redactions", std::move(redactions)},
                                   {"system_prompt", shown.sent.system}}));
  });
}

/// The content that a person sends, without personal data; nothing when the call was answered
/// already.
std::optional<std::string> content_of(errand& what, const call& request, int status) {
  const auto sent = body_of(what, request, status);
  if (!sent)
    return std::nullopt;
  fields given{sent->body};
  given.only({"content"});
  auto content = given.text("content", longest_content, false);
  if (!content && given.faults().empty())
    given.fault("content", "is missing");
  if (content) {
    const auto own = what.hub.release->own_of(what.by.workspace);
    content = domain::scrub(*content, own).text;
    for (auto& trouble : domain::check_changelog(*content, own))
      given.fault("content", std::move(trouble));
  }
  if (given.faults().empty())
    return content;
  what.reply_to->send(invalid_fields(given.faults()));
  return std::nullopt;
}

void write_by_hand(context& hub, const call& request, edge::responder responder) {
  auto what = errand_of(hub, request, responder);
  if (!what)
    return;
  auto content = content_of(*what, request, 201);
  if (!content)
    return;
  with_context(
    *what, [what = *what, content = *std::move(content)](const storage::writing_context& context) {
      save_draft(what, context, content, {});
    });
}

void revise(context& hub, const call& request, edge::responder responder) {
  auto what = errand_of(hub, request, responder);
  if (!what)
    return;
  auto content = content_of(*what, request, 200);
  if (!content)
    return;
  with_context(
    *what, [what = *what, content = *std::move(content)](const storage::writing_context& context) {
      if (!is_draft(context))
        return what.reply_to->send(error_reply(
          fail(errc::invalid_input, "there is no draft to edit; what is approved stays as it is")));
      changelog_step step;
      step.what = changelog_step::kind::revise;
      step.entry = context.entry->id;
      step.expected_version = what.expected_version.value_or(context.entry->version);
      auto changed = json::array();
      for (const auto section : domain::changed_sections(context.entry->content, content))
        changed.push_back(section);
      step.content = content;
      commit_step(what,
                  200,
                  std::move(step),
                  "changelog_edited",
                  {{"entry_id", to_string(context.entry->id)},
                   {"from_version", context.entry->version},
                   {"sections", std::move(changed)}});
    });
}

// ---- approving

/// A program says for whom it approves; a person is who they are.
std::string approver(const caller& by, const std::string& named) {
  if (by.who.type == "user" || named.empty())
    return by.who.label;
  return named + " (through " + by.who.label + ')';
}

std::vector<domain::notification_record>
notifications_for(const errand& what, const storage::writing_context& context) {
  domain::uuid_generator ids{what.hub.seed()};
  const auto own = what.hub.release->own_of(what.by.workspace);
  std::vector<domain::notification_record> all;
  for (const auto& [platform, who, thread] : context.reaches)
    all.push_back({ids.next(what.hub.now()),
                   platform,
                   who,
                   thread,
                   domain::for_channel(platform, context.entry->content, own)});
  return all;
}

struct approval {
  std::string named;
  bool although_newer = false;
};

void approve_for(const errand& what,
                 const storage::writing_context& context,
                 const approval& given) {
  if (!context.entry)
    return what.reply_to->send(error_reply(
      fail(errc::invalid_input, "there is no draft to approve; generate or write one")));
  const auto& entry = *context.entry;
  if (is_draft(context) && entry.version != what.expected_version)
    return what.reply_to->send(error_reply(fail(
      errc::conflict,
      "the draft has changed since you read it: it is at version " + std::to_string(entry.version)
        + ", you have " + std::to_string(*what.expected_version) + "; read it again")));
  const auto rules = what.hub.release->rules_of(what.by.workspace);
  changelog_step step;
  step.what = changelog_step::kind::approve;
  step.entry = entry.id;
  step.expected_version = what.expected_version;
  step.person = approver(what.by, given.named);
  step.person_id = what.by.who.id;
  step.although_newer = given.although_newer;
  if (is_draft(context))
    step.notifications = notifications_for(what, context);
  step.undo_within = rules.undo_within;
  step.batch_above = rules.batch_above;
  step.batch_within = rules.batch_within;
  json data{{"entry_id", to_string(entry.id)},
            {"version", entry.version},
            {"notifications", step.notifications.size()}};
  commit_step(what, 200, std::move(step), "changelog_approved", std::move(data));
}

void approve(context& hub, const call& request, edge::responder responder) {
  auto what = errand_of(hub, request, responder);
  if (!what)
    return;
  const auto sent = body_of(*what, request, 200);
  if (!sent)
    return;
  fields given{sent->body};
  given.only({"approved_by", "although_newer", "version"});
  approval wanted;
  wanted.named = given.text("approved_by", longest_name, true).value_or("");
  wanted.although_newer = given.flag("although_newer");
  if (const auto version = sent->body.find("version"); version != sent->body.end()) {
    if (!version->is_number_integer())
      given.fault("version", "must be a whole number");
    else if (!what->expected_version)
      what->expected_version = version->get<std::int64_t>();
  }
  if (!what->expected_version && given.faults().empty())
    given.fault("version", "is missing: say which version you have read, here or as If-Match");
  if (!given.faults().empty())
    return what->reply_to->send(invalid_fields(given.faults()));
  with_context(*what, [what = *what, wanted](const storage::writing_context& context) {
    approve_for(what, context, wanted);
  });
}

void take_back(context& hub, const call& request, edge::responder responder) {
  auto what = errand_of(hub, request, responder);
  if (!what)
    return;
  const auto sent = body_of(*what, request, 200);
  if (!sent)
    return;
  fields given{sent->body};
  given.only({});
  if (!given.faults().empty())
    return what->reply_to->send(invalid_fields(given.faults()));
  domain::uuid_generator ids{hub.seed()};
  changelog_step step;
  step.what = changelog_step::kind::take_back;
  step.entry = ids.next(hub.now());
  json data{{"entry_id", to_string(step.entry)}};
  commit_step(*what, 200, std::move(step), "changelog_taken_back", std::move(data));
}

// ---- reading

void show(context& hub, const call& request, edge::responder responder) {
  auto what = errand_of(hub, request, responder);
  if (!what)
    return;
  with_context(*what, [what = *what](const storage::writing_context& context) {
    if (!context.entry)
      return what.reply_to->send(error_reply(no_entry()));
    send_entry(what, 200, *context.entry, [reply_to = what.reply_to](edge::reply reply) {
      reply_to->send(std::move(reply));
    });
  });
}

json listed(const storage::changelog_row& entry) {
  auto body = to_json(entry);
  body["ticket"] = {{"id", to_string(entry.ticket)},
                    {"title", entry.ticket_title},
                    {"status", entry.ticket_status},
                    {"reporter", {{"name", entry.reporter_name}}}};
  body["related_tickets"] = json::array(); // the rest of its group
  return body;
}

void list(context& hub, const call& request, edge::responder responder) {
  parameters given{request};
  storage::changelog_query query;
  query.workspace = request.who.workspace;
  const auto statuses =
    given.list<domain::changelog_status>("status", domain::parse_changelog_status);
  if (statuses.size() > 1)
    given.fault("status", "must be one status");
  query.after = given.id("cursor");
  const auto at = read_page_number(given, query.after.has_value());
  if (!given.faults().empty())
    return responder.send(invalid_parameters(given.faults()));
  if (!statuses.empty())
    query.status = to_string(statuses.front());
  query.limit = at.per_page;
  query.offset = at.offset();
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  hub.reads.list_changelog(
    query,
    [reply_to, at, asked = request, by_cursor = query.after.has_value()](
      domain::result<storage::changelog_page> found) {
      if (!found)
        return reply_to->send(error_reply(found.why()));
      auto body = json::array();
      for (const auto& entry : found->entries)
        body.push_back(listed(entry));
      reply_to->send(page_reply(asked,
                                at,
                                by_cursor,
                                *found,
                                text_of(body),
                                found->entries.empty() ? "" : to_string(found->entries.back().id)));
    });
}

} // namespace

void mount_changelog(edge::server& server, context& hub) {
  const auto reading = [&](const char* path, auto handle) {
    server.route("GET", path, only_with(hub, permission::tickets_read, handle));
  };
  const auto writing = [&](const char* method, const char* path, auto handle) {
    server.route(method, path, only_with(hub, permission::tickets_write, handle));
  };
  reading("/api/tickets/:id/changelog", show);
  reading("/api/tickets/:id/preview_changelog", preview);
  reading("/api/changelog_entries", list);
  writing("POST", "/api/tickets/:id/generate_changelog", generate);
  writing("POST", "/api/tickets/:id/manual_changelog", write_by_hand);
  writing("PATCH", "/api/tickets/:id/update_changelog_draft", revise);
  writing("PATCH", "/api/tickets/:id/approve_changelog", approve);
  writing("POST", "/api/tickets/:id/take_back_changelog", take_back);
}

} // namespace hub::http
