#include "http/server/webhooks/webhooks.hpp"

#include "config/log.hpp"
#include "http/server/auth/tokens.hpp"
#include "http/server/respond.hpp"
#include "http/server/webhooks/place.hpp"
#include "http/server/webhooks/signature.hpp"
#include "http/server/webhooks/take_in.hpp"
#include "http/server/workspaces.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace hub::http {

namespace {

using domain::delivery_outcome;
using nlohmann::json;

/// A channel that is told of things by webhook: where, and how a call proves to be authentic.
struct webhook {
  domain::channel channel;
  const char* path;
  const char* secret_path; // of one workspace alone
  signature_check (*check)(const webhook_secrets&, const edge::request&, domain::time_point now);
};

signature_check
check_slack(const webhook_secrets& by, const edge::request& request, domain::time_point now) {
  return check_slack_signature(by.slack_signing,
                               request.header("x-slack-request-timestamp"),
                               request.header("x-slack-signature"),
                               request.body,
                               now);
}

signature_check
check_intercom(const webhook_secrets& by, const edge::request& request, domain::time_point) {
  return check_intercom_signature(by.intercom, request.header("x-hub-signature"), request.body);
}

signature_check
check_whatsapp(const webhook_secrets& by, const edge::request& request, domain::time_point) {
  return check_whatsapp_signature(by.whatsapp, request.header("x-hub-signature-256"), request.body);
}

constexpr std::array webhooks{
  webhook{domain::channel::slack, "/webhooks/slack", "/webhooks/slack/:path_secret", check_slack},
  webhook{domain::channel::intercom,
          "/webhooks/intercom",
          "/webhooks/intercom/:path_secret",
          check_intercom},
  webhook{domain::channel::whatsapp,
          "/webhooks/whatsapp",
          "/webhooks/whatsapp/:path_secret",
          check_whatsapp},
};

const char* reason_of(signature_check found) {
  switch (found) {
  case signature_check::good:
    break;
  case signature_check::missing:
    return "missing_signature";
  case signature_check::bad:
    return "bad_signature";
  case signature_check::stale:
    return "stale_timestamp";
  }
  return "bad_signature";
}

edge::reply refuse(context& hub, const webhook& hook, signature_check found) {
  hub.figures.count_refused_webhook(hook.channel, reason_of(found));
  const char* why = found == signature_check::stale
                      ? "the request's timestamp is more than five minutes away"
                    : found == signature_check::missing ? "the request is not signed"
                                                        : "the signature does not match the body";
  return error_reply(401, reason_of(found), why);
}

json id_or_null(const domain::uuid& id) {
  return id.is_nil() ? json(nullptr) : json(to_string(id));
}

/// The contract's answer to what a delivery became. With several items the first one's ticket
/// speaks for all; the rest is listed.
edge::reply acknowledge(const std::vector<actors::taken_in>& taken) {
  const bool duplicate =
    std::ranges::all_of(taken, [](const auto& item) { return item.duplicate; });
  const bool stored = std::ranges::all_of(
    taken, [](const auto& item) { return item.outcome == delivery_outcome::quarantined; });
  json body;
  if (stored) {
    body = {{"status", "stored"},
            {"delivery_id", to_string(taken.front().delivery)},
            {"duplicate", duplicate}};
  } else {
    const auto with_ticket =
      std::ranges::find_if(taken, [](const auto& item) { return !item.ticket.is_nil(); });
    body = {
      {"status", "ok"},
      {"ticket_id", with_ticket == taken.end() ? json(nullptr) : id_or_null(with_ticket->ticket)},
      {"duplicate", duplicate}};
    if (taken.size() > 1) {
      body["items"] = json::array();
      for (const auto& item : taken)
        body["items"].push_back({{"outcome", to_string(item.outcome)},
                                 {"ticket_id", id_or_null(item.ticket)},
                                 {"duplicate", item.duplicate}});
    }
  }
  return json_reply(200, body.dump());
}

/// What becomes of a delivery whose items are read: they are taken in, and the provider is told.
void take(context& hub,
          const webhook& hook,
          const std::string& request_id,
          domain::result<read_delivery> understood,
          const std::shared_ptr<edge::responder>& reply_to) {
  const auto not_stored = [&hub, &hook, request_id, reply_to](const domain::failure& why) {
    hub.figures.count_failed_intake(hook.channel);
    config::log(config::log_level::warn,
                "intake_failed",
                {{"request_id", request_id},
                 {"channel", to_string(hook.channel)},
                 {"code", to_string(why.code)},
                 {"why", why.message}});
    reply_to->send(not_stored_reply(why));
  };
  if (!understood)
    return not_stored(understood.why());
  if (understood->trouble)
    config::log(config::log_level::warn,
                "delivery_not_understood",
                {{"request_id", request_id},
                 {"channel", to_string(hook.channel)},
                 {"why", understood->trouble->message}});
  if (understood->items.empty() && understood->answer)
    return reply_to->send({.status = 200,
                           .content_type = understood->answer->content_type,
                           .body = understood->answer->body,
                           .headers = {}});
  take_in_all(
    hub,
    std::move(understood->items),
    [&hub, &hook, reply_to, not_stored](domain::result<std::vector<actors::taken_in>> taken) {
      if (!taken)
        return not_stored(taken.why());
      for (const auto& item : *taken)
        hub.figures.count_intake(hook.channel, item.outcome, item.duplicate);
      reply_to->send(acknowledge(*taken));
    });
}

received_delivery delivery_in(context& hub, const webhook& hook, const edge::request& request) {
  return {.platform = hook.channel,
          .content_type = std::string{request.header("content-type").value_or("")},
          .body = std::make_shared<const std::string>(request.body),
          .received_at = hub.now(),
          .replays = std::nullopt,
          .replayed_by = std::nullopt};
}

void receive(context& hub,
             const webhook& hook,
             const edge::request& request,
             edge::responder responder) {
  if (const auto found = hook.check(hub.secrets, request, hub.now());
      found != signature_check::good)
    return responder.send(refuse(hub, hook, found));
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  place(hub,
        delivery_in(hub, hook, request),
        [&hub, &hook, reply_to, id = request.id](domain::result<read_delivery> understood) {
          take(hub, hook, id, std::move(understood), reply_to);
        });
}

/// Secrets that nobody signs with. Checking against them takes as long, and finds as much, as
/// checking a wrong signature: whether a path or a secret is there cannot be told from outside.
const webhook_secrets& secrets_of_nobody() {
  static const auto random = random_token();
  static const webhook_secrets nobody{random, random, random, random};
  return nobody;
}

/// With nobody's in the place of those that are not set.
webhook_secrets filled(webhook_secrets secrets) {
  const auto& nobody = secrets_of_nobody();
  for (auto* each : {&secrets.slack_signing,
                     &secrets.intercom,
                     &secrets.whatsapp,
                     &secrets.whatsapp_verify_token})
    if (each->empty())
      *each = nobody.whatsapp;
  return secrets;
}

/// Whose address a request came to; unset where nobody's.
domain::result<std::optional<path_owner>>
owner_of(const context& hub, domain::channel platform, const edge::request& request) {
  if (hub.known == nullptr)
    return std::optional<path_owner>{};
  return hub.known->behind_path(platform, token_hash(request.path_parameter("path_secret")));
}

/// What comes in at a workspace's own address is signed with its own secret, and its own, whatever
/// account it names.
void receive_for_one(context& hub,
                     const webhook& hook,
                     const edge::request& request,
                     edge::responder responder) {
  const auto owner = owner_of(hub, hook.channel, request);
  if (!owner)
    return responder.send(not_stored_reply(owner.why()));
  const auto secrets = *owner ? filled((*owner)->secrets) : secrets_of_nobody();
  if (const auto found = hook.check(secrets, request, hub.now()); found != signature_check::good)
    return responder.send(refuse(hub, hook, found));
  take(hub,
       hook,
       request.id,
       read(delivery_in(hub, hook, request), (*owner)->workspace),
       std::make_shared<edge::responder>(std::move(responder)));
}

/// Meta checks a webhook address by asking it to repeat a challenge.
edge::reply
verify_whatsapp(context& hub, const edge::request& request, const std::string& verify_token) {
  const auto mode = request.query_parameter("hub.mode");
  const auto token = request.query_parameter("hub.verify_token");
  const auto challenge = request.query_parameter("hub.challenge");
  const bool known = mode == "subscribe" && token && !verify_token.empty()
                     && equal_in_constant_time(*token, verify_token);
  if (!known || !challenge || challenge->size() > 1024) {
    hub.figures.count_refused_webhook(domain::channel::whatsapp, "bad_verify_token");
    return error_reply(403, "forbidden", "the verify token does not match");
  }
  return {.status = 200,
          .content_type = "text/plain; charset=utf-8",
          .body = std::string{*challenge},
          .headers = {}};
}

} // namespace

