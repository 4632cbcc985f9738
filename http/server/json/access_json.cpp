#include "http/server/json/access_json.hpp"

#include "domain/csv.hpp"

#include <array>
#include <string_view>

namespace hub::http {

using nlohmann::json;

namespace {

json or_null(const std::optional<domain::time_point>& at) {
  return at ? json(domain::to_rfc3339(*at)) : json();
}

json parsed(const std::string& text) {
  return text.empty() ? json() : json::parse(text, nullptr, false);
}

} // namespace

json to_json(const domain::principal& who) {
  json shown{{"type", to_string(who.what)},
             {"id", to_string(who.id)},
             {"workspace_id", to_string(who.workspace)},
             {"permissions", who.may.names()}};
  if (who.what != domain::principal::kind::person)
    shown["name"] = who.label;
  return shown;
}

json to_json(const storage::open_session& session, const std::string& csrf_token) {
  auto shown = to_json(session.who);
  shown["email"] = session.who.label;
  shown["name"] = session.name;
  shown["role"] = to_string(session.who.rank);
  shown["has_password"] = session.has_password;
  shown["needs_current_password"] = session.has_password && !session.came_by_link;
  shown["csrf_token"] = csrf_token;
  shown["expires_at"] = domain::to_rfc3339(session.expires_at);
  return shown;
}

json to_json(const storage::session_row& session, bool is_this_one) {
  return {{"id", to_string(session.id)},
          {"address", session.address},
          {"user_agent", session.user_agent},
          {"created_at", domain::to_rfc3339(session.created_at)},
          {"last_seen_at", domain::to_rfc3339(session.last_seen_at)},
          {"expires_at", domain::to_rfc3339(session.expires_at)},
          {"current", is_this_one}};
}

json to_json(const storage::person_row& person) {
  return {{"id", to_string(person.id)},
          {"email", person.email},
          {"name", person.name},
          {"role", to_string(person.rank)},
          {"reads_pii", person.reads_pii},
          {"has_password", person.has_password},
          {"disabled", person.disabled_at.has_value()},
          {"last_seen_at", or_null(person.last_seen_at)},
          {"created_at", domain::to_rfc3339(person.created_at)}};
}

json to_json(const storage::key_row& key) {
  return {{"id", to_string(key.id)},
          {"name", key.name},
          {"prefix", key.prefix},
          {"scopes", key.scopes.names()},
          {"created_at", domain::to_rfc3339(key.created_at)},
          {"expires_at", or_null(key.expires_at)},
          {"last_used_at", or_null(key.last_used_at)},
          {"revoked_at", or_null(key.revoked_at)}};
}

json to_json(const storage::audit_row& line) {
  const auto& of = line.record;
  return {{"id", to_string(of.id)},
          {"actor_type", of.by.type},
          {"actor_id", of.by.id ? json(to_string(*of.by.id)) : json()},
          {"actor", of.by.label},
          {"action", of.what},
          {"target", of.target},
          {"before", parsed(of.before)},
          {"after", parsed(of.after)},
          {"address", of.by.address},
          {"request_id", of.by.request_id},
          {"created_at", domain::to_rfc3339(line.at)}};
}

std::string audit_csv_head() {
  constexpr std::array<std::string_view, 11> names{"id",
                                                   "created_at",
                                                   "actor_type",
                                                   "actor_id",
                                                   "actor",
                                                   "address",
                                                   "request_id",
                                                   "action",
                                                   "target",
                                                   "before",
                                                   "after"};
  return domain::csv_line(names);
}

std::string to_csv(const storage::audit_row& line) {
  const auto& of = line.record;
  const auto id = to_string(of.id);
  const auto at = domain::to_rfc3339(line.at);
  const auto actor = of.by.id ? to_string(*of.by.id) : std::string{};
  const std::array<std::string_view, 11> cells{id,
                                               at,
                                               of.by.type,
                                               actor,
                                               of.by.label,
                                               of.by.address,
                                               of.by.request_id,
                                               of.what,
                                               of.target,
                                               of.before,
                                               of.after};
  return domain::csv_line(cells);
}

} // namespace hub::http
