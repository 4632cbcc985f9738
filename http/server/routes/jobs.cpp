#include "actors/journal/protocol.hpp"
#include "domain/json_reading.hpp"
#include "domain/provider.hpp"
#include "http/server/ask.hpp"
#include "http/server/idempotent.hpp"
#include "http/server/json/actor_details.hpp"
#include "http/server/json/ticket_json.hpp"
#include "http/server/paging.hpp"
#include "http/server/parse.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/mount.hpp"
#include "http/server/routes/routes.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;
using domain::job_kind;
using domain::job_kind_state;
using domain::permission;
using nlohmann::json;

constexpr std::size_t longest_text = 4'000;
constexpr std::size_t longest_recipient = 255;
constexpr int most_retried_at_once = 1'000;
constexpr int retried_a_page = 100;

/// Commits, and hands on the failure that a refusal stands for.
void commit(context& hub,
            domain::change what,
            std::function<void(const domain::failure* why)> done) {
  ask<domain::verdict>(
    hub.system,
    hub.journal,
    actors::commit_change{std::make_shared<const domain::change>(std::move(what))},
    [done = std::move(done)](const domain::result<domain::verdict>& answer) {
      if (!answer)
        return done(&answer.why());
      if (answer->what == domain::verdict::kind::committed)
        return done(nullptr);
      const auto why = answer->why.value_or(fail(errc::internal, "the journal refused the change"));
      done(&why);
    });
}

/// Commits a change whose answer is known before, so that both are durable together.
void commit_and_answer(context& hub,
                       const call& request,
                       domain::change what,
                       edge::reply reply,
                       edge::responder responder) {
  auto key = idempotency_of(request, reply.status);
  if (!key)
    return responder.send(error_reply(key.why()));
  what.idempotency = *std::move(key);
  if (what.idempotency)
    what.answer = domain::answer_record{what.idempotency->key, reply.body};
  commit_once(hub,
              std::move(what),
              std::make_shared<edge::responder>(std::move(responder)),
              [reply = std::move(reply)](const send_reply& send) { send(reply); });
}

// ---- kinds of jobs

json to_json(const context& hub, job_kind kind) {
  const auto& rules = hub.job_rules[static_cast<std::size_t>(kind)];
  const auto& of = hub.jobs->of(kind);
  const auto delay = of.start_delay.read();
  const auto run = of.run_time.read();
  const auto milliseconds = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e6; };
  return {{"job_class", rules.job_class},
          {"state", to_string(of.state.load())},
          {"force_fail", of.force_fail.load()},
          {"runs_here", of.has_runner.load()},
          {"concurrency", rules.concurrency},
          {"most_attempts", rules.retry.most_attempts},
          {"due", of.due.load()},
          {"delayed", of.delayed.load()},
          {"claimed", of.claimed.load()},
          {"retrying", of.retrying.load()},
          {"dead", of.dead.load()},
          {"oldest_due_s", static_cast<double>(of.oldest_due_ms.load()) / 1000.0},
          {"running", of.running.load()},
          {"enqueued", of.announced.load()},
          {"started", of.started.load()},
          {"finished", of.finished.load()},
          {"retried", of.retried.load()},
          {"held_back", of.held_back.load()},
          {"buried", of.buried.load()},
          {"start_delay_p99_ms", milliseconds(delay.quantile_ns(0.99))},
          {"run_time_p50_ms", milliseconds(run.quantile_ns(0.5))},
          {"run_time_p99_ms", milliseconds(run.quantile_ns(0.99))}};
}

/// What operators said is read fresh; the rest is as last looked at, a few seconds ago at most.
void with_controls(
  context& hub,
  const reply_handle& reply_to,
  std::function<void(const std::vector<storage::job_control_row>& controls)> go_on) {
  hub.reads.list_job_controls(
    [reply_to, go_on = std::move(go_on)](
      const domain::result<std::vector<storage::job_control_row>>& controls) {
      controls ? go_on(*controls) : reply_to->send(error_reply(controls.why()));
    });
}

