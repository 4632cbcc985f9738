#include "storage/identity/identity_store.hpp"

#include "storage/audit_rows.hpp"
#include "storage/connection_pool.hpp"
#include "storage/identity/session_rows.hpp"
#include "storage/reads/row_reading.hpp"
#include "storage/visibility.hpp"

#include <nlohmann/json.hpp>
#include <pqxx/pqxx>

#include <algorithm>
#include <utility>

namespace hub::storage {

namespace {

using domain::done;
using domain::errc;
using domain::fail;
using domain::outcome;
using domain::result;

// A look at the session is a look at the person: whoever is disabled is out with the next call.
constexpr auto session_sql = R"sql(
  WITH found AS (
    SELECT s.workspace_id, s.id, s.user_id, s.expires_at, u.email, u.name, u.role, u.reads_pii,
           u.password_hash IS NOT NULL AS has_password,
           s.by_link AND s.created_at > $2::timestamptz - interval '15 minutes' AS came_by_link
    FROM sessions s JOIN users u ON u.workspace_id = s.workspace_id AND u.id = s.user_id
    WHERE s.token_hash = $1::bytea AND s.expires_at > $2::timestamptz
      AND s.last_seen_at > $2::timestamptz - make_interval(secs => $3::int)
      AND u.disabled_at IS NULL),
  seen AS (
    UPDATE sessions s SET last_seen_at = $2::timestamptz FROM found f
    WHERE s.workspace_id = f.workspace_id AND s.id = f.id AND $4::boolean
      AND s.last_seen_at < $2::timestamptz - interval '5 minutes')
  SELECT workspace_id, id, user_id, (extract(epoch FROM expires_at) * 1000)::bigint, email, name,
         role, reads_pii, has_password, came_by_link
  FROM found
)sql";

// A key does no more than the person who made it may do now.
constexpr auto key_sql = R"sql(
  SELECT k.workspace_id, k.id, k.name, k.scopes, k.secret_hash, u.role, coalesce(u.reads_pii, false)
  FROM api_keys k
  LEFT JOIN users u ON u.workspace_id = k.workspace_id AND u.id = k.created_by
  WHERE k.prefix = $1 AND k.revoked_at IS NULL
    AND (k.expires_at IS NULL OR k.expires_at > $2::timestamptz)
    AND (k.created_by IS NULL OR (u.id IS NOT NULL AND u.disabled_at IS NULL))
)sql";

constexpr auto key_used_sql = R"sql(
  UPDATE api_keys SET last_used_at = $3::timestamptz
  WHERE workspace_id = $1::uuid AND id = $2::uuid
    AND (last_used_at IS NULL OR last_used_at < $3::timestamptz - interval '1 minute')
)sql";

// At most one: a password is compared with one hash, whatever there is, so that the time it takes
// tells nothing. The oldest account with a password, unless a workspace is named.
constexpr auto facts_sql = R"sql(
  SELECT u.workspace_id, u.id, coalesce(u.password_hash, ''), count(u.password_hash) OVER () > 1
  FROM users u JOIN workspaces w ON w.id = u.workspace_id
  WHERE u.email = $1 AND u.disabled_at IS NULL
    AND ($2::text IS NULL OR w.id::text = lower($2::text) OR lower(w.name) = lower($2::text))
  ORDER BY u.password_hash IS NULL, u.created_at, u.workspace_id LIMIT 1
)sql";

// Gives no row while the address is locked, and counts nothing then.
constexpr auto begin_attempt_sql = R"sql(
  INSERT INTO sign_in_attempts AS a (workspace_id, email_hash, address, failed, last_at)
  VALUES ($1::uuid, sha256(convert_to($2, 'UTF8')), $3, 1, $4::timestamptz)
  ON CONFLICT (workspace_id, email_hash, address) DO UPDATE SET
    failed = CASE WHEN a.last_at < $4::timestamptz - interval '1 hour' THEN 1
                  ELSE a.failed + 1 END,
    last_at = $4::timestamptz,
    locked_until = CASE
      WHEN a.last_at >= $4::timestamptz - interval '1 hour' AND a.failed + 1 >= $5::int THEN
        $4::timestamptz + make_interval(secs =>
          least($7::float8, $6::float8 * power(2, least(a.failed + 1 - $5::int, 30)))) END
  WHERE a.locked_until IS NULL OR a.locked_until <= $4::timestamptz
  RETURNING a.failed
)sql";

constexpr auto email_of_sql = R"sql(
  SELECT email FROM users WHERE workspace_id = $1::uuid AND id = $2::uuid
)sql";

