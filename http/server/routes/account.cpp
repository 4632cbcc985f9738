#include "config/log.hpp"
#include "domain/json_reading.hpp"
#include "domain/text.hpp"
#include "http/server/auth/fresh_session.hpp"
#include "http/server/auth/gate.hpp"
#include "http/server/auth/password_hasher.hpp"
#include "http/server/auth/tokens.hpp"
#include "http/server/json/access_json.hpp"
#include "http/server/json/ticket_json.hpp"
#include "http/server/parse.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/accounts.hpp"
#include "http/server/routes/embedded_files.hpp"
#include "http/server/routes/mount.hpp"
#include "storage/identity/identity_store.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;
using nlohmann::json;
using reply_handle = std::shared_ptr<edge::responder>;

constexpr std::size_t longest_secret = 1024; // bytes of a password or token as sent

/// One answer for everything that does not let in: it tells nobody which emails there are.
edge::reply not_let_in() {
  return error_reply(
    fail(errc::unauthorized, "email or password is wrong; after several wrong ones, wait a while"));
}

/// Answers with the session's cookie and with whose it is.
void send_session(gate& door,
                  const reply_handle& reply_to,
                  const std::string& token,
                  bool beyond_this_machine) {
  door.store().session_of(
    token_hash(token),
    door.now(),
    storage::session_use::used,
    [reply_to, token, beyond_this_machine](const domain::result<storage::open_session>& opened) {
      if (!opened)
        return reply_to->send(error_reply(opened.why()));
      auto reply = momentary(201, to_json(*opened, csrf_token_of(token)));
      reply.headers.emplace_back("Set-Cookie",
                                 session_cookie(token, beyond_this_machine, session_lasts));
      reply_to->send(std::move(reply));
    });
}

/// A person's password or link as it came, and everything needed to go on with it later.
struct attempt_to_enter {
  edge::request request;
  reply_handle reply_to;
  domain::uuid workspace; // until it is known whose: the default one
};

/// What a session of this person begins with: they act for themselves from here on.
storage::acting acting_as(const gate& door,
                          const attempt_to_enter& who,
                          const domain::uuid& workspace,
                          const domain::uuid& person,
                          const std::string& email) {
  auto by = door.acting_for(who.request, workspace);
  by.who.type = to_string(domain::principal::kind::person);
  by.who.id = person;
  by.who.label = email;
  return by;
}

/// Begins a session for somebody whose password was verified.
void enter(gate& door,
           const attempt_to_enter& who,
           const storage::sign_in_facts& facts,
           const std::string& email) {
  auto fresh = make_session(door, who.request, facts.id);
  fresh.row.verified_hash = facts.password_hash;
  door.failures().forgive(door.address_of(who.request));
  door.store().begin_session(
    acting_as(door, who, facts.workspace, facts.id, email),
    std::move(fresh.row),
    [&door,
     reply_to = who.reply_to,
     token = fresh.token,
     beyond = is_beyond_this_machine(who.request)](const domain::outcome& begun) {
      begun ? send_session(door, reply_to, token, beyond)
            : reply_to->send(error_reply(begun.why()));
    });
}

/// For whoever looks for guesses: from where, not for whom.
void log_wrong_password(const gate& door, const edge::request& request, bool locked) {
  config::log(
    config::log_level::warn,
    "wrong_password",
    {{"request_id", request.id}, {"address", door.address_of(request)}, {"locked", locked}});
}