void apply(json& kind, const std::vector<storage::job_control_row>& controls) {
  kind["state"] = to_string(job_kind_state::running);
  kind["force_fail"] = false;
  for (const auto& control : controls)
    if (kind["job_class"] == to_string(control.kind)) {
      kind["state"] = to_string(control.state);
      kind["force_fail"] = control.force_fail;
    }
}

void list_kinds(context& hub, const call&, edge::responder responder) {
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  with_controls(hub, reply_to, [&hub, reply_to](const auto& controls) {
    auto body = json::array();
    for (const auto& rules : domain::all_job_rules()) {
      body.push_back(to_json(hub, rules.kind));
      apply(body.back(), controls);
    }
    reply_to->send(momentary(200, body));
  });
}

void set_state(context& hub,
               const call& request,
               edge::responder responder,
               job_kind_state state,
               const char* done_word) {
  const auto kind = domain::parse_job_kind(request.path_parameter("job_class"));
  if (!kind)
    return responder.send(error_reply(kind.why()));
  auto key = idempotency_of(request, 200);
  if (!key)
    return responder.send(error_reply(key.why()));
  auto what = change_of(hub, request.who.workspace);
  what.idempotency = *std::move(key);
  what.control = domain::job_control{*kind, state, std::nullopt};
  what.action = action_of(hub, request.by(), done_word, std::string{to_string(*kind)});
  commit_once(hub,
              std::move(what),
              std::make_shared<edge::responder>(std::move(responder)),
              [&hub, kind = *kind, state](const send_reply& send) {
                hub.look_again(kind);
                auto body = to_json(hub, kind);
                body["state"] = to_string(state);
                send(momentary(200, body));
              });
}

void pause(context& hub, const call& request, edge::responder responder) {
  set_state(hub, request, std::move(responder), job_kind_state::paused, "job_kind_paused");
}

void resume(context& hub, const call& request, edge::responder responder) {
  set_state(hub, request, std::move(responder), job_kind_state::running, "job_kind_resumed");
}

void drain(context& hub, const call& request, edge::responder responder) {
  set_state(hub, request, std::move(responder), job_kind_state::draining, "job_kind_drained");
}

// ---- trying the machinery out

edge::reply simulation_off() {
  return error_reply(403, "simulation_off", "simulation is off here; HUB_SIMULATION=on enables it");
}

/// The arguments of a provider check, or what is wrong with them.
json check_args(const json& args, std::vector<field_error>& faults) {
  json kept = json::object();
  const auto text = [&](const char* name, std::size_t longest, bool required) {
    const auto value = domain::text_at(args, name);
    if (value.size() > longest)
      faults.push_back(
        {std::string{"args."} + name, "must be at most " + std::to_string(longest) + " bytes"});
    else if (required && value.empty())
      faults.push_back({std::string{"args."} + name, "is missing"});
    else if (!value.empty())
      kept[name] = value;
  };
  text("provider", longest_recipient, true);
  text("recipient", longest_recipient, true);
  text("thread", longest_recipient, false);
  text("text", longest_text, true);
  if (kept.contains("provider"))
    if (const auto which = domain::parse_provider(kept["provider"].get<std::string>()); !which)
      faults.push_back({"args.provider", which.why().message});
  return kept;
}

/// The arguments of a canary, or what is wrong with them.
json canary_args(const json& args, std::vector<field_error>& faults) {
  const auto fate = domain::member(args, "fate");
  if (fate.is_null())
    return json::object();
  if (fate != "abort")
    faults.push_back({"args.fate", "must be abort"});
  return {{"fate", fate}};
}