constexpr auto forget_attempts_sql = R"sql(
  DELETE FROM sign_in_attempts
  WHERE workspace_id = $1::uuid AND address = $3 AND email_hash = sha256(convert_to($2, 'UTF8'))
)sql";

// Locks the row: a sign-in and a lock-out, or a new password, come one after the other.
constexpr auto still_lets_in_sql = R"sql(
  SELECT FROM users
  WHERE workspace_id = $1::uuid AND id = $2::uuid AND disabled_at IS NULL
    AND ($3 = '' OR password_hash = $3)
  FOR UPDATE
)sql";

constexpr auto set_password_sql = R"sql(
  UPDATE users SET password_hash = $3
  WHERE workspace_id = $1::uuid AND id = $2::uuid AND disabled_at IS NULL
)sql";

constexpr auto end_one_session_sql = R"sql(
  DELETE FROM sessions WHERE workspace_id = $1::uuid AND user_id = $2::uuid AND id = $3::uuid
)sql";

constexpr auto end_sessions_sql = R"sql(
  DELETE FROM sessions WHERE workspace_id = $1::uuid AND user_id = $2::uuid
    AND ($3::uuid IS NULL OR id <> $3::uuid)
)sql";

constexpr auto end_links_sql = R"sql(
  DELETE FROM sign_in_links WHERE workspace_id = $1::uuid AND user_id = $2::uuid
)sql";

constexpr auto use_link_sql = R"sql(
  WITH used AS (
    DELETE FROM sign_in_links WHERE token_hash = $1::bytea
    RETURNING workspace_id, user_id, expires_at)
  SELECT u.id, u.email, u.workspace_id FROM used l
  JOIN users u ON u.workspace_id = l.workspace_id AND u.id = l.user_id
  WHERE l.expires_at > $2::timestamptz AND u.disabled_at IS NULL
)sql";

constexpr auto sessions_sql = R"sql(
  SELECT id, address, user_agent, (extract(epoch FROM created_at) * 1000)::bigint,
         (extract(epoch FROM last_seen_at) * 1000)::bigint,
         (extract(epoch FROM expires_at) * 1000)::bigint
  FROM sessions
  WHERE workspace_id = $1::uuid AND user_id = $2::uuid AND expires_at > now()
  ORDER BY created_at DESC, id DESC
)sql";

#define HUB_PERSON                                                                                 \
  "SELECT u.id, u.email, u.name, u.role, u.reads_pii, u.password_hash IS NOT NULL, "               \
  "  (extract(epoch FROM u.disabled_at) * 1000)::bigint, "                                         \
  "  (SELECT (extract(epoch FROM max(s.last_seen_at)) * 1000)::bigint FROM sessions s "            \
  "   WHERE s.workspace_id = u.workspace_id AND s.user_id = u.id), "                               \
  "  (extract(epoch FROM u.created_at) * 1000)::bigint "                                           \
  "FROM users u WHERE u.workspace_id = $1::uuid "
constexpr auto people_sql = HUB_PERSON "ORDER BY u.created_at, u.id";
constexpr auto person_sql = HUB_PERSON "AND u.id = $2::uuid";
#undef HUB_PERSON

constexpr auto add_person_sql = R"sql(
  INSERT INTO users (workspace_id, id, email, name, role, reads_pii, created_at)
  VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6::boolean, $7::timestamptz)
  ON CONFLICT (workspace_id, email) DO NOTHING
)sql";

constexpr auto add_link_sql = R"sql(
  INSERT INTO sign_in_links (workspace_id, id, user_id, token_hash, created_at, expires_at)
  VALUES ($1::uuid, $2::uuid, $3::uuid, $4::bytea, $5::timestamptz, $6::timestamptz)
)sql";

constexpr auto change_person_sql = R"sql(
  UPDATE users SET name = coalesce($3, name), role = coalesce($4, role),
    reads_pii = coalesce($5::boolean, reads_pii),
    disabled_at = CASE WHEN $6::boolean IS NULL THEN disabled_at
                       WHEN $6::boolean THEN coalesce(disabled_at, $7::timestamptz) END
  WHERE workspace_id = $1::uuid AND id = $2::uuid
)sql";

constexpr auto workspaces_sql = R"sql(
  SELECT id, name, (extract(epoch FROM created_at) * 1000)::bigint FROM workspaces
  ORDER BY created_at, id
)sql";

constexpr auto add_workspace_sql = R"sql(
  INSERT INTO workspaces (id, name, created_at) VALUES ($1::uuid, $2, $3::timestamptz)
  ON CONFLICT DO NOTHING
)sql";

