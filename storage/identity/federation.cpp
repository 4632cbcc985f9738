#include "storage/identity/federation.hpp"

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

constexpr auto begin_attempt_sql = R"sql(
  INSERT INTO oidc_attempts (workspace_id, id, state_hash, browser_hash, redirect_uri, return_to,
                             named, created_at, expires_at)
  VALUES ($1::uuid, $2::uuid, $3::bytea, $4::bytea, $5, $6, $7, $8::timestamptz, $9::timestamptz)
)sql";

constexpr auto take_attempt_sql = R"sql(
  DELETE FROM oidc_attempts WHERE state_hash = $1::bytea AND browser_hash = $2::bytea
  RETURNING redirect_uri, return_to, named, expires_at > $3::timestamptz
)sql";

// One identity may be linked in several workspaces, and one email known in several. A browser goes
// where it says, else where they may enter, and there where they were last.
#define HUB_KNOWN                                                                                  \
  "SELECT u.workspace_id, u.id, u.email, u.disabled_at IS NOT NULL, u.role, u.reads_pii, "         \
  "  count(*) OVER () > 1 "
#define HUB_LINKED                                                                                 \
  HUB_KNOWN                                                                                        \
  "FROM user_identities i "                                                                        \
  "JOIN users u ON u.workspace_id = i.workspace_id AND u.id = i.user_id "
#define HUB_NAMED(parameter)                                                                       \
  "JOIN workspaces w ON w.id = u.workspace_id AND (" parameter "::text IS NULL "                   \
  "  OR w.id::text = lower(" parameter "::text) OR lower(w.name) = lower(" parameter "::text)) "
constexpr auto linked_sql = HUB_LINKED HUB_NAMED("$3") "WHERE i.issuer = $1 AND i.subject = $2 "
                                                       "ORDER BY u.disabled_at IS NULL DESC, "
                                                       "  i.last_used_at DESC, i.id LIMIT 1";
constexpr auto by_email_sql =
  HUB_KNOWN "FROM users u " HUB_NAMED("$2") "WHERE u.email = $1 AND u.disabled_at IS NULL LIMIT 1";
constexpr auto named_sql =
  "SELECT id FROM workspaces WHERE id::text = lower($1) OR lower(name) = lower($1)";
// A program says nothing, and must not find itself elsewhere one day because somebody signed in, or
// was disabled: the first link holds, and an email only while it is one person's.
constexpr auto first_linked_sql =
  HUB_LINKED "WHERE i.issuer = $1 AND i.subject = $2 ORDER BY i.linked_at, i.id LIMIT 1";
constexpr auto only_by_email_sql = HUB_KNOWN "FROM users u WHERE u.email = $1 LIMIT 1";
// An address that came with another account there before may be a successor's.
constexpr auto linked_otherwise_sql = "SELECT FROM user_identities WHERE workspace_id = $1::uuid "
                                      "AND user_id = $2::uuid AND issuer = $3 LIMIT 1";
// Lock the row: a sign-in and a lock-out come one after the other, and so do two first sign-ins.
constexpr auto hold_by_email_sql =
  "SELECT u.workspace_id, u.id, u.email, u.disabled_at IS NOT NULL, u.role, u.reads_pii "
  "FROM users u WHERE u.workspace_id = $1::uuid AND u.email = $2 FOR UPDATE OF u";
constexpr auto hold_linked_sql =
  "SELECT u.workspace_id, u.id, u.email, u.disabled_at IS NOT NULL, u.role, u.reads_pii "
  "FROM user_identities i "
  "JOIN users u ON u.workspace_id = i.workspace_id AND u.id = i.user_id "
  "WHERE i.workspace_id = $1::uuid AND i.issuer = $2 AND i.subject = $3 "
  "FOR UPDATE OF u";
#undef HUB_KNOWN
#undef HUB_LINKED
#undef HUB_NAMED

constexpr auto add_person_sql = R"sql(
  INSERT INTO users (workspace_id, id, email, name, role, created_at)
  VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6::timestamptz)
  ON CONFLICT (workspace_id, email) DO NOTHING
)sql";

constexpr auto link_sql = R"sql(
  INSERT INTO user_identities (workspace_id, id, user_id, issuer, subject, linked_at, last_used_at)
  VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5, $6::timestamptz, $6::timestamptz)
  ON CONFLICT DO NOTHING
)sql";

