#include "domain/text.hpp"
#include "domain/web_address.hpp"
#include "http/server/auth/fresh_session.hpp"
#include "http/server/auth/gate.hpp"
#include "http/server/auth/oidc_provider.hpp"
#include "http/server/auth/tokens.hpp"
#include "http/server/parse.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/accounts.hpp"
#include "http/server/routes/mount.hpp"
#include "storage/identity/federation.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;
using reply_handle = std::shared_ptr<edge::responder>;

constexpr std::chrono::minutes attempt_lasts{10};
constexpr std::size_t token_size = 43; // as `random_token` makes them
constexpr std::size_t longest_code = 3000;
constexpr std::size_t longest_name = 1024; // of a workspace, as when signing in with a password
constexpr auto callback_path = "/auth/oidc/callback";

/// Under TLS the name makes browsers refuse it from any other host, port or scheme: nobody can
/// have somebody else's browser finish a sign-in that they began.
std::string cookie_name(bool beyond_this_machine) {
  return beyond_this_machine ? "__Host-hub_oidc" : "hub_oidc";
}

std::string attempt_cookie(const std::string& value, bool beyond_this_machine) {
  const std::chrono::seconds lasts = value.empty() ? std::chrono::seconds{0} : attempt_lasts;
  return cookie_name(beyond_this_machine) + '=' + value
         + "; Path=/; HttpOnly; SameSite=Lax; Max-Age=" + std::to_string(lasts.count())
         + (beyond_this_machine ? "; Secure" : "");
}

bool is_token(std::string_view text) {
  return text.size() == token_size && from_base64url(text).has_value();
}

/// What only the browser's own secret and this attempt's state lead to; nothing of it is kept.
std::string derived(const char* what, const std::string& browser, const std::string& state) {
  return to_base64url(token_hash(std::string{what} + ':' + browser + ':' + state));
}

/// How the browser calls the hub. The host was checked already, up to its port.
std::optional<std::string> own_address(const edge::request& request) {
  const auto url = (is_beyond_this_machine(request) ? "https://" : "http://")
                   + std::string{request.header("host").value_or("")};
  const auto where = domain::parse_web_address(url);
  if (!where)
    return std::nullopt;
  return where->scheme + "://" + where->host + (where->port.empty() ? "" : ':' + where->port);
}

/// A page for people. Its sentences are the hub's own: nothing that came with the request is in it.
edge::reply told(int status, const std::string& sentence) {
  return {.status = status,
          .content_type = "text/html; charset=utf-8",
          .body =
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            "<title>Sign in · Feedback Hub</title><style>:root{color-scheme:light dark}"
            "body{font:16px/1.6 system-ui,sans-serif;max-width:24rem;margin:3rem auto;"
            "padding:0 1rem}</style></head><body><main><h1>Feedback Hub</h1><p role=\"alert\">"
            + sentence + "</p><p><a href=\"/sign-in"
            + (status == 409 ? "?which" : "") // asks for the workspace too
            + "\">Back to signing in</a></p></main>"
              "</body></html>",
          .headers = {{"Cache-Control", "no-store"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                       "form-action 'none'; frame-ancestors 'none'"}}};
}

edge::reply told(const domain::failure& why) {
  const auto plain = error_reply(why);
  auto page = [&] {
    switch (why.code) {
    case errc::unauthorized:
      return told(403, "The identity provider's answer could not be believed. Sign in again.");
    case errc::forbidden:
      return told(403, "This answer came from another identity provider. Sign in again.");
    case errc::rate_limited:
      return told(429, "Too many sign-ins were begun from here. Wait a little.");
    default:
      return told(503, "Signing in does not work at the moment. Try again in a little while.");
    }
  }();
  for (const auto& [name, value] : plain.headers)
    if (name == "Retry-After")
      page.headers.emplace_back(name, value);
  return page;
}

domain::failure too_many(std::chrono::seconds wait) {
  auto why = fail(errc::rate_limited, "too many sign-ins");
  why.retry_after = wait;
  return why;
}