constexpr auto lock_workspace_sql = R"sql(
  SELECT FROM workspaces WHERE id = $1::uuid FOR NO KEY UPDATE
)sql";

constexpr auto lock_person_sql = R"sql(
  SELECT FROM users WHERE workspace_id = $1::uuid AND id = $2::uuid FOR UPDATE
)sql";

constexpr auto owners_left_sql = R"sql(
  SELECT count(*) FROM users
  WHERE workspace_id = $1::uuid AND role = 'owner' AND disabled_at IS NULL
)sql";

#define HUB_KEY                                                                                    \
  "SELECT id, name, prefix, scopes, (extract(epoch FROM created_at) * 1000)::bigint, "             \
  "  (extract(epoch FROM expires_at) * 1000)::bigint, "                                            \
  "  (extract(epoch FROM last_used_at) * 1000)::bigint, "                                          \
  "  (extract(epoch FROM revoked_at) * 1000)::bigint "                                             \
  "FROM api_keys WHERE workspace_id = $1::uuid "
constexpr auto keys_sql = HUB_KEY "ORDER BY created_at DESC, id DESC";
constexpr auto one_key_sql = HUB_KEY "AND id = $2::uuid FOR UPDATE";
#undef HUB_KEY

#define HUB_ADD_KEY                                                                                \
  "INSERT INTO api_keys (workspace_id, id, name, prefix, secret_hash, scopes, created_by, "        \
  "                      created_at, expires_at) "                                                 \
  "VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6::text[], $7::uuid, $8::timestamptz, "                \
  "        $9::timestamptz) "
constexpr auto add_key_sql = HUB_ADD_KEY;
constexpr auto put_key_sql =
  HUB_ADD_KEY "ON CONFLICT (workspace_id, id) DO UPDATE SET name = excluded.name, "
              "prefix = excluded.prefix, secret_hash = excluded.secret_hash, "
              "scopes = excluded.scopes, expires_at = excluded.expires_at "
              "WHERE api_keys.revoked_at IS NULL";
#undef HUB_ADD_KEY

constexpr auto revoke_key_sql = R"sql(
  UPDATE api_keys SET revoked_at = $3::timestamptz WHERE workspace_id = $1::uuid AND id = $2::uuid
)sql";

constexpr auto audit_sql = R"sql(
  SELECT id, actor_type, actor_id, actor, action, target, coalesce(before::text, ''),
         coalesce(after::text, ''), address, request_id,
         (extract(epoch FROM created_at) * 1000)::bigint
  FROM audit_log
  WHERE workspace_id = $1::uuid AND ($2::text IS NULL OR action = $2::text)
    AND ($3::uuid IS NULL OR actor_id = $3::uuid) AND ($4::uuid IS NULL OR id < $4::uuid)
  ORDER BY id DESC LIMIT $5::int
)sql";

result<done> fine() {
  return done{};
}

std::string json_of(const person_row& who) {
  return nlohmann::json{{"email", who.email},
                        {"name", who.name},
                        {"role", to_string(who.rank)},
                        {"reads_pii", who.reads_pii},
                        {"disabled", who.disabled_at.has_value()}}
    .dump();
}

std::string json_of(const new_key& key) {
  return nlohmann::json{{"name", key.name}, {"prefix", key.prefix}, {"scopes", key.scopes.names()}}
    .dump();
}

std::optional<std::string> text_of(const std::optional<domain::time_point>& at) {
  return at ? std::optional{domain::to_rfc3339(*at)} : std::nullopt;
}

template <class Id>
std::optional<std::string> text_of_id(const std::optional<Id>& id) {
  return id ? std::optional{to_string(*id)} : std::nullopt;
}

std::optional<std::string> text_of(const std::optional<bool>& value) {
  return value ? std::optional<std::string>{*value ? "true" : "false"} : std::nullopt;
}

domain::role role_in(const pqxx::field& field) {
  const auto parsed = domain::parse_role(text_in(field));
  return parsed ? *parsed : domain::role::viewer;
}

domain::permission_set rights_of(const pqxx::field& role, const pqxx::field& reads_pii) {
  auto may = permissions_of(role_in(role));
  if (reads_pii.as<bool>())
    may.add(domain::permission::pii_read);
  return may;
}

