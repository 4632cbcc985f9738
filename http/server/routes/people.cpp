#include "domain/json_reading.hpp"
#include "domain/text.hpp"
#include "http/server/auth/gate.hpp"
#include "http/server/auth/password_hasher.hpp"
#include "http/server/auth/tokens.hpp"
#include "http/server/download.hpp"
#include "http/server/host_check.hpp"
#include "http/server/json/access_json.hpp"
#include "http/server/json/ticket_json.hpp"
#include "http/server/parse.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/accounts.hpp"
#include "http/server/routes/mount.hpp"
#include "storage/identity/identity_store.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace hub::http {

namespace {

using domain::permission;
using nlohmann::json;
using reply_handle = std::shared_ptr<edge::responder>;

constexpr std::chrono::hours invitation_lasts{72};
constexpr std::size_t longest_name = 200;
constexpr int most_key_days = 3650;

reply_handle keep(edge::responder responder) {
  return std::make_shared<edge::responder>(std::move(responder));
}

/// A name as it was given, fit to be shown.
std::string name_in(const json& body, std::vector<field_error>& faults) {
  auto name = domain::clean_utf8(domain::text_at(body, "name"));
  if (name.size() > longest_name)
    faults.push_back({"name", "must be at most 200 bytes"});
  return name;
}

std::optional<bool>
choice_in(const json& body, const char* field, std::vector<field_error>& faults) {
  const auto found = body.find(field);
  if (found == body.end())
    return std::nullopt;
  if (!found->is_boolean())
    faults.push_back({field, "must be true or false"});
  return found->is_boolean() && found->get<bool>();
}

std::optional<domain::role> role_in(const json& body, std::vector<field_error>& faults) {
  if (!body.contains("role"))
    return std::nullopt;
  const auto role = domain::parse_role(domain::text_at(body, "role"));
  if (!role)
    faults.push_back({"role", role.why().message});
  return role ? std::optional{*role} : std::nullopt;
}

// ---- links

/// A link about to be made, and its token, which is shown once.
struct fresh_link {
  storage::new_link row;
  std::string token;
};

fresh_link make_link(const gate& door, const domain::uuid& person) {
  fresh_link made;
  made.token = random_token();
  made.row = {door.fresh_id(), person, token_hash(made.token), door.now() + invitation_lasts};
  return made;
}

/// The page that uses a token up. In the fragment, so that no log and no proxy sees it.
std::string link_to(const edge::request& request, const std::string& token) {
  const std::string host{request.header("host").value_or("localhost")};
  return (is_known_host(host, {}) ? "http://" : "https://") + host + "/sign-in#" + token;
}

json link_json(const edge::request& request, const fresh_link& link) {
  return {{"sign_in_link", link_to(request, link.token)},
          {"expires_at", domain::to_rfc3339(link.row.expires_at)}};
}

// ---- people

void list_people(gate& door, const call& from, edge::responder responder) {
  door.store().list_people(from.who.workspace,
                           [reply_to = keep(std::move(responder))](
                             const domain::result<std::vector<storage::person_row>>& all) {
                             if (!all)
                               return reply_to->send(error_reply(all.why()));
                             auto body = json::array();
                             for (const auto& person : *all)
                               body.push_back(to_json(person));
                             reply_to->send(momentary(200, body));
                           });
}

void invite(gate& door, const call& from, edge::responder responder) {
  const auto body = json_body(from);
  if (!body)
    return responder.send(error_reply(body.why()));
  std::vector<field_error> faults;
  storage::new_person who;
  const auto email = domain::parse_email(domain::text_at(*body, "email"));
  if (!email)
    faults.push_back({"email", email.why().message});
  who.name = name_in(*body, faults);
  who.rank = role_in(*body, faults).value_or(domain::role::agent);
  who.reads_pii = choice_in(*body, "reads_pii", faults).value_or(false);
  if (!faults.empty())
    return responder.send(invalid_fields(faults));
  who.id = door.fresh_id();
  who.email = *email;
  const auto link = make_link(door, who.id);
  door.store().add_person(
    door.acting_for(from),
    who,
    link.row,
    [&door, from, id = who.id, link, reply_to = keep(std::move(responder))](
      const domain::outcome& added) {
      if (!added)
        return reply_to->send(error_reply(added.why()));
      door.store().person_of(
        from.who.workspace,
        id,
        [from, link, reply_to](const domain::result<storage::person_row>& person) {
          if (!person)
            return reply_to->send(error_reply(person.why()));
          auto shown = to_json(*person);
          shown.update(link_json(from, link));
          reply_to->send(momentary(201, shown));
        });
    });
}

void change_person(gate& door, const call& from, edge::responder responder) {
  const auto id = id_in_path(from, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  const auto body = json_body(from);
  if (!body)
    return responder.send(error_reply(body.why()));
  std::vector<field_error> faults;
  storage::person_patch patch;
  if (body->contains("name"))
    patch.name = name_in(*body, faults);
  patch.rank = role_in(*body, faults);
  patch.reads_pii = choice_in(*body, "reads_pii", faults);
  patch.disabled = choice_in(*body, "disabled", faults);
  if (!faults.empty())
    return responder.send(invalid_fields(faults));
  patch.id = *id;
  door.store().change_person(
    door.acting_for(from),
    std::move(patch),
    [reply_to = keep(std::move(responder))](const domain::result<storage::person_row>& changed) {
      reply_to->send(changed ? momentary(200, to_json(*changed)) : error_reply(changed.why()));
    });
}

/// For who lost their password, or let the invitation expire.
void send_link(gate& door, const call& from, edge::responder responder) {
  const auto id = id_in_path(from, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  const auto link = make_link(door, *id);
  door.store().add_link(
    door.acting_for(from),
    link.row,
    [from, link, reply_to = keep(std::move(responder))](const domain::outcome& added) {
      reply_to->send(added ? momentary(201, link_json(from, link)) : error_reply(added.why()));
    });
}

// ---- API keys

void list_keys(gate& door, const call& from, edge::responder responder) {
  door.store().list_keys(from.who.workspace,
                         [reply_to = keep(std::move(responder))](
                           const domain::result<std::vector<storage::key_row>>& all) {
                           if (!all)
                             return reply_to->send(error_reply(all.why()));
                           auto body = json::array();
                           for (const auto& key : *all)
                             body.push_back(to_json(key));
                           reply_to->send(momentary(200, body));
                         });
}

/// The scopes a key is to have: never more than its maker has.
domain::permission_set
scopes_in(const json& body, const domain::principal& maker, std::vector<field_error>& faults) {
  const auto found = body.find("scopes");
  const bool texts =
    found != body.end() && found->is_array() && !found->empty()
    && std::ranges::all_of(*found, [](const json& one) { return one.is_string(); });
  if (!texts) {
    faults.push_back({"scopes", "must be a list of permissions, such as [\"tickets:read\"]"});
    return {};
  }
  const auto scopes = domain::parse_permissions(found->get<std::vector<std::string>>());
  if (!scopes)
    faults.push_back({"scopes", scopes.why().message});
  else if (!maker.may.covers(*scopes))
    faults.push_back({"scopes", "holds a permission that you do not have yourself"});
  return scopes ? *scopes : domain::permission_set{};
}

storage::new_key
key_in(const gate& door, const call& from, const json& body, std::vector<field_error>& faults) {
  storage::new_key key;
  key.id = door.fresh_id();
  key.name = name_in(body, faults);
  if (key.name.empty())
    faults.push_back({"name", "is missing: say what the key is for"});
  key.scopes = scopes_in(body, from.who, faults);
  if (from.who.what == domain::principal::kind::person)
    key.created_by = from.who.id;
  if (const auto found = body.find("expires_in_days"); found != body.end() && !found->is_null()) {
    if (!found->is_number_integer() || *found < 1 || *found > most_key_days)
      faults.push_back({"expires_in_days", "must be a whole number from 1 to 3650"});
    else
      key.expires_at = door.now() + std::chrono::hours{24 * found->get<int>()};
  }
  return key;
}

/// The one time the key itself is shown.
void save_key(gate& door,
              const call& from,
              const reply_handle& reply_to,
              const storage::new_key& key,
              const std::string& shown_once) {
  door.store().add_key(
    door.acting_for(from),
    key,
    [key, shown_once, now = door.now(), reply_to](const domain::outcome& added) {
      if (!added)
        return reply_to->send(error_reply(added.why()));
      auto shown = to_json(storage::key_row{
        key.id, key.name, key.prefix, key.scopes, now, key.expires_at, std::nullopt, std::nullopt});
      shown["key"] = shown_once;
      reply_to->send(momentary(201, shown));
    });
}

void create_key(gate& door, const call& from, edge::responder responder) {
  const auto body = json_body(from);
  if (!body)
    return responder.send(error_reply(body.why()));
  std::vector<field_error> faults;
  auto key = key_in(door, from, *body, faults);
  if (!faults.empty())
    return responder.send(invalid_fields(faults));
  const auto made = make_api_key();
  key.prefix = made.prefix;
  door.hasher().hash(made.secret,
                     [&door, from, key, shown = made.text(), reply_to = keep(std::move(responder))](
                       const domain::result<std::string>& hash) {
                       if (!hash)
                         return reply_to->send(error_reply(hash.why()));
                       auto whole = key;
                       whole.secret_hash = *hash;
                       save_key(door, from, reply_to, whole, shown);
                     });
}

void revoke_key(gate& door, const call& from, edge::responder responder) {
  const auto id = id_in_path(from, "id");
  if (!id)
    return responder.send(error_reply(id.why()));
  door.store().revoke_key(
    door.acting_for(from),
    *id,
    [reply_to = keep(std::move(responder))](const domain::result<storage::key_row>& revoked) {
      reply_to->send(revoked ? momentary(200, to_json(*revoked)) : error_reply(revoked.why()));
    });
}

// ---- the record

storage::audit_query audit_query_of(parameters& given, const domain::uuid& workspace) {
  storage::audit_query query;
  query.workspace = workspace;
  if (auto action = given.text("action", 64); !action.empty())
    query.action = std::move(action);
  query.actor = given.id("actor");
  return query;
}

void list_audit(gate& door, const call& from, edge::responder responder) {
  parameters given{from};
  auto query = audit_query_of(given, from.who.workspace);
  query.after = given.id("cursor");
  query.limit = given.number("per_page", 20, 1, 1000);
  if (!given.faults().empty())
    return responder.send(invalid_parameters(given.faults()));
  door.store().list_audit(
    query,
    [reply_to = keep(std::move(responder))](const domain::result<storage::audit_page>& page) {
      if (!page)
        return reply_to->send(error_reply(page.why()));
      auto records = json::array();
      for (const auto& line : page->records)
        records.push_back(to_json(line));
      const json next = page->more ? json(to_string(page->records.back().record.id)) : json();
      reply_to->send(momentary(200, {{"records", std::move(records)}, {"next_cursor", next}}));
    });
}

constexpr int exported_at_once = 500;

/// The pages of an export, newest lines first; what is recorded meanwhile is not in it.
class audit_pages {
public:
  audit_pages(gate& door, storage::audit_query query) : door_{door}, query_{std::move(query)} {
    query_.limit = exported_at_once;
  }

  static void next(const std::shared_ptr<audit_pages>& self,
                   std::function<void(domain::result<file_piece>)> done) {
    self->door_.store().list_audit(
      self->query_,
      [self, done = std::move(done)](const domain::result<storage::audit_page>& page) {
        if (!page)
          return done(page.why());
        done(self->piece_of(*page));
      });
  }

private:
  file_piece piece_of(const storage::audit_page& page) {
    file_piece piece;
    if (!std::exchange(begun_, true))
      piece.bytes = audit_csv_head();
    for (const auto& line : page.records)
      piece.bytes += to_csv(line);
    piece.last = !page.more;
    if (page.more)
      query_.after = page.records.back().record.id;
    return piece;
  }

  gate& door_;
  storage::audit_query query_;
  bool begun_ = false;
};

void export_audit(context& hub, gate& door, const call& from, edge::responder responder) {
  parameters given{from};
  auto query = audit_query_of(given, from.who.workspace);
  if (!given.faults().empty())
    return responder.send(invalid_parameters(given.faults()));
  auto place = door.stream_place_for(from);
  if (!place)
    return responder.send(error_reply(place.why()));
  auto pages = std::make_shared<audit_pages>(door, std::move(query));
  send_file(
    hub.system,
    std::move(responder),
    {.content_type = "text/csv; charset=utf-8; header=present",
     .disposition = saved_as("audit-" + domain::to_rfc3339(hub.now()).substr(0, 10) + ".csv")},
    [pages](auto done) { audit_pages::next(pages, std::move(done)); },
    *std::move(place));
}

} // namespace

void mount_people(edge::server& server, context& hub, gate& door) {
  const auto only = [&](permission needs, auto handle) {
    return only_with(
      hub, needs, [&door, handle](context&, const call& from, edge::responder responder) {
        handle(door, from, std::move(responder));
      });
  };
  server.route("GET", "/api/users", only(permission::people_read, list_people));
  server.route("POST", "/api/users", only(permission::people_write, invite));
  server.route("PATCH", "/api/users/:id", only(permission::people_write, change_person));
  server.route("POST", "/api/users/:id/sign_in_link", only(permission::people_write, send_link));
  server.route("GET", "/api/api_keys", only(permission::keys_read, list_keys));
  server.route("POST", "/api/api_keys", only(permission::keys_write, create_key));
  server.route("DELETE", "/api/api_keys/:id", only(permission::keys_write, revoke_key));
  server.route("GET", "/api/audit_log", only(permission::audit_read, list_audit));
  server.route("GET",
               "/api/audit_log/export",
               only_with(hub,
                         permission::audit_read,
                         [&door](context& all, const call& from, edge::responder responder) {
                           export_audit(all, door, from, std::move(responder));
                         }));
}

} // namespace hub::http