constexpr auto note_use_sql = R"sql(
  UPDATE user_identities SET last_used_at = $4::timestamptz
  WHERE workspace_id = $1::uuid AND issuer = $2 AND subject = $3
)sql";

constexpr auto hold_person_sql = R"sql(
  SELECT role, reads_pii FROM users WHERE workspace_id = $1::uuid AND id = $2::uuid FOR UPDATE
)sql";

constexpr auto end_sessions_sql = R"sql(
  DELETE FROM sessions WHERE workspace_id = $1::uuid AND user_id = $2::uuid
)sql";

constexpr auto unlink_sql = R"sql(
  DELETE FROM user_identities WHERE workspace_id = $1::uuid AND user_id = $2::uuid
  RETURNING issuer, subject
)sql";

domain::role role_in(const pqxx::field& field) {
  const auto parsed = domain::parse_role(text_in(field));
  return parsed ? *parsed : domain::role::viewer;
}

person_standing known_in(const pqxx::row& row) {
  person_standing found;
  found.disabled = row[3].as<bool>();
  found.who.workspace = id_in(row[0]);
  found.who.what = domain::principal::kind::person;
  found.who.id = id_in(row[1]);
  found.who.label = text_in(row[2]);
  found.who.rank = role_in(row[4]);
  found.who.may = permissions_of(found.who.rank);
  if (row[5].as<bool>())
    found.who.may.add(domain::permission::pii_read);
  return found;
}

std::optional<person_standing> first_of(const pqxx::result& rows) {
  if (rows.empty())
    return std::nullopt;
  return known_in(rows.front());
}

std::string domain_of(const std::string& email) {
  return email.substr(email.find('@') + 1);
}

/// One sign-in, inside its transaction.
class arrival {
public:
  arrival(pqxx::work& tx, acting by, const outside_identity& who, domain::uuid_generator ids)
    : tx_{tx}, by_{std::move(by)}, who_{who}, ids_{ids} {}

  entry enter(const std::optional<std::string>& named,
              const provisioning& others,
              const new_session& session) {
    // First where, then what holds there.
    see_all(tx_);
    const auto nowhere = find_workspace(named);
    see_only(tx_, by_.workspace);
    if (nowhere)
      return refuse(*nowhere, {});
    auto person = linked_here();
    const bool linked = person.has_value();
    if (!linked && who_.email.empty())
      return refuse(entry::email_unverified, {});
    if (!linked)
      person = by_email(others);
    if (!person)
      return refuse(entry::not_invited, {});
    const auto name = to_string(person->who.id);
    if (person->disabled)
      return refuse(entry::disabled, name);
    by_.who.type = to_string(domain::principal::kind::person);
    by_.who.id = person->who.id;
    by_.who.label = person->who.label;
    if (!linked && !link(person->who.id))
      return refuse(entry::linked_to_another, name);
    begin(session, person->who.id);
    return entry::entered;
  }

private:
  /// Goes where they are known, else to the one that is named; stays where it is when none is. What
  /// it returns says why there is nowhere to go.
  std::optional<entry> find_workspace(const std::optional<std::string>& named) {
    const auto start = by_.workspace;
    auto rows = tx_.exec_params(linked_sql, who_.issuer, who_.subject, named);
    const bool open = !rows.empty() && !rows.front()[3].as<bool>();
    if (!open && !who_.email.empty())
      if (const auto known = tx_.exec_params(by_email_sql, who_.email, named); !known.empty()) {
        if (known.front()[6].as<bool>())
          return entry::several;
        rows = known;
      }
    if (rows.empty() && named) {
      rows = tx_.exec_params(named_sql, *named);
      if (rows.empty())
        return entry::not_invited;
    }
    if (!rows.empty())
      by_.workspace = id_in(rows.front()[0]);
    provisions_ = by_.workspace == start;
    return std::nullopt;
  }

  std::optional<person_standing> linked_here() {
    return first_of(
      tx_.exec_params(hold_linked_sql, to_string(by_.workspace), who_.issuer, who_.subject));
  }