person_row person_in(const pqxx::row& row) {
  person_row who;
  who.id = id_in(row[0]);
  who.email = text_in(row[1]);
  who.name = text_in(row[2]);
  who.rank = role_in(row[3]);
  who.reads_pii = row[4].as<bool>();
  who.has_password = row[5].as<bool>();
  who.disabled_at = optional_in(row[6], time_in);
  who.last_seen_at = optional_in(row[7], time_in);
  who.created_at = time_in(row[8]);
  return who;
}

domain::permission_set scopes_in(const pqxx::field& field) {
  domain::permission_set scopes;
  for (const auto& name : texts_in(field)) // one that a later version knew gives nothing here
    if (const auto one = domain::parse_permission(name))
      scopes.add(*one);
  return scopes;
}

key_row key_in(const pqxx::row& row) {
  key_row key;
  key.id = id_in(row[0]);
  key.name = text_in(row[1]);
  key.prefix = text_in(row[2]);
  key.scopes = scopes_in(row[3]);
  key.created_at = time_in(row[4]);
  key.expires_at = optional_in(row[5], time_in);
  key.last_used_at = optional_in(row[6], time_in);
  key.revoked_at = optional_in(row[7], time_in);
  return key;
}

open_session session_in(const pqxx::row& row) {
  open_session session;
  session.who.workspace = id_in(row[0]);
  session.who.what = domain::principal::kind::person;
  session.who.session = id_in(row[1]);
  session.who.id = id_in(row[2]);
  session.expires_at = time_in(row[3]);
  session.who.label = text_in(row[4]);
  session.name = text_in(row[5]);
  session.who.rank = role_in(row[6]);
  session.who.may = rights_of(row[6], row[7]);
  session.has_password = row[8].as<bool>();
  session.came_by_link = row[9].as<bool>();
  return session;
}

audit_row audit_in(const pqxx::row& row) {
  audit_row found;
  auto& record = found.record;
  record.id = id_in(row[0]);
  record.by.type = text_in(row[1]);
  record.by.id = optional_in(row[2], id_in);
  record.by.label = text_in(row[3]);
  record.what = text_in(row[4]);
  record.target = text_in(row[5]);
  record.before = text_in(row[6]);
  record.after = text_in(row[7]);
  record.by.address = text_in(row[8]);
  record.by.request_id = text_in(row[9]);
  found.at = time_in(row[10]);
  return found;
}

result<person_row>
read_person(pqxx::transaction_base& tx, const domain::uuid& workspace, const domain::uuid& id) {
  const auto rows = tx.exec_params(person_sql, to_string(workspace), to_string(id));
  if (rows.empty())
    return fail(errc::not_found, "there is no such person");
  return person_in(rows.front());
}

/// Whose attempts are counted where: the first workspace's rows hold all.
domain::uuid attempts_workspace() {
  return *domain::parse_uuid(first_workspace_id);
}

/// A right password takes the wrong ones before it away.
void forget_attempts(pqxx::transaction_base& tx, const acting& by, const domain::uuid& person) {
  const auto email =
    text_in(tx.exec_params1(email_of_sql, to_string(by.workspace), to_string(person))[0]);
  see_only(tx, attempts_workspace());
  tx.exec_params(forget_attempts_sql, to_string(attempts_workspace()), email, by.who.address);
  see_only(tx, by.workspace);
}

void end_links(pqxx::transaction_base& tx, const acting& by, const domain::uuid& person) {
  tx.exec_params(end_links_sql, to_string(by.workspace), to_string(person));
}

void end_all_sessions(pqxx::transaction_base& tx,
                      const acting& by,
                      const domain::uuid& person,
                      const std::optional<domain::uuid>& except = std::nullopt) {
  tx.exec_params(end_sessions_sql, to_string(by.workspace), to_string(person), text_of_id(except));
}

/// The person, held until the transaction ends.
result<person_row>
hold_person(pqxx::transaction_base& tx, const acting& by, const domain::uuid& id) {
  tx.exec_params(lock_person_sql, to_string(by.workspace), to_string(id));
  return read_person(tx, by.workspace, id);
}

domain::failure may_not() {
  return fail(errc::forbidden,
              "nobody makes, changes or lets in somebody who is more than they are themselves");
}

bool may_manage(const acting& by, domain::role rank, bool reads_pii) {
  return !by.rights || domain::may_manage(*by.rights, rank, reads_pii);
}

void insert_link(pqxx::transaction_base& tx, const acting& by, const new_link& link) {
  end_links(tx, by, link.person);
  tx.exec_params(add_link_sql,
                 to_string(by.workspace),
                 to_string(link.id),
                 to_string(link.person),
                 bytes_of(link.token_hash),
                 domain::to_rfc3339(by.at),
                 domain::to_rfc3339(link.expires_at));
}