void mount_webhooks(edge::server& server, context& hub) {
  for (const auto& hook : webhooks) {
    server.route(
      "POST", hook.path, [&hub, &hook](const edge::request& request, edge::responder responder) {
        receive(hub, hook, request, std::move(responder));
      });
    server.route("POST",
                 hook.secret_path,
                 [&hub, &hook](const edge::request& request, edge::responder responder) {
                   receive_for_one(hub, hook, request, std::move(responder));
                 });
    // Providers probe with it.
    for (const auto* path : {hook.path, hook.secret_path})
      server.route("HEAD", path, [](const edge::request&, edge::responder responder) {
        responder.send(
          {.status = 200, .content_type = "application/json", .body = "", .headers = {}});
      });
  }
  server.route(
    "GET", "/webhooks/whatsapp", [&hub](const edge::request& request, edge::responder responder) {
      responder.send(verify_whatsapp(hub, request, hub.secrets.whatsapp_verify_token));
    });
  server.route("GET",
               "/webhooks/whatsapp/:path_secret",
               [&hub](const edge::request& request, edge::responder responder) {
                 const auto owner = owner_of(hub, domain::channel::whatsapp, request);
                 if (!owner)
                   return responder.send(not_stored_reply(owner.why()));
                 const auto secrets = *owner ? filled((*owner)->secrets) : secrets_of_nobody();
                 responder.send(verify_whatsapp(hub, request, secrets.whatsapp_verify_token));
               });
}

} // namespace hub::http