  std::optional<person_standing> by_email(const provisioning& others) {
    const auto look = [&] {
      return first_of(tx_.exec_params(hold_by_email_sql, to_string(by_.workspace), who_.email));
    };
    if (auto found = look())
      return found;
    if (!provisions_
        || std::ranges::find(others.domains, domain_of(who_.email)) == others.domains.end()
        || others.rank == domain::role::owner)
      return std::nullopt;
    const auto id = ids_.next(by_.at);
    const auto added = tx_.exec_params(add_person_sql,
                                       to_string(by_.workspace),
                                       to_string(id),
                                       who_.email,
                                       who_.name,
                                       std::string{to_string(others.rank)},
                                       domain::to_rfc3339(by_.at));
    if (added.affected_rows() == 1) // else they came by another way just now
      record("user_provisioned",
             to_string(id),
             {{"email", who_.email}, {"name", who_.name}, {"role", to_string(others.rank)}});
    return look();
  }

  bool link(const domain::uuid& person) {
    const auto linked = tx_.exec_params(link_sql,
                                        to_string(by_.workspace),
                                        to_string(ids_.next(by_.at)),
                                        to_string(person),
                                        who_.issuer,
                                        who_.subject,
                                        domain::to_rfc3339(by_.at));
    if (linked.affected_rows() == 0) { // by this identity, a moment ago? Else by another
      const auto now = linked_here();
      return now && now->who.id == person;
    }
    record("identity_linked",
           to_string(person),
           {{"issuer", who_.issuer}, {"subject", who_.subject}, {"email", who_.email}});
    return true;
  }

  void begin(const new_session& session, const domain::uuid& person) {
    tx_.exec_params(note_use_sql,
                    to_string(by_.workspace),
                    who_.issuer,
                    who_.subject,
                    domain::to_rfc3339(by_.at));
    auto row = session;
    row.person = person;
    insert_session(tx_, by_, row, false);
    record("signed_in_by_provider", to_string(person), {{"issuer", who_.issuer}});
  }

  entry refuse(entry why, std::string target) {
    by_.who.type = "nobody"; // whoever it was has not become anybody
    by_.who.id.reset();
    by_.who.label.clear();
    record("sign_in_refused",
           std::move(target),
           {{"reason", to_string(why)},
            {"issuer", who_.issuer},
            {"subject", who_.subject},
            {"email", who_.email}});
    return why;
  }

  void record(const char* what, std::string target, const nlohmann::json& after) {
    audit_rows rows;
    add_record(rows,
               by_.workspace,
               {ids_.next(by_.at),
                by_.who,
                what,
                std::move(target),
                {},
                after.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)},
               by_.at);
    std::move(rows).run_once(tx_, add_audit_records_sql);
  }

  pqxx::work& tx_;
  acting by_;
  const outside_identity& who_;
  domain::uuid_generator ids_; // in order, as the record is read
  bool provisions_ = true;     // nobody names a workspace and is in it
};

class pooled_federation final : public federation_store {
public:
  explicit pooled_federation(federation_store_options options)
    : seed_{std::move(options.seed)},
      pool_{{.connection_string = std::move(options.connection_string),
             .session = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; SET jit = off; "
                        "SET idle_in_transaction_session_timeout = '10s'; "
                        "SET application_name = 'feedback-hub federation'",
             .connections = options.connections,
             .queue_limit = options.queue_limit}} {}

  void begin_attempt(new_oidc_attempt attempt, callback<domain::done> done) override {
    run<domain::done>(std::move(done), [attempt = std::move(attempt)](pqxx::work& tx) -> outcome {
      see_only(tx, attempt.workspace);
      tx.exec_params(begin_attempt_sql,
                     to_string(attempt.workspace),
                     to_string(attempt.id),
                     bytes_of(attempt.state_hash),
                     bytes_of(attempt.browser_hash),
                     attempt.redirect_uri,
                     attempt.return_to,
                     attempt.named,
                     domain::to_rfc3339(attempt.created_at),
                     domain::to_rfc3339(attempt.expires_at));
      return domain::done{};
    });
  }