outcome insert_person(pqxx::transaction_base& tx,
                      const acting& by,
                      const new_person& who,
                      const new_link& link) {
  if (!may_manage(by, who.rank, who.reads_pii))
    return may_not();
  const auto added = tx.exec_params(add_person_sql,
                                    to_string(by.workspace),
                                    to_string(who.id),
                                    who.email,
                                    who.name,
                                    std::string{to_string(who.rank)},
                                    who.reads_pii,
                                    domain::to_rfc3339(by.at));
  if (added.affected_rows() == 0)
    return fail(errc::conflict, "somebody with this email is here already");
  insert_link(tx, by, link);
  const auto now = read_person(tx, by.workspace, who.id);
  record(tx, by, "user_invited", to_string(who.id), {}, now ? json_of(*now) : "");
  return done{};
}

outcome insert_workspace(pqxx::transaction_base& tx, const acting& by, const new_workspace& what) {
  const auto added =
    tx.exec_params(add_workspace_sql, to_string(what.id), what.name, domain::to_rfc3339(by.at));
  if (added.affected_rows() == 0)
    return fail(errc::conflict, "there is a workspace of this name already");
  record(tx,
         by,
         "workspace_created",
         to_string(what.id),
         {},
         nlohmann::json{{"name", what.name}}.dump());
  return done{};
}

pqxx::result
write_key(pqxx::transaction_base& tx, const acting& by, const new_key& key, const char* statement) {
  array_literal scopes;
  for (const auto& name : key.scopes.names())
    scopes.add(name);
  return tx.exec_params(statement,
                        to_string(by.workspace),
                        to_string(key.id),
                        key.name,
                        key.prefix,
                        key.secret_hash,
                        std::move(scopes).finish(),
                        text_of_id(key.created_by),
                        domain::to_rfc3339(by.at),
                        text_of(key.expires_at));
}

class pooled_identity final : public identity_store {
public:
  explicit pooled_identity(identity_store_options options)
    : locks_{options.locks},
      pool_{{.connection_string = std::move(options.connection_string),
             .session = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; SET jit = off; "
                        "SET idle_in_transaction_session_timeout = '10s'; "
                        "SET application_name = 'feedback-hub identity'",
             .connections = options.connections,
             .queue_limit = options.queue_limit}} {}

  void session_of(std::string token_hash,
                  domain::time_point now,
                  session_use how,
                  callback<open_session> done) override {
    run_anywhere<open_session>(
      std::move(done),
      [token_hash = std::move(token_hash), now, how](pqxx::work& tx) -> result<open_session> {
        const auto rows = tx.exec_params(session_sql,
                                         bytes_of(token_hash),
                                         domain::to_rfc3339(now),
                                         static_cast<int>(session_idle.count()),
                                         how == session_use::used);
        if (rows.empty())
          return fail(errc::unauthorized, "this session has ended; sign in again");
        return session_in(rows.front());
      });
  }

  void key_of(std::string prefix, domain::time_point now, callback<key_facts> done) override {
    run_anywhere<key_facts>(
      std::move(done), [prefix = std::move(prefix), now](pqxx::work& tx) -> result<key_facts> {
        const auto rows = tx.exec_params(key_sql, prefix, domain::to_rfc3339(now));
        if (rows.empty())
          return fail(errc::unauthorized, "this key does not hold");
        const auto row = rows.front();
        key_facts found;
        found.who.workspace = id_in(row[0]);
        found.who.what = domain::principal::kind::key;
        found.who.id = id_in(row[1]);
        found.who.label = text_in(row[2]);
        found.who.may = scopes_in(row[3]);
        if (!row[5].is_null())
          found.who.may = found.who.may & rights_of(row[5], row[6]);
        if (found.who.may.has(domain::permission::people_write))
          found.who.rank = domain::role::admin;
        found.secret_hash = text_in(row[4]);
        return found;
      });
  }

  void note_key_used(domain::uuid workspace, domain::uuid key, domain::time_point now) override {
    run<domain::done>(
      workspace,
      [](const outcome&) {}, // the next call notes it
      [workspace, key, now](pqxx::work& tx) {
        tx.exec_params(key_used_sql, to_string(workspace), to_string(key), domain::to_rfc3339(now));
        return fine();
      });
  }

