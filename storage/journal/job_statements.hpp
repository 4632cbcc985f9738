#pragma once

#include "storage/audit_rows.hpp"
#include "storage/journal/statements.hpp"

#include <array>

namespace hub::storage::statements {

// The journal's statements about jobs; as those in statements.hpp.

/// Which attempts still hold their claim. The rows stay locked, so that the steps that follow hit
/// exactly these.
inline constexpr statement lock_claims{"lock_claims", R"sql(
  SELECT i.ord::int - 1
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS i (id, claim, ord)
  JOIN jobs j ON j.id = i.id AND j.claim_id = i.claim
  ORDER BY j.id FOR UPDATE OF j
)sql"};

inline constexpr statement lock_dead_letters{"lock_dead_letters", R"sql(
  SELECT i.ord::int - 1, d.status, d.outcome_unknown
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS i (ws, id, ord)
  JOIN dead_letter_jobs d ON (d.workspace_id, d.id) = (i.ws, i.id)
  ORDER BY d.id FOR UPDATE OF d
)sql"};

inline constexpr statement begin_sending{"begin_sending", R"sql(
  UPDATE jobs j SET sending_since = i.at, reported = NULL
  FROM unnest($1::uuid[], $2::timestamptz[]) AS i (id, at)
  WHERE j.id = i.id
)sql"};

/// Done jobs leave; one that was caused again meanwhile starts anew.
inline constexpr statement finish_jobs{"finish_jobs", R"sql(
  WITH i AS (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS i (id, at)),
  again AS (
    UPDATE jobs j SET claim_id = NULL, lease_until = NULL, rerun = false, attempts = 0,
      sending_since = NULL, reported = NULL, history = '[]', last_error = NULL, run_at = i.at
    FROM i WHERE j.id = i.id AND j.rerun
  ), gone AS (
    DELETE FROM jobs j USING i WHERE j.id = i.id AND NOT j.rerun
    RETURNING j.workspace_id, j.id, j.kind, j.attempts, j.created_at, i.at
  )
  INSERT INTO finished_jobs (workspace_id, id, kind, attempts, created_at, finished_at)
  SELECT * FROM gone
)sql"};

/// `counts` false: as if the attempt had not been. `open`: it may have been sent, and that it may
/// must outlive the attempt; so must a later cause, as the next attempt may find it sent.
inline constexpr statement retry_jobs{"retry_jobs", R"sql(
  UPDATE jobs j SET claim_id = NULL, lease_until = NULL, rerun = j.rerun AND i.open,
    sending_since = CASE WHEN i.open THEN j.sending_since END,
    reported = CASE WHEN i.open THEN j.reported END,
    run_at = i.run_at, last_error = i.message,
    attempts = CASE WHEN i.counts THEN j.attempts ELSE j.attempts - 1 END,
    history = CASE WHEN i.counts THEN j.history || i.attempt::jsonb ELSE j.history END
  FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::boolean[], $5::text[], $6::boolean[])
       AS i (id, run_at, message, counts, attempt, open)
  WHERE j.id = i.id
)sql"};

/// A job that may have sent has, if the provider said so meanwhile: it is done, and starts anew if
/// it was caused again. If the provider said the opposite, the dead letter can be tried again.
inline constexpr statement bury_jobs{"bury_jobs", R"sql(
  WITH i AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[],
                         $7::boolean[], $8::text[], $9::timestamptz[])
                  AS i (id, args, sealed, class, message, place, unknown, attempt, at)
  ), again AS (
    UPDATE jobs j SET claim_id = NULL, lease_until = NULL, rerun = false, attempts = 0,
      sending_since = NULL, reported = NULL, history = '[]', last_error = NULL, run_at = i.at
    FROM i WHERE j.id = i.id AND j.rerun AND i.unknown AND j.reported = 'taken'
  ), gone AS (
    DELETE FROM jobs j USING i
    WHERE j.id = i.id AND (j.rerun AND i.unknown AND j.reported = 'taken') IS NOT TRUE
    RETURNING j.workspace_id, j.id, j.kind, i.args::jsonb AS args, i.sealed, i.class, i.message,
              i.place, i.unknown, j.history || i.attempt::jsonb AS history, i.at, j.created_at,
              j.attempts, CASE WHEN i.unknown THEN j.reported END AS reported
  ), taken AS (
    INSERT INTO finished_jobs (workspace_id, id, kind, attempts, created_at, finished_at)
    SELECT workspace_id, id, kind, attempts, created_at, at FROM gone WHERE reported = 'taken'
  )
  INSERT INTO dead_letter_jobs (workspace_id, id, job_class, job_args, args_sealed, error_class,
                                error_message, backtrace, outcome_unknown, attempts, failed_at,
                                created_at, queue)
  SELECT workspace_id, id, kind, args, sealed,
         CASE WHEN reported IS NULL THEN class ELSE 'not_delivered' END, coalesce(reported, message),
         place, unknown AND reported IS NULL, history, at, created_at, 'default'
  FROM gone WHERE reported IS DISTINCT FROM 'taken'
)sql"};

