#pragma once

#include "domain/audit.hpp"
#include "storage/acting.hpp"
#include "storage/journal/row_set.hpp"

#include <pqxx/pqxx>

#include <string>
#include <utility>

namespace hub::storage {

using audit_rows = row_set<12>;

/// Takes `audit_rows`.
inline constexpr auto add_audit_records_sql = R"sql(
  INSERT INTO audit_log (workspace_id, id, actor_type, actor_id, actor, action, target, before,
                         after, address, request_id, created_at)
  SELECT i.ws, i.id, i.actor_type, i.actor_id, i.actor, i.action, i.target,
         nullif(i.before, '')::jsonb, nullif(i.after, '')::jsonb, i.address, i.request_id, i.at
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[],
              $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[])
       AS i (ws, id, actor_type, actor_id, actor, action, target, before, after, address,
             request_id, at)
)sql";

inline void add_record(audit_rows& rows,
                       const domain::uuid& workspace,
                       const domain::audit_record& record,
                       domain::time_point at) {
  rows.add(workspace,
           record.id,
           record.by.type,
           record.by.id,
           record.by.label,
           record.what,
           record.target,
           record.before,
           record.after,
           record.by.address,
           record.by.request_id,
           at);
}

/// Puts down what somebody does, in the transaction that does it.
inline void record(pqxx::transaction_base& tx,
                   const acting& by,
                   const char* what,
                   std::string target,
                   std::string before,
                   std::string after) {
  audit_rows rows;
  add_record(rows,
             by.workspace,
             {by.record, by.who, what, std::move(target), std::move(before), std::move(after)},
             by.at);
  std::move(rows).run_once(tx, add_audit_records_sql);
}

} // namespace hub::storage