/// Counts the attempt, and finds out whether the password is this email's. `done` hears of a right
/// password of somebody who may enter, everybody else gets `refusal`.
void check_password(gate& door,
                    const attempt_to_enter& who,
                    storage::claimed_person claimed,
                    const std::string& password,
                    const edge::reply& refusal,
                    std::function<void(const storage::sign_in_facts& facts)> done) {
  door.store().begin_attempt(
    door.acting_for(who.request, who.workspace),
    std::move(claimed),
    [&door, who, password, refusal, done = std::move(done)](
      const domain::result<storage::sign_in_facts>& facts) {
      if (!facts)
        return who.reply_to->send(error_reply(facts.why()));
      // One hash is computed, whether nobody has this email, one person or several: the time tells
      // nothing.
      door.hasher().verify(
        password,
        facts->password_hash,
        [&door, who, facts = *facts, refusal, done](const domain::result<bool>& same) {
          if (!same)
            return who.reply_to->send(error_reply(same.why()));
          if (*same && !facts.locked)
            return done(facts);
          log_wrong_password(door, who.request, facts.locked);
          who.reply_to->send(refusal);
        });
    });
}

std::optional<edge::reply> must_wait(gate& door, const edge::request& request) {
  const auto wait = door.failures().begin(door.address_of(request));
  if (!wait)
    return std::nullopt;
  auto why = fail(errc::rate_limited, "too many wrong credentials came from this address");
  why.retry_after = *wait;
  return error_reply(why);
}

/// The texts of a JSON body by name; each must be there and not too long.
domain::result<json> texts_in(const edge::request& request,
                              std::initializer_list<const char*> names) {
  auto body = json_body(request);
  if (!body)
    return body;
  for (const auto* name : names) {
    const auto found = body->find(name);
    if (found == body->end() || !found->is_string()
        || found->get_ref<const std::string&>().size() > longest_secret)
      return fail(errc::invalid_input, std::string{name} + " must be a text of at most 1024 bytes");
  }
  return body;
}

/// The workspace that a sign-in names; an empty one is none.
domain::result<std::optional<std::string>> workspace_in(const json& body) {
  const auto found = body.find("workspace");
  if (found == body.end() || found->is_null())
    return std::optional<std::string>{};
  if (!found->is_string() || found->get_ref<const std::string&>().size() > longest_secret
      || domain::clean_utf8(found->get<std::string>()) != found->get_ref<const std::string&>())
    return fail(errc::invalid_input, "workspace must be a text of at most 1024 bytes");
  const auto named = found->get<std::string>();
  return named.empty() ? std::optional<std::string>{} : std::optional{named};
}

domain::failure name_a_workspace() {
  return fail(errc::conflict,
              "people of several workspaces have this email: say which as `workspace`, by its name "
              "or id");
}

void sign_in(context& hub, gate& door, const edge::request& request, edge::responder responder) {
  if (auto wait = must_wait(door, request))
    return responder.send(*std::move(wait));
  const auto body = texts_in(request, {"email", "password"});
  if (!body)
    return responder.send(error_reply(body.why()));
  auto workspace = workspace_in(*body);
  if (!workspace)
    return responder.send(error_reply(workspace.why()));
  const auto parsed = domain::parse_email(body->at("email").get<std::string>());
  const auto email = parsed ? *parsed : std::string{}; // nobody's
  const attempt_to_enter who{
    request, std::make_shared<edge::responder>(std::move(responder)), hub.workspace};
  check_password(door,
                 who,
                 {email, *workspace},
                 body->at("password").get<std::string>(),
                 not_let_in(),
                 [&door, who, email](const storage::sign_in_facts& facts) {
                   // Only who has just given a right password hears that there is more.
                   facts.several ? who.reply_to->send(error_reply(name_a_workspace()))
                                 : enter(door, who, facts, email);
                 });
}

void sign_in_by_link(context& hub,
                     gate& door,
                     const edge::request& request,
                     edge::responder responder) {
  if (auto wait = must_wait(door, request))
    return responder.send(*std::move(wait));
  const auto body = texts_in(request, {"token"});
  if (!body)
    return responder.send(error_reply(body.why()));
  auto fresh = make_session(door, request, {});
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  door.store().use_link(door.acting_for(request, hub.workspace),
                        token_hash(body->at("token").get<std::string>()),
                        std::move(fresh.row),
                        [&door,
                         reply_to,
                         token = fresh.token,
                         address = door.address_of(request),
                         beyond = is_beyond_this_machine(request)](const domain::outcome& used) {
                          if (!used)
                            return reply_to->send(error_reply(used.why()));
                          door.failures().forgive(address);
                          send_session(door, reply_to, token, beyond);
                        });
}