/// The job that a call wants, of a kind that only shows that jobs work.
domain::job_record wanted_job(context& hub, const json& body, std::vector<field_error>& faults) {
  domain::uuid_generator ids{hub.seed()};
  const auto now = hub.now();
  domain::job_record job{.id = ids.next(now), .dedup_key = {}, .run_at = now};
  const auto kind = domain::parse_job_kind(domain::text_at(body, "job_class"));
  if (!kind || (*kind != job_kind::canary && *kind != job_kind::provider_check))
    faults.push_back({"job_class", "must be CanaryJob or ProviderCheckJob"});
  else
    job.args = text_of(*kind == job_kind::provider_check
                         ? check_args(domain::member(body, "args"), faults)
                         : canary_args(domain::member(body, "args"), faults));
  if (kind)
    job.kind = *kind;
  return job;
}

/// Enqueues a job that only shows that jobs work.
void run_job(context& hub, const call& request, edge::responder responder) {
  if (!hub.simulation)
    return responder.send(simulation_off());
  const auto body = json_body(request);
  if (!body)
    return responder.send(error_reply(body.why()));
  std::vector<field_error> faults;
  auto job = wanted_job(hub, *body, faults);
  if (!faults.empty())
    return responder.send(invalid_fields(faults));
  const json answer{{"id", to_string(job.id)}, {"job_class", to_string(job.kind)}};
  auto what = change_of(hub, request.who.workspace);
  what.action = action_of(
    hub, request.by(), "job_enqueued", to_string(job.id), {{"job_class", to_string(job.kind)}});
  what.jobs.push_back(std::move(job));
  commit_and_answer(hub, request, std::move(what), momentary(202, answer), std::move(responder));
}

// ---- dead letters

json to_json(const storage::dead_letter_row& letter) {
  return {{"id", to_string(letter.id)},
          {"job_class", letter.job_class},
          {"job_args", json::parse(letter.job_args, nullptr, false)},
          {"error_class", letter.error_class},
          {"error_message", letter.error_message},
          {"queue", letter.queue},
          {"status", letter.status},
          {"backtrace", letter.backtrace},
          {"outcome_unknown", letter.outcome_unknown},
          {"attempts", json::parse(letter.attempts, nullptr, false)},
          {"replaced_by", letter.replaced_by ? json(to_string(*letter.replaced_by)) : json()},
          {"failed_at", domain::to_rfc3339(letter.failed_at)},
          {"created_at", domain::to_rfc3339(letter.created_at)}};
}

/// `<failed_at in ms>.<id>`: where a page of dead letters ends.
std::string cursor_of(const storage::dead_letter_row& letter) {
  return std::to_string(letter.failed_at.time_since_epoch().count()) + '.' + to_string(letter.id);
}

std::optional<storage::dead_letter_position> position_in(const std::string& cursor) {
  const auto dot = cursor.find('.');
  if (dot == std::string::npos)
    return std::nullopt;
  const auto time = domain::number_of(json(cursor.substr(0, dot)));
  const auto id = domain::parse_uuid(std::string_view{cursor}.substr(dot + 1));
  if (!time || !id)
    return std::nullopt;
  return storage::dead_letter_position{domain::time_point{std::chrono::milliseconds{*time}}, *id};
}

std::optional<std::string> unless_empty(std::string text) {
  return text.empty() ? std::nullopt : std::optional{std::move(text)};
}

storage::dead_letter_query filter_in(const call& request, parameters& given) {
  storage::dead_letter_query query;
  query.workspace = request.who.workspace;
  query.status = unless_empty(given.text("status", 32));
  if (query.status && *query.status != "unresolved" && *query.status != "resolved"
      && *query.status != "retried")
    given.fault("status", "must be unresolved, resolved or retried");
  query.job_class = unless_empty(given.text("job_class", 64));
  query.error_class = unless_empty(given.text("error_class", 64));
  if (query.job_class)
    if (const auto kind = domain::parse_job_kind(*query.job_class); !kind)
      given.fault("job_class", kind.why().message);
  return query;
}