  void begin_attempt(acting by, claimed_person who, callback<sign_in_facts> done) override {
    run<sign_in_facts>(
      attempts_workspace(),
      std::move(done),
      [this, by = std::move(by), who = std::move(who)](pqxx::work& tx) {
        const auto counted = tx.exec_params(begin_attempt_sql,
                                            to_string(attempts_workspace()),
                                            who.email,
                                            by.who.address,
                                            domain::to_rfc3339(by.at),
                                            locks_.free_tries,
                                            static_cast<double>(locks_.first.count()),
                                            static_cast<double>(locks_.longest.count()));
        sign_in_facts found;
        found.locked = counted.empty();
        see_all(tx);
        const auto rows = tx.exec_params(facts_sql, who.email, who.workspace);
        if (rows.empty())
          return result{found};
        found.workspace = id_in(rows.front()[0]);
        found.id = id_in(rows.front()[1]);
        found.password_hash = text_in(rows.front()[2]);
        found.several = rows.front()[3].as<bool>();
        if (!counted.empty() && counted.front()[0].as<int>() == locks_.free_tries) {
          auto there = by;
          there.workspace = found.workspace;
          see_only(tx, there.workspace);
          record(tx, there, "sign_in_locked", to_string(found.id), {}, {});
        }
        return result{found};
      });
  }

  void begin_session(acting by, new_session session, callback<domain::done> done) override {
    run<domain::done>(
      by.workspace,
      std::move(done),
      [by = std::move(by), session = std::move(session)](pqxx::work& tx) -> outcome {
        const auto let_in = tx.exec_params(still_lets_in_sql,
                                           to_string(by.workspace),
                                           to_string(session.person),
                                           session.verified_hash);
        if (let_in.empty())
          return fail(errc::unauthorized, "this person may not enter any more");
        insert_session(tx, by, session, false);
        forget_attempts(tx, by, session.person);
        record(tx, by, "signed_in", to_string(session.person), {}, {});
        return domain::done{};
      });
  }

  void use_link(acting by,
                std::string token_hash,
                new_session session,
                callback<domain::done> done) override {
    run_anywhere<domain::done>(
      std::move(done),
      [by = std::move(by), token_hash = std::move(token_hash), session = std::move(session)](
        pqxx::work& tx) -> outcome {
        const auto rows =
          tx.exec_params(use_link_sql, bytes_of(token_hash), domain::to_rfc3339(by.at));
        if (rows.empty())
          return fail(errc::unauthorized,
                      "this link has been used or has expired; ask for a new one");
        auto theirs = session;
        theirs.person = id_in(rows.front()[0]);
        auto they = by;
        they.workspace = id_in(rows.front()[2]);
        see_only(tx, they.workspace);
        they.who.type = to_string(domain::principal::kind::person);
        they.who.id = theirs.person;
        they.who.label = text_in(rows.front()[1]);
        insert_session(tx, they, theirs, true);
        record(tx, they, "signed_in_by_link", to_string(theirs.person), {}, {});
        return domain::done{};
      });
  }

  void list_sessions(domain::uuid workspace,
                     domain::uuid person,
                     callback<std::vector<session_row>> done) override {
    run<std::vector<session_row>>(workspace, std::move(done), [workspace, person](pqxx::work& tx) {
      std::vector<session_row> all;
      for (const auto& row : tx.exec_params(sessions_sql, to_string(workspace), to_string(person)))
        all.push_back({id_in(row[0]),
                       text_in(row[1]),
                       text_in(row[2]),
                       time_in(row[3]),
                       time_in(row[4]),
                       time_in(row[5])});
      return result{std::move(all)};
    });
  }

  void end_session(acting by,
                   domain::uuid person,
                   domain::uuid session,
                   callback<domain::done> done) override {
    run<domain::done>(by.workspace,
                      std::move(done),
                      [by = std::move(by), person, session](pqxx::work& tx) -> outcome {
                        const auto ended = tx.exec_params(end_one_session_sql,
                                                          to_string(by.workspace),
                                                          to_string(person),
                                                          to_string(session));
                        if (ended.affected_rows() == 0)
                          return fail(errc::not_found, "there is no such session");
                        record(tx, by, "session_ended", to_string(session), {}, {});
                        return domain::done{};
                      });
  }

  void end_sessions(acting by,
                    domain::uuid person,
                    std::optional<domain::uuid> except,
                    callback<domain::done> done) override {
    run<domain::done>(
      by.workspace, std::move(done), [by = std::move(by), person, except](pqxx::work& tx) {
        end_all_sessions(tx, by, person, except);
        record(tx, by, "sessions_ended", to_string(person), {}, {});
        return fine();
      });
  }