void show_session(gate& door, const call& from, edge::responder responder) {
  if (from.session_token.empty())
    return responder.send(momentary(200, to_json(from.who)));
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  door.store().session_of(
    token_hash(from.session_token),
    door.now(),
    storage::session_use::used,
    [reply_to,
     csrf = csrf_token_of(from.session_token)](const domain::result<storage::open_session>& found) {
      reply_to->send(found ? momentary(200, to_json(*found, csrf)) : error_reply(found.why()));
    });
}

/// Sessions and passwords are people's: a key has neither, and a token was given for less.
bool is_person(const call& from, edge::responder& responder) {
  if (!from.session_token.empty())
    return true;
  responder.send(error_reply(
    fail(errc::forbidden, "this is about a person who signed in; a key or a token is none")));
  return false;
}

edge::reply signed_out(bool beyond_this_machine) {
  auto reply = momentary(200, {{"status", "signed_out"}});
  reply.headers.emplace_back("Set-Cookie",
                             session_cookie("", beyond_this_machine, std::chrono::seconds{0}));
  reply.headers.emplace_back("Clear-Site-Data", "\"cache\", \"storage\"");
  return reply;
}

void sign_out(gate& door, const call& from, edge::responder responder) {
  if (!is_person(from, responder))
    return;
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  door.store().end_session(
    door.acting_for(from),
    from.who.id,
    from.who.session,
    [reply_to, beyond = is_beyond_this_machine(from)](const domain::outcome& ended) {
      reply_to->send(ended || ended.why().code == errc::not_found ? signed_out(beyond)
                                                                  : error_reply(ended.why()));
    });
}

void list_sessions(gate& door, const call& from, edge::responder responder) {
  if (!is_person(from, responder))
    return;
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  door.store().list_sessions(from.who.workspace,
                             from.who.id,
                             [reply_to, mine = from.who.session](
                               const domain::result<std::vector<storage::session_row>>& all) {
                               if (!all)
                                 return reply_to->send(error_reply(all.why()));
                               auto body = json::array();
                               for (const auto& one : *all)
                                 body.push_back(to_json(one, one.id == mine));
                               reply_to->send(momentary(200, body));
                             });
}