void list_letters(context& hub, const call& request, edge::responder responder) {
  parameters given{request};
  auto query = filter_in(request, given);
  const auto cursor = given.text("cursor", 64);
  query.after = position_in(cursor);
  if (!cursor.empty() && !query.after)
    given.fault("cursor", "is not one this list has given");
  const auto at = read_page_number(given, query.after.has_value());
  if (!given.faults().empty())
    return responder.send(invalid_parameters(given.faults()));
  query.limit = at.per_page;
  query.offset = at.offset();
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  const bool by_cursor = query.after.has_value();
  hub.reads.list_dead_letters(
    std::move(query),
    [reply_to, at, by_cursor, asked = request](
      const domain::result<storage::dead_letter_page>& found) {
      if (!found)
        return reply_to->send(error_reply(found.why()));
      auto body = json::array();
      for (const auto& letter : found->letters)
        body.push_back(to_json(letter));
      reply_to->send(page_reply(asked,
                                at,
                                by_cursor,
                                *found,
                                text_of(body),
                                found->letters.empty() ? "" : cursor_of(found->letters.back())));
    });
}

/// Answers with the letter as it is now.
void send_letter(context& hub,
                 const domain::uuid& workspace,
                 const domain::uuid& id,
                 int status,
                 const send_reply& send) {
  hub.reads.dead_letter_of(
    workspace, id, [send, status](const domain::result<storage::stored_dead_letter>& found) {
      send(found ? momentary(status, to_json(found->row)) : error_reply(found.why()));
    });
}

