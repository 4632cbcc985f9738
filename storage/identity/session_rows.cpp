#include "storage/identity/session_rows.hpp"

#include "domain/time.hpp"
#include "storage/reads/row_reading.hpp"
#include "storage/visibility.hpp"

namespace hub::storage {

namespace {

constexpr int most_sessions = 20; // of one person

constexpr auto begin_session_sql = R"sql(
  INSERT INTO sessions (workspace_id, id, user_id, token_hash, address, user_agent, created_at,
                        last_seen_at, expires_at, by_link)
  VALUES ($1::uuid, $2::uuid, $3::uuid, $4::bytea, $5, $6, $7::timestamptz, $7::timestamptz,
          $8::timestamptz, $9::boolean)
)sql";

constexpr auto replace_session_sql = R"sql(
  DELETE FROM sessions WHERE token_hash = $1::bytea
)sql";

constexpr auto end_oldest_sessions_sql = R"sql(
  DELETE FROM sessions WHERE workspace_id = $1::uuid AND id IN (
    SELECT id FROM sessions WHERE workspace_id = $1::uuid AND user_id = $2::uuid
    ORDER BY created_at DESC, id DESC OFFSET $3::int)
)sql";

} // namespace

void insert_session(pqxx::transaction_base& tx,
                    const acting& by,
                    const new_session& session,
                    bool by_link) {
  if (!session.replaces.empty()) { // it may be one in another workspace
    see_all(tx);
    tx.exec_params(replace_session_sql, bytes_of(session.replaces));
    see_only(tx, by.workspace);
  }
  tx.exec_params(begin_session_sql,
                 to_string(by.workspace),
                 to_string(session.id),
                 to_string(session.person),
                 bytes_of(session.token_hash),
                 session.address,
                 session.user_agent,
                 domain::to_rfc3339(by.at),
                 domain::to_rfc3339(session.expires_at),
                 by_link);
  tx.exec_params(
    end_oldest_sessions_sql, to_string(by.workspace), to_string(session.person), most_sessions);
}

} // namespace hub::storage