  void set_password(acting by,
                    std::string hash,
                    new_session session,
                    callback<domain::done> done) override {
    run<domain::done>(by.workspace,
                      std::move(done),
                      [by = std::move(by), hash = std::move(hash), session = std::move(session)](
                        pqxx::work& tx) -> outcome {
                        const auto& person = session.person;
                        const auto changed = tx.exec_params(
                          set_password_sql, to_string(by.workspace), to_string(person), hash);
                        if (changed.affected_rows() == 0)
                          return fail(errc::unauthorized, "this person may not enter any more");
                        end_all_sessions(tx, by, person);
                        end_links(tx, by, person);
                        forget_attempts(tx, by, person);
                        insert_session(tx, by, session, false);
                        record(tx, by, "password_set", to_string(person), {}, {});
                        return domain::done{};
                      });
  }

  void list_workspaces(callback<std::vector<workspace_row>> done) override {
    run_anywhere<std::vector<workspace_row>>(std::move(done), [](pqxx::work& tx) {
      std::vector<workspace_row> all;
      for (const auto& row : tx.exec(workspaces_sql))
        all.push_back({id_in(row[0]), text_in(row[1]), time_in(row[2])});
      return result{std::move(all)};
    });
  }

  void add_workspace(acting by, new_workspace what, callback<domain::done> done) override {
    run<domain::done>(by.workspace,
                      std::move(done),
                      [by = std::move(by), what = std::move(what)](pqxx::work& tx) -> outcome {
                        return insert_workspace(tx, by, what);
                      });
  }

  void add_workspace(acting by,
                     new_workspace what,
                     new_person owner,
                     new_link link,
                     callback<domain::done> done) override {
    run<domain::done>(by.workspace,
                      std::move(done),
                      [by = std::move(by),
                       what = std::move(what),
                       owner = std::move(owner),
                       link = std::move(link)](pqxx::work& tx) -> outcome {
                        if (auto made = insert_workspace(tx, by, what); !made)
                          return made;
                        auto theirs = by;
                        theirs.record = what.id; // two records of one change need two ids
                        return insert_person(tx, theirs, owner, link);
                      });
  }

  void list_people(domain::uuid workspace, callback<std::vector<person_row>> done) override {
    run<std::vector<person_row>>(workspace, std::move(done), [workspace](pqxx::work& tx) {
      std::vector<person_row> all;
      for (const auto& row : tx.exec_params(people_sql, to_string(workspace)))
        all.push_back(person_in(row));
      return result{std::move(all)};
    });
  }

  void person_of(domain::uuid workspace, domain::uuid person, callback<person_row> done) override {
    run<person_row>(workspace, std::move(done), [workspace, person](pqxx::work& tx) {
      return read_person(tx, workspace, person);
    });
  }

  void add_person(acting by, new_person who, new_link link, callback<domain::done> done) override {
    run<domain::done>(by.workspace,
                      std::move(done),
                      [by = std::move(by), who = std::move(who), link = std::move(link)](
                        pqxx::work& tx) -> outcome { return insert_person(tx, by, who, link); });
  }

  void add_link(acting by, new_link link, callback<domain::done> done) override {
    run<domain::done>(by.workspace,
                      std::move(done),
                      [by = std::move(by), link = std::move(link)](pqxx::work& tx) -> outcome {
                        const auto whose = hold_person(tx, by, link.person);
                        if (!whose)
                          return whose.why();
                        if (by.rights
                            && !domain::may_make_link(
                              *by.rights, whose->rank, whose->reads_pii, whose->has_password))
                          return may_not();
                        if (whose->disabled_at)
                          return fail(errc::conflict, "this person is disabled");
                        insert_link(tx, by, link);
                        record(tx, by, "sign_in_link_made", to_string(link.person), {}, {});
                        return domain::done{};
                      });
  }

  void change_person(acting by, person_patch patch, callback<person_row> done) override {
    run<person_row>(
      by.workspace,
      std::move(done),
      [by = std::move(by), patch = std::move(patch)](pqxx::work& tx) -> result<person_row> {
        // Two that each take the other's ownership away wait for one another here.
        tx.exec_params(lock_workspace_sql, to_string(by.workspace));
        const auto before = hold_person(tx, by, patch.id);
        if (!before)
          return before.why();
        const bool pii_changes = patch.reads_pii && *patch.reads_pii != before->reads_pii;
        if (!may_manage(by, before->rank, pii_changes)
            || !may_manage(by, patch.rank.value_or(before->rank), pii_changes))
          return may_not();
        tx.exec_params(change_person_sql,
                       to_string(by.workspace),
                       to_string(patch.id),
                       patch.name,
                       patch.rank ? std::optional{std::string{to_string(*patch.rank)}}
                                  : std::nullopt,
                       text_of(patch.reads_pii),
                       text_of(patch.disabled),
                       domain::to_rfc3339(by.at));
        if (number_in(tx.exec_params1(owners_left_sql, to_string(by.workspace))[0]) == 0)
          return fail(errc::conflict, "a workspace needs an owner who may enter");
        if (patch.disabled.value_or(false))
          end_all_sessions(tx, by, patch.id);
        if (patch.disabled || patch.rank || patch.reads_pii)
          end_links(tx, by, patch.id); // made for whom they were
        auto after = read_person(tx, by.workspace, patch.id);
        if (after)
          record(tx, by, "user_changed", to_string(patch.id), json_of(*before), json_of(*after));
        return after;
      });
  }