edge::reply refused(storage::entry how) {
  switch (how) {
  case storage::entry::not_invited:
    return told(403, "Nobody has invited you to this hub. Ask one of its administrators.");
  case storage::entry::email_unverified:
    return told(403,
                "The identity provider does not vouch for your email address, so the hub cannot "
                "tell who you are.");
  case storage::entry::disabled:
    return told(403, "You may not enter this hub any more. Ask one of its administrators.");
  case storage::entry::linked_to_another:
    return told(403,
                "Your email address came with another account of the identity provider before. Ask "
                "an administrator of this hub to unlink it.");
  case storage::entry::several:
    return told(409,
                "Several workspaces know you by your email address. Go back, say which one as "
                "Workspace, by its name, and sign in through your organisation again.");
  case storage::entry::entered:
    break;
  }
  return told(503, "Signing in does not work at the moment. Try again in a little while.");
}

edge::reply over() {
  return told(400,
              "This sign-in is over: it took too long, was used already, or was begun in another "
              "browser. Sign in again.");
}

/// For the provider's error codes (RFC 6749, 4.1.2.1); what it says beside them is not shown.
edge::reply refused_there(std::string_view error) {
  if (error == "access_denied")
    return told(403, "The identity provider did not let you in, or you went back.");
  if (error == "temporarily_unavailable" || error == "server_error")
    return told(503, "The identity provider is not available at the moment. Try again later.");
  return told(403, "The identity provider refused the sign-in.");
}

edge::reply redirect(std::string location) {
  return {.status = 303,
          .content_type = "text/plain; charset=utf-8",
          .body = {},
          .headers = {{"Location", std::move(location)},
                      {"Cache-Control", "no-store"},
                      {"Referrer-Policy", "no-referrer"}}};
}

edge::reply not_set_up() {
  return error_reply(fail(errc::not_found, "no identity provider is set up here"));
}

/// Signs people in through the provider.
class provider_desk {
public:
  provider_desk(context& hub, gate& door, sign_in_provider with)
    : hub_{hub}, door_{door}, with_{std::move(with)} {}

  void start(const edge::request& request, edge::responder responder) {
    const auto return_to = request.query_parameter("return_to").value_or("/");
    const std::string workspace{request.query_parameter("workspace").value_or("")};
    const auto self = own_address(request);
    if (!domain::is_local_path(return_to) || !self)
      return responder.send(
        told(400, "This is no place of this hub to go on to after signing in."));
    if (workspace.size() > longest_name || domain::clean_utf8(workspace) != workspace)
      return responder.send(told(400, "No workspace can be called that."));
    if (const auto wait = starts_.begin(door_.address_of(request)))
      return responder.send(told(too_many(*wait)));
    const bool beyond = is_beyond_this_machine(request);
    // Several sign-ins of one browser, in several windows, share its secret.
    auto browser = cookie_in(request, cookie_name(beyond)).value_or("");
    if (!is_token(browser))
      browser = random_token();
    const auto state = random_token();
    storage::new_oidc_attempt attempt;
    attempt.workspace = hub_.workspace;
    attempt.id = door_.fresh_id();
    attempt.state_hash = token_hash(state);
    attempt.browser_hash = token_hash(browser);
    attempt.redirect_uri = *self + callback_path;
    attempt.return_to = return_to;
    if (!workspace.empty())
      attempt.named = workspace;
    attempt.created_at = door_.now();
    attempt.expires_at = attempt.created_at + attempt_lasts;
    auto round = round_of(browser, state, attempt.redirect_uri);
    const auto reply_to = std::make_shared<edge::responder>(std::move(responder));
    with_.provider->begin(
      std::move(round),
      [this, reply_to, attempt = std::move(attempt), browser, beyond](
        const domain::result<std::string>& where) {
        if (!where)
          return reply_to->send(told(where.why()));
        with_.people->begin_attempt(
          attempt, [reply_to, where = *where, browser, beyond](const domain::outcome& begun) {
            if (!begun)
              return reply_to->send(told(begun.why()));
            auto reply = redirect(where);
            reply.headers.emplace_back("Set-Cookie", attempt_cookie(browser, beyond));
            reply_to->send(std::move(reply));
          });
      });
  }