  void take_attempt(std::string state_hash,
                    std::string browser_hash,
                    domain::time_point now,
                    callback<oidc_attempt> done) override {
    run<std::optional<oidc_attempt>>(
      [done = std::move(done)](result<std::optional<oidc_attempt>> taken) {
        if (!taken)
          return done(std::move(taken).why());
        if (!*taken)
          return done(fail(errc::unauthorized, "this sign-in is over, or was begun elsewhere"));
        done(**std::move(taken));
      },
      [state_hash = std::move(state_hash), browser_hash = std::move(browser_hash), now](
        pqxx::work& tx) -> result<std::optional<oidc_attempt>> {
        see_all(tx);
        const auto rows = tx.exec_params(
          take_attempt_sql, bytes_of(state_hash), bytes_of(browser_hash), domain::to_rfc3339(now));
        // An expired one is gone too: the transaction commits.
        if (rows.empty() || !rows.front()[3].as<bool>())
          return std::optional<oidc_attempt>{};
        oidc_attempt taken;
        taken.redirect_uri = text_in(rows.front()[0]);
        taken.return_to = text_in(rows.front()[1]);
        taken.named = optional_in(rows.front()[2], text_in);
        return std::optional{std::move(taken)};
      });
  }

  void enter(acting by,
             outside_identity who,
             std::optional<std::string> named,
             provisioning others,
             new_session session,
             callback<entry> done) override {
    run<entry>(
      std::move(done),
      [by = std::move(by),
       who = std::move(who),
       named = std::move(named),
       others = std::move(others),
       session = std::move(session),
       seed = seed_()](pqxx::work& tx) -> result<entry> {
        return arrival{tx, by, who, domain::uuid_generator{seed}}.enter(named, others, session);
      });
  }

  void person_behind(outside_identity who, callback<std::optional<person_standing>> done) override {
    run<std::optional<person_standing>>(std::move(done), [who = std::move(who)](pqxx::work& tx) {
      see_all(tx);
      auto found = first_of(tx.exec_params(first_linked_sql, who.issuer, who.subject));
      if (found || who.email.empty())
        return result{std::move(found)};
      const auto rows = tx.exec_params(only_by_email_sql, who.email);
      if (rows.empty() || rows.front()[6].as<bool>())
        return result{std::move(found)};
      const auto row = rows.front();
      if (tx.exec_params(linked_otherwise_sql, row[0].c_str(), row[1].c_str(), who.issuer).empty())
        found = known_in(row);
      return result{std::move(found)};
    });
  }

  void unlink(acting by, domain::uuid person, callback<domain::done> done) override {
    run<domain::done>(std::move(done), [by = std::move(by), person](pqxx::work& tx) -> outcome {
      see_only(tx, by.workspace);
      const auto rows = tx.exec_params(hold_person_sql, to_string(by.workspace), to_string(person));
      if (rows.empty())
        return fail(errc::not_found, "there is no such person");
      if (by.rights
          && !domain::may_manage(*by.rights, role_in(rows.front()[0]), rows.front()[1].as<bool>()))
        return fail(errc::forbidden,
                    "nobody changes somebody who is more than they are themselves");
      auto before = nlohmann::json::array();
      for (const auto& row : tx.exec_params(unlink_sql, to_string(by.workspace), to_string(person)))
        before.push_back({{"issuer", text_in(row[0])}, {"subject", text_in(row[1])}});
      if (before.empty())
        return domain::done{};
      // Whoever had this account at the provider may still be signed in.
      tx.exec_params(end_sessions_sql, to_string(by.workspace), to_string(person));
      audit_rows rows_of_record;
      add_record(rows_of_record,
                 by.workspace,
                 {by.record, by.who, "identity_unlinked", to_string(person), before.dump(), {}},
                 by.at);
      std::move(rows_of_record).run_once(tx, add_audit_records_sql);
      return domain::done{};
    });
  }

  [[nodiscard]] pool_stats stats() const override { return pool_.stats(); }
  void stop() override { pool_.stop(); }

private:
  template <class T, class Work>
  void run(callback<T> done, Work work) {
    in_transaction<pqxx::work, T>(pool_, std::move(done), std::move(work));
  }

  std::function<std::uint64_t()> seed_;
  connection_pool pool_;
};

} // namespace

std::string_view to_string(entry how) {
  switch (how) {
  case entry::entered:
    return "entered";
  case entry::not_invited:
    return "not_invited";
  case entry::email_unverified:
    return "email_unverified";
  case entry::disabled:
    return "disabled";
  case entry::linked_to_another:
    return "linked_to_another";
  case entry::several:
    return "several";
  }
  return "";
}

std::unique_ptr<federation_store> make_federation_store(federation_store_options options) {
  return std::make_unique<pooled_federation>(std::move(options));
}

} // namespace hub::storage
