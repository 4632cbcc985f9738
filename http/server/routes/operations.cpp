#include "actors/actor_metrics.hpp"
#include "actors/journal/journal_metrics.hpp"
#include "http/server/json/actor_details.hpp"
#include "http/server/json/ticket_json.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/embedded_files.hpp"
#include "http/server/routes/mount.hpp"
#include "http/server/routes/routes.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <utility>

namespace hub::http {

namespace {

using domain::permission;
using nlohmann::json;

// ---- liveness and health

void up(context& hub, const edge::request&, edge::responder responder) {
  responder.send(momentary(200, {{"status", "ok"}, {"version", hub.version}}));
}

/// 503 only without a database: then nothing can be taken in, and a balancer should look elsewhere.
void health(context& hub, const edge::request&, edge::responder responder) {
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  hub.reads.ping([&hub, reply_to](domain::result<std::chrono::microseconds> took) {
    const auto writers = hub.journal_figures.writers_up.load();
    const bool writing = writers > 0;
    json database{{"status", took && writing ? "ok" : "down"}};
    if (took)
      database["latency_ms"] = static_cast<double>(took->count()) / 1000.0;
    else
      database["error"] = took.why().message;
    json body{{"status", took && writing ? "ok" : "down"},
              {"dependencies",
               {{"database", std::move(database)},
                {"journal",
                 {{"status", writing ? "ok" : "down"},
                  {"writers", writers},
                  {"queued", hub.journal_figures.queued.load()}}}}}};
    if (!hub.sandboxed.empty())
      body["sandbox"] = {{"url", hub.sandbox_url}, {"providers", hub.sandboxed}};
    auto reply = momentary(took && writing ? 200 : 503, body);
    if (reply.status == 503)
      reply.headers.emplace_back("Retry-After", "2");
    reply_to->send(std::move(reply));
  });
}

void show_metrics(context& hub, const edge::request&, edge::responder responder) {
  responder.send({.status = 200,
                  .content_type = "text/plain; version=0.0.4; charset=utf-8",
                  .body = hub.figures.text(),
                  .headers = {{"Cache-Control", "no-store"}}});
}

// ---- actors

double milliseconds(std::uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e6;
}

json to_json(const context& hub,
             const domain::uuid& workspace,
             const std::string& kind,
             const actors::kind_metrics& figures) {
  const auto times = figures.handling.read();
  auto busiest = json::array();
  for (const auto& actor : figures.busiest())
    busiest.push_back({{"actor_id", actor.actor_id}, {"messages", actor.handled}});
  json shown{{"kind", kind},
             {"count", live_actors(figures)},
             {"mailbox_now", figures.waiting.load()},
             {"mailbox_max", figures.waiting_max.load()},
             {"messages", figures.handled.load()},
             {"failures", figures.failed.load()},
             {"restarts", figures.restarts.load()},
             {"p50_ms", milliseconds(times.quantile_ns(0.5))},
             {"p99_ms", milliseconds(times.quantile_ns(0.99))},
             {"busiest", std::move(busiest)}};
  if (auto details = actor_details(hub, kind, workspace); !details.is_null())
    shown["details"] = std::move(details);
  return shown;
}

void list_actors(context& hub, const call& from, edge::responder responder) {
  auto body = json::array();
  actors::metrics_registry::instance().each([&](const std::string& kind, const auto& figures) {
    body.push_back(to_json(hub, from.who.workspace, kind, figures));
  });
  responder.send(momentary(200, body));
}

void show_kind(context& hub, const call& from, edge::responder responder) {
  std::optional<json> found;
  actors::metrics_registry::instance().each([&](const std::string& kind, const auto& figures) {
    if (kind == from.path_parameter("kind"))
      found = to_json(hub, from.who.workspace, kind, figures);
  });
  if (!found)
    return responder.send(
      error_reply(domain::fail(domain::errc::not_found, "no actors of this kind have run here")));
  responder.send(momentary(200, *found));
}

// ---- the intake ledger

json to_json(const storage::ledger_line& line) {
  const auto accounted =
    line.created + line.attached + line.duplicate + line.not_feedback + line.quarantined;
  return {{"received", line.received},
          {"created", line.created},
          {"attached", line.attached},
          {"duplicate", line.duplicate},
          {"not_feedback", line.not_feedback},
          {"quarantined", line.quarantined},
          {"balanced", line.received == accounted}};
}

void show_ledger(context& hub, const call& request, edge::responder responder) {
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  hub.reads.ledger_of(request.who.workspace, [reply_to](domain::result<storage::ledger> ledger) {
    if (!ledger)
      return reply_to->send(error_reply(ledger.why()));
    auto channels = json::object();
    storage::ledger_line total;
    for (const auto& [platform, line] : *ledger) {
      channels[platform] = to_json(line);
      total.received += line.received;
      total.created += line.created;
      total.attached += line.attached;
      total.duplicate += line.duplicate;
      total.not_feedback += line.not_feedback;
      total.quarantined += line.quarantined;
    }
    reply_to->send(momentary(200, {{"channels", std::move(channels)}, {"total", to_json(total)}}));
  });
}

// ---- static files

void show_openapi(context&, const edge::request&, edge::responder responder) {
  responder.send({.status = 200,
                  .content_type = "application/json",
                  .body = std::string{embedded_openapi()},
                  .headers = {{"Cache-Control", "no-cache"}}});
}

void show_front_page(context&, const edge::request&, edge::responder responder) {
  responder.send({.status = 200,
                  .content_type = "text/html; charset=utf-8",
                  .body = std::string{embedded_front_page()},
                  .headers = {{"Cache-Control", "no-cache"},
                              {"Content-Security-Policy",
                               "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                               "form-action 'none'; frame-ancestors 'none'"}}});
}

} // namespace

void mount_operations(edge::server& server, context& hub) {
  server.route("GET", "/", open_to_all(hub, show_front_page));
  server.route("GET", "/up", open_to_all(hub, up));
  server.route("GET", "/health", open_to_all(hub, health));
  server.route("GET", "/metrics", hub_wide(hub, permission::operations_read, show_metrics));
  server.route("GET", "/openapi.json", open_to_all(hub, show_openapi));
  server.route("GET", "/api/actors", hub_wide(hub, permission::operations_read, list_actors));
  server.route("GET", "/api/actors/:kind", hub_wide(hub, permission::operations_read, show_kind));
  server.route("GET", "/api/ledger", only_with(hub, permission::operations_read, show_ledger));
}

} // namespace hub::http