void resolve(context& hub, const call& request, edge::responder responder) {
  const auto id = id_in_path(request, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  auto key = idempotency_of(request, 200);
  if (!key)
    return responder.send(error_reply(key.why()));
  auto what = change_of(hub, request.who.workspace);
  what.idempotency = *std::move(key);
  what.dead_letter =
    domain::dead_letter_step{domain::dead_letter_step::kind::resolve, *id, {}, false};
  what.action = action_of(hub, request.by(), "dead_letter_resolved", to_string(*id));
  commit_once(hub,
              std::move(what),
              std::make_shared<edge::responder>(std::move(responder)),
              [&hub, workspace = request.who.workspace, id = *id](const send_reply& send) {
                send_letter(hub, workspace, id, 200, send);
              });
}

/// Whoever looks whether a file is on its way looks for its job by this.
std::string key_of(job_kind kind, const std::string& args) {
  if (kind != job_kind::attachment_fetch)
    return {};
  const auto given = domain::read_json(args);
  return given ? domain::text_at(*given, "attachment") : std::string{};
}

/// The change that puts the job of a letter back to work as a new one.
domain::result<domain::change> trying_again(context& hub,
                                            const caller& by,
                                            const storage::stored_dead_letter& letter,
                                            bool although_unknown) {
  const auto kind = domain::parse_job_kind(letter.row.job_class);
  if (!kind)
    return kind.why();
  domain::uuid_generator ids{hub.seed()};
  auto what = change_of(hub, by.workspace);
  const auto job = ids.next(what.at);
  what.dead_letter = domain::dead_letter_step{
    domain::dead_letter_step::kind::retry, letter.row.id, job, although_unknown};
  what.jobs.push_back({.id = job,
                       .kind = *kind,
                       .dedup_key = key_of(*kind, letter.args),
                       .args = letter.args,
                       .run_at = what.at});
  what.action = action_of(hub,
                          by,
                          "dead_letter_retried",
                          to_string(letter.row.id),
                          {{"job", to_string(job)}, {"although_unknown", although_unknown}});
  return what;
}

/// `although_unknown` of an optional JSON body.
domain::result<bool> although_unknown_in(const edge::request& request) {
  if (request.body.empty())
    return false;
  const auto body = json_body(request);
  if (!body)
    return body.why();
  return body->value("although_unknown", json()) == true;
}

void retry(context& hub, const call& request, edge::responder responder) {
  const auto id = id_in_path(request, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  const auto anyway = although_unknown_in(request);
  if (!anyway)
    return responder.send(error_reply(anyway.why()));
  const auto key = idempotency_of(request, 202);
  if (!key)
    return responder.send(error_reply(key.why()));
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  hub.reads.dead_letter_of(
    request.who.workspace,
    *id,
    [&hub, by = request.by(), reply_to, id = *id, anyway = *anyway, key = *key](
      const domain::result<storage::stored_dead_letter>& found) {
      auto what = found ? trying_again(hub, by, *found, anyway) : found.why();
      if (!what)
        return reply_to->send(error_reply(what.why()));
      what->idempotency = key;
      commit_once(hub,
                  *std::move(what),
                  reply_to,
                  [&hub, workspace = by.workspace, id](const send_reply& send) {
                    send_letter(hub, workspace, id, 202, send);
                  });
    });
}

/// Retries what matches a filter, one after the other, a page at a time.
class bulk_retry : public std::enable_shared_from_this<bulk_retry> {
public:
  bulk_retry(
    context& hub, caller by, storage::dead_letter_query query, bool anyway, send_reply send)
    : hub_{hub},
      by_{std::move(by)},
      query_{std::move(query)},
      anyway_{anyway},
      send_{std::move(send)} {
    query_.status = "unresolved";
    query_.limit = retried_a_page;
  }

  void next_page() {
    hub_.reads.list_dead_letters(
      query_, [me = shared_from_this()](const domain::result<storage::dead_letter_page>& found) {
        if (!found)
          return me->send_(error_reply(found.why()));
        me->page_ = *found;
        me->at_ = 0;
        me->next_letter();
      });
  }

private:
  void next_letter() {
    if (retried_ + skipped_ >= most_retried_at_once)
      return answer(true);
    if (at_ == page_.letters.size()) {
      if (!page_.more)
        return answer(false);
      const auto& last = page_.letters.back();
      query_.after = storage::dead_letter_position{last.failed_at, last.id};
      return next_page();
    }
    const auto& letter = page_.letters[at_++];
    if (letter.outcome_unknown && !anyway_) {
      ++skipped_;
      return next_letter();
    }
    hub_.reads.dead_letter_of(
      by_.workspace,
      letter.id,
      [me = shared_from_this()](const domain::result<storage::stored_dead_letter>& found) {
        auto what = found ? trying_again(me->hub_, me->by_, *found, me->anyway_) : found.why();
        if (!what)
          return me->settled(&what.why());
        commit(me->hub_, *std::move(what), [me](const domain::failure* why) { me->settled(why); });
      });
  }

  void settled(const domain::failure* why) {
    const bool somebody_else =
      why != nullptr && (why->code == errc::conflict || why->code == errc::not_found);
    if (why != nullptr && !somebody_else)
      return send_(error_reply(*why));
    ++(why == nullptr ? retried_ : skipped_);
    next_letter();
  }

  void answer(bool more) {
    send_(momentary(202, {{"retried", retried_}, {"skipped", skipped_}, {"more", more}}));
  }

  context& hub_;
  caller by_;
  storage::dead_letter_query query_;
  bool anyway_;
  send_reply send_;
  storage::dead_letter_page page_;
  std::size_t at_ = 0;
  int retried_ = 0;
  int skipped_ = 0;
};

void retry_all(context& hub, const call& request, edge::responder responder) {
  const auto anyway = although_unknown_in(request);
  if (!anyway)
    return responder.send(error_reply(anyway.why()));
  parameters given{request};
  auto query = filter_in(request, given);
  if (!given.faults().empty())
    return responder.send(invalid_parameters(given.faults()));
  auto key = idempotency_of(request, 202);
  if (!key)
    return responder.send(error_reply(key.why()));
  run_once(
    hub,
    request.who.workspace,
    *std::move(key),
    std::make_shared<edge::responder>(std::move(responder)),
    [&hub, by = request.by(), query = std::move(query), anyway = *anyway](const send_reply& send) {
      std::make_shared<bulk_retry>(hub, by, query, anyway, send)->next_page();
    });
}

// ---- forced failures

void force_fail(context& hub, const call& request, edge::responder responder) {
  if (!hub.simulation)
    return responder.send(simulation_off());
  const auto body = json_body(request);
  if (!body)
    return responder.send(error_reply(body.why()));
  const auto kind = domain::parse_job_kind(domain::text_at(*body, "job_class"));
  if (!kind)
    return responder.send(invalid_fields({{"job_class", kind.why().message}}));
  const json answer{{"job_class", to_string(*kind)}, {"armed", true}};
  auto what = change_of(hub, request.who.workspace);
  what.control = domain::job_control{*kind, std::nullopt, true};
  what.action = action_of(hub, request.by(), "failure_forced", std::string{to_string(*kind)});
  commit_and_answer(hub, request, std::move(what), momentary(200, answer), std::move(responder));
}

void force_fail_status(context& hub, const call&, edge::responder responder) {
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  with_controls(hub, reply_to, [reply_to](const auto& controls) {
    auto body = json::array();
    for (const auto& rules : domain::all_job_rules()) {
      bool armed = false;
      for (const auto& control : controls)
        armed = armed || (control.kind == rules.kind && control.force_fail);
      body.push_back({{"job_class", rules.job_class}, {"armed", armed}});
    }
    reply_to->send(momentary(200, body));
  });
}

// ---- providers

void list_providers(context& hub, const call&, edge::responder responder) {
  auto body = json::array();
  for (const auto which : domain::all_providers) {
    const auto& of = hub.providers->of(which);
    const std::string name{to_string(which)};
    body.push_back({{"provider", name},
                    {"breaker", to_string(of.breaker.load())},
                    {"tokens", of.tokens.load()},
                    {"waiting", of.waiting.load()},
                    {"under_way", of.under_way.load()},
                    {"paused_s", static_cast<double>(of.paused_ms.load()) / 1000.0},
                    {"admitted", of.admitted.load()},
                    {"refused", of.refused.load()},
                    {"throttled", of.throttled.load()},
                    {"failed", of.failed.load()},
                    {"sandbox", std::ranges::count(hub.sandboxed, name) > 0}});
  }
  responder.send(momentary(200, body));
}

} // namespace

void mount_jobs(edge::server& server, context& hub) {
  server.route("GET", "/api/jobs", hub_wide(hub, permission::operations_read, list_kinds));
  server.route("POST", "/api/jobs", only_with(hub, permission::operations_write, run_job));
  server.route(
    "POST", "/api/jobs/:job_class/pause", hub_wide(hub, permission::operations_write, pause));
  server.route(
    "POST", "/api/jobs/:job_class/resume", hub_wide(hub, permission::operations_write, resume));
  server.route(
    "POST", "/api/jobs/:job_class/drain", hub_wide(hub, permission::operations_write, drain));
  server.route(
    "GET", "/api/dead_letter_jobs", only_with(hub, permission::operations_read, list_letters));
  server.route(
    "POST", "/api/dead_letter_jobs/retry", only_with(hub, permission::operations_write, retry_all));
  server.route("POST",
               "/api/dead_letter_jobs/force_fail",
               hub_wide(hub, permission::operations_write, force_fail));
  server.route("GET",
               "/api/dead_letter_jobs/force_fail_status",
               hub_wide(hub, permission::operations_read, force_fail_status));
  server.route("PATCH",
               "/api/dead_letter_jobs/:id/resolve",
               only_with(hub, permission::operations_write, resolve));
  server.route(
    "POST", "/api/dead_letter_jobs/:id/retry", only_with(hub, permission::operations_write, retry));
  server.route("GET", "/api/providers", hub_wide(hub, permission::operations_read, list_providers));
}

} // namespace hub::http