/// A job with a key joins the unfinished one that has it; if that one runs, or may have sent
/// already, it runs again after.
inline constexpr statement add_jobs{"add_jobs", R"sql(
  INSERT INTO jobs AS j (workspace_id, id, kind, dedup_key, args, run_at, created_at)
  SELECT i.ws, i.id, i.kind, i.key, i.args::jsonb, i.run_at, i.at
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
              $7::timestamptz[]) AS i (ws, id, kind, key, args, run_at, at)
  ON CONFLICT (workspace_id, kind, dedup_key) WHERE dedup_key IS NOT NULL
  DO UPDATE SET rerun = j.claim_id IS NOT NULL OR j.sending_since IS NOT NULL,
                run_at = least(j.run_at, excluded.run_at)
)sql"};

inline constexpr statement settle_dead_letters{"settle_dead_letters", R"sql(
  UPDATE dead_letter_jobs d SET status = i.status, replaced_by = i.job, settled_at = i.at
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[])
       AS i (ws, id, status, job, at)
  WHERE (d.workspace_id, d.id) = (i.ws, i.id)
)sql"};

/// A message that was taken and then did not arrive was sent all the same.
inline constexpr statement report_to_jobs{"report_to_jobs", R"sql(
  WITH l AS (
    SELECT j.id, i.what
    FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS i (ws, id, what)
    JOIN jobs j ON j.id = i.id AND j.workspace_id = i.ws
    WHERE j.sending_since IS NOT NULL AND j.reported IS DISTINCT FROM 'taken'
    ORDER BY j.id FOR UPDATE OF j
  )
  UPDATE jobs j SET reported = l.what FROM l WHERE j.id = l.id
)sql"};

/// After the jobs: one that is buried meanwhile is found here.
inline constexpr statement report_to_dead_letters{"report_to_dead_letters", R"sql(
  WITH l AS (
    SELECT d.workspace_id, d.id, i.what, i.at
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) AS i (ws, id, what, at)
    JOIN dead_letter_jobs d ON (d.workspace_id, d.id) = (i.ws, i.id)
    WHERE d.outcome_unknown AND d.status = 'unresolved'
    ORDER BY d.id FOR UPDATE OF d
  )
  UPDATE dead_letter_jobs d SET outcome_unknown = false,
    status = CASE WHEN l.what = 'taken' THEN 'resolved' ELSE d.status END,
    settled_at = CASE WHEN l.what = 'taken' THEN l.at END,
    error_class = CASE WHEN l.what = 'taken' THEN d.error_class ELSE 'not_delivered' END,
    error_message = CASE WHEN l.what = 'taken' THEN d.error_message ELSE l.what END
  FROM l WHERE (d.workspace_id, d.id) = (l.workspace_id, l.id)
)sql"};

inline constexpr statement set_job_control{"set_job_control", R"sql(
  INSERT INTO job_controls AS c (kind, state, drained_until, force_fail)
  VALUES ($1::text, coalesce($2::text, 'running'),
          CASE WHEN $2::text = 'draining' THEN $3::timestamptz END, coalesce($4::boolean, false))
  ON CONFLICT (kind) DO UPDATE SET
    state = coalesce($2::text, c.state),
    drained_until = CASE WHEN $2::text IS NULL THEN c.drained_until
                         WHEN $2::text = 'draining' THEN $3::timestamptz END,
    force_fail = coalesce($4::boolean, c.force_fail)
)sql"};

inline constexpr statement add_audit_records{"add_audit_records", add_audit_records_sql};

inline constexpr std::array about_jobs{
  lock_claims,
  lock_dead_letters,
  begin_sending,
  finish_jobs,
  retry_jobs,
  bury_jobs,
  add_jobs,
  settle_dead_letters,
  report_to_jobs,
  report_to_dead_letters,
  set_job_control,
  add_audit_records,
};

} // namespace hub::storage::statements