void end_session(gate& door, const call& from, edge::responder responder) {
  if (!is_person(from, responder))
    return;
  const auto id = id_in_path(from, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  door.store().end_session(
    door.acting_for(from), from.who.id, *id, [reply_to](const domain::outcome& ended) {
      reply_to->send(ended ? momentary(200, {{"status", "ended"}}) : error_reply(ended.why()));
    });
}

void end_other_sessions(gate& door, const call& from, edge::responder responder) {
  if (!is_person(from, responder))
    return;
  auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  door.store().end_sessions(
    door.acting_for(from), from.who.id, from.who.session, [reply_to](const domain::outcome& ended) {
      reply_to->send(ended ? momentary(200, {{"status", "ended"}}) : error_reply(ended.why()));
    });
}

// ---- a new password

/// Sets it, ends every session, and begins a new one: a token that leaked before is worth nothing.
void save_password(gate& door, const call& from, const reply_handle& reply_to, std::string hash) {
  auto fresh = make_session(door, from, from.who.id);
  door.store().set_password(
    door.acting_for(from),
    std::move(hash),
    std::move(fresh.row),
    [&door, reply_to, token = fresh.token, beyond = is_beyond_this_machine(from)](
      const domain::outcome& set) {
      set ? send_session(door, reply_to, token, beyond) : reply_to->send(error_reply(set.why()));
    });
}

void hash_and_save(gate& door, const call& from, const reply_handle& reply_to, std::string wanted) {
  door.hasher().hash(
    std::move(wanted), [&door, from, reply_to](const domain::result<std::string>& hash) {
      hash ? save_password(door, from, reply_to, *hash) : reply_to->send(error_reply(hash.why()));
    });
}

/// Who has a password must know it, unless a link has just let them in because they forgot it.
void set_password(gate& door, const call& from, edge::responder responder) {
  if (!is_person(from, responder))
    return;
  const auto body = texts_in(from, {"password"});
  if (!body)
    return responder.send(error_reply(body.why()));
  const auto wanted = body->at("password").get<std::string>();
  if (const auto good = domain::check_password(wanted, from.who.label); !good)
    return responder.send(invalid_fields({{"password", good.why().message}}));
  const auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  door.store().session_of(
    token_hash(from.session_token),
    door.now(),
    storage::session_use::used,
    [&door, from, reply_to, wanted, current = domain::text_at(*body, "current_password")](
      const domain::result<storage::open_session>& session) {
      if (!session)
        return reply_to->send(error_reply(session.why()));
      if (!session->has_password || session->came_by_link)
        return hash_and_save(door, from, reply_to, wanted);
      check_password(door,
                     {static_cast<const edge::request&>(from), reply_to, from.who.workspace},
                     {from.who.label, to_string(from.who.workspace)},
                     current,
                     invalid_fields({{"current_password", "is not the one you have"}}),
                     [&door, from, reply_to, wanted](const storage::sign_in_facts&) {
                       hash_and_save(door, from, reply_to, wanted);
                     });
    });
}

// ---- the page

edge::reply page(std::string_view type, std::string_view body) {
  return {.status = 200,
          .content_type = std::string{type},
          .body = std::string{body},
          .headers = {{"Cache-Control", "no-cache"},
                      {"Content-Security-Policy",
                       "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; "
                       "connect-src 'self'; base-uri 'none'; form-action 'self'; "
                       "frame-ancestors 'none'"}}};
}

/// The page shows the way through the identity provider where there is one.
std::string sign_in_page(bool by_provider) {
  std::string text{embedded_sign_in_page()};
  constexpr std::string_view absent = "data-offered=\"no\"";
  if (const auto at = text.find(absent); by_provider && at != std::string::npos)
    text.replace(at, absent.size(), "data-offered=\"yes\"");
  return text;
}

} // namespace

void mount_account(edge::server& server, context& hub, gate& door) {
  const auto open = [&](auto handle) {
    return [&hub, &door, handle](const edge::request& request, edge::responder responder) {
      handle(hub, door, request, std::move(responder));
    };
  };
  const auto known = [&](auto handle) {
    return only_with(
      hub, std::nullopt, [&door, handle](context&, const call& from, edge::responder responder) {
        handle(door, from, std::move(responder));
      });
  };
  server.route("GET", "/sign-in", [&hub](const edge::request&, edge::responder responder) {
    responder.send(page("text/html; charset=utf-8", sign_in_page(hub.signs_in_by_provider)));
  });
  server.route("GET", "/sign-in.js", [](const edge::request&, edge::responder responder) {
    responder.send(page("text/javascript; charset=utf-8", embedded_sign_in_script()));
  });
  server.route("POST", "/api/session", open(sign_in));
  server.route("POST", "/api/session/link", open(sign_in_by_link));
  server.route("GET", "/api/session", known(show_session));
  server.route("DELETE", "/api/session", known(sign_out));
  server.route("PUT", "/api/session/password", known(set_password));
  server.route("GET", "/api/sessions", known(list_sessions));
  server.route("DELETE", "/api/sessions", known(end_other_sessions));
  server.route("DELETE", "/api/sessions/:id", known(end_session));
}

} // namespace hub::http