  void list_keys(domain::uuid workspace, callback<std::vector<key_row>> done) override {
    run<std::vector<key_row>>(workspace, std::move(done), [workspace](pqxx::work& tx) {
      std::vector<key_row> all;
      for (const auto& row : tx.exec_params(keys_sql, to_string(workspace)))
        all.push_back(key_in(row));
      return result{std::move(all)};
    });
  }

  void add_key(acting by, new_key key, callback<domain::done> done) override {
    run<domain::done>(
      by.workspace, std::move(done), [by = std::move(by), key = std::move(key)](pqxx::work& tx) {
        write_key(tx, by, key, add_key_sql);
        record(tx, by, "api_key_created", to_string(key.id), {}, json_of(key));
        return fine();
      });
  }

  void put_key(acting by, new_key key, callback<domain::done> done) override {
    run<domain::done>(by.workspace,
                      std::move(done),
                      [by = std::move(by), key = std::move(key)](pqxx::work& tx) -> outcome {
                        if (write_key(tx, by, key, put_key_sql).affected_rows() == 0)
                          return fail(errc::conflict, "this key was revoked");
                        record(tx, by, "api_key_set", to_string(key.id), {}, json_of(key));
                        return domain::done{};
                      });
  }

  void revoke_key(acting by, domain::uuid key, callback<key_row> done) override {
    run<key_row>(
      by.workspace, std::move(done), [by = std::move(by), key](pqxx::work& tx) -> result<key_row> {
        const auto rows = tx.exec_params(one_key_sql, to_string(by.workspace), to_string(key));
        if (rows.empty())
          return fail(errc::not_found, "there is no such key");
        auto found = key_in(rows.front());
        if (found.revoked_at)
          return found;
        found.revoked_at = by.at;
        tx.exec_params(
          revoke_key_sql, to_string(by.workspace), to_string(key), domain::to_rfc3339(by.at));
        record(tx,
               by,
               "api_key_revoked",
               to_string(key),
               nlohmann::json{{"name", found.name}}.dump(),
               {});
        return found;
      });
  }

  void list_audit(audit_query query, callback<audit_page> done) override {
    run<audit_page>(query.workspace, std::move(done), [query = std::move(query)](pqxx::work& tx) {
      audit_page page;
      for (const auto& row : tx.exec_params(audit_sql,
                                            to_string(query.workspace),
                                            query.action,
                                            text_of_id(query.actor),
                                            text_of_id(query.after),
                                            query.limit + 1))
        page.records.push_back(audit_in(row));
      page.more = std::cmp_greater(page.records.size(), query.limit);
      if (page.more)
        page.records.pop_back();
      return result{std::move(page)};
    });
  }

  [[nodiscard]] pool_stats stats() const override { return pool_.stats(); }
  void stop() override { pool_.stop(); }

private:
  /// Runs `work` on what belongs to this workspace.
  template <class T, class Work>
  void run(domain::uuid workspace, callback<T> done, Work work) {
    in_transaction<pqxx::work, T>(
      pool_, std::move(done), [workspace, work = std::move(work)](pqxx::work& tx) {
        see_only(tx, workspace);
        return work(tx);
      });
  }

  /// Runs `work`, which is to find out whose something is.
  template <class T, class Work>
  void run_anywhere(callback<T> done, Work work) {
    in_transaction<pqxx::work, T>(pool_, std::move(done), [work = std::move(work)](pqxx::work& tx) {
      see_all(tx);
      return work(tx);
    });
  }

  lock_rules locks_;
  connection_pool pool_;
};

} // namespace

std::unique_ptr<identity_store> make_identity_store(identity_store_options options) {
  return std::make_unique<pooled_identity>(std::move(options));
}

} // namespace hub::storage