  void finish(const edge::request& request, edge::responder responder) {
    const auto back = std::make_shared<arrival>();
    back->request = request;
    back->beyond = is_beyond_this_machine(request);
    back->browser = cookie_in(request, cookie_name(back->beyond)).value_or("");
    back->state = request.query_parameter("state").value_or("");
    if (!is_token(back->browser) || !is_token(back->state))
      return responder.send(over());
    if (const auto wait = returns_.begin(door_.address_of(request)))
      return responder.send(told(too_many(*wait)));
    back->reply_to = std::make_shared<edge::responder>(std::move(responder));
    with_.people->take_attempt(
      token_hash(back->state),
      token_hash(back->browser),
      door_.now(),
      [this, back](const domain::result<storage::oidc_attempt>& taken) {
        if (!taken)
          return back->answer(taken.why().code == errc::unauthorized ? over() : told(taken.why()));
        returns_.forgive(door_.address_of(back->request));
        back->attempt = *taken;
        with_.provider->check_sender(std::string{back->request.query_parameter("iss").value_or("")},
                                     [this, back](const domain::outcome& fine) {
                                       fine ? exchange(back) : back->answer(told(fine.why()));
                                     });
      });
  }

private:
  /// A browser that came back.
  struct arrival {
    edge::request request;
    bool beyond = false;
    std::string browser;
    std::string state;
    storage::oidc_attempt attempt;
    reply_handle reply_to;

    void answer(edge::reply with) { reply_to->send(std::move(with)); }
  };
  using arrival_ptr = std::shared_ptr<arrival>;

  static sign_in_round
  round_of(const std::string& browser, const std::string& state, std::string redirect_uri) {
    return {state,
            derived("nonce", browser, state),
            derived("verifier", browser, state),
            std::move(redirect_uri)};
  }

  void exchange(const arrival_ptr& back) {
    if (const auto error = back->request.query_parameter("error"))
      return back->answer(refused_there(*error));
    const auto code = back->request.query_parameter("code").value_or("");
    if (code.empty() || code.size() > longest_code)
      return back->answer(refused_there(""));
    with_.provider->finish(std::string{code},
                           round_of(back->browser, back->state, back->attempt.redirect_uri),
                           [this, back](const domain::result<arrived_person>& who) {
                             who ? enter(back, *who) : back->answer(told(who.why()));
                           });
  }

  void enter(const arrival_ptr& back, const arrived_person& who) {
    auto fresh = make_session(door_, back->request, {});
    with_.people->enter(
      door_.acting_for(back->request, hub_.workspace),
      {with_.provider->issuer(), who.subject, who.email, who.name},
      back->attempt.named,
      with_.others,
      std::move(fresh.row),
      [this, back, token = fresh.token](const domain::result<storage::entry>& how) {
        if (!how)
          return back->answer(told(how.why()));
        if (*how != storage::entry::entered)
          return back->answer(refused(*how));
        starts_.forgive(door_.address_of(back->request));
        auto reply = redirect(back->attempt.return_to);
        reply.headers.emplace_back("Set-Cookie",
                                   session_cookie(token, back->beyond, session_lasts));
        reply.headers.emplace_back("Set-Cookie", attempt_cookie("", back->beyond));
        back->answer(std::move(reply));
      });
  }

  context& hub_;
  gate& door_;
  const sign_in_provider with_;
  failure_counter starts_{{}};  // each leaves a row until it expires
  failure_counter returns_{{}}; // each asks the database
};

void unlink(gate& door,
            storage::federation_store& people,
            const call& from,
            edge::responder responder) {
  const auto id = id_in_path(from, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  const auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  people.unlink(door.acting_for(from), *id, [reply_to](const domain::outcome& unlinked) {
    reply_to->send(unlinked ? momentary(200, {{"status", "unlinked"}})
                            : error_reply(unlinked.why()));
  });
}

} // namespace

void mount_oidc(edge::server& server, context& hub, gate& door, const sign_in_provider& with) {
  const auto desk =
    with.provider == nullptr ? nullptr : std::make_shared<provider_desk>(hub, door, with);
  const auto open = [&](auto handle) {
    return [desk, handle](const edge::request& request, edge::responder responder) {
      desk == nullptr ? responder.send(not_set_up())
                      : ((*desk).*handle)(request, std::move(responder));
    };
  };
  server.route("GET", "/auth/oidc/start", open(&provider_desk::start));
  server.route("GET", callback_path, open(&provider_desk::finish));
  server.route(
    "DELETE",
    "/api/users/:id/identities",
    only_with(hub,
              domain::permission::people_write,
              [&door, people = with.people](context&, const call& from, edge::responder responder) {
                people == nullptr ? responder.send(not_set_up())
                                  : unlink(door, *people, from, std::move(responder));
              }));
}

} // namespace hub::http
