#pragma once

#include "storage/journal/statements.hpp"

#include <array>

namespace hub::storage::statements {

// The journal's statements about triage, changelog entries and notifications; as those in
// statements.hpp. What people decide one by one, the changelog's steps, runs once a step.

inline constexpr statement write_triage{"write_triage", R"sql(
  INSERT INTO ticket_triage AS t (workspace_id, ticket_id, status, suggested_type,
    suggested_priority, summary, confidence, ai_model, ai_prompt_tokens, ai_completion_tokens,
    ai_latency_ms, updated_at)
  SELECT i.ws, i.ticket, 'completed', i.type, i.priority, i.summary, i.confidence::real, i.model,
         i.prompt_tokens, i.completion_tokens, i.latency, i.at
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::text[], $6::text[],
              $7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::timestamptz[])
       AS i (ws, ticket, type, priority, summary, confidence, model, prompt_tokens,
             completion_tokens, latency, at)
  ON CONFLICT (workspace_id, ticket_id) DO UPDATE SET
    status = excluded.status, suggested_type = excluded.suggested_type,
    suggested_priority = excluded.suggested_priority, summary = excluded.summary,
    confidence = excluded.confidence, ai_model = excluded.ai_model,
    ai_prompt_tokens = excluded.ai_prompt_tokens,
    ai_completion_tokens = excluded.ai_completion_tokens, ai_latency_ms = excluded.ai_latency_ms,
    decision = NULL, decided_by = NULL, decided_at = NULL, updated_at = excluded.updated_at
)sql"};

/// One that is to come. What is there stays until then.
inline constexpr statement await_triage{"await_triage", R"sql(
  INSERT INTO ticket_triage AS t (workspace_id, ticket_id, status, updated_at)
  SELECT i.ws, i.ticket, 'pending', i.at
  FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS i (ws, ticket, at)
  ON CONFLICT (workspace_id, ticket_id) DO UPDATE SET
    status = 'pending', updated_at = excluded.updated_at
)sql"};

/// A suggestion that is there already stays: it was only not renewed.
inline constexpr statement fail_triage{"fail_triage", R"sql(
  INSERT INTO ticket_triage AS t (workspace_id, ticket_id, status, updated_at)
  SELECT i.ws, i.ticket, 'failed', i.at
  FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS i (ws, ticket, at)
  JOIN tickets k ON (k.workspace_id, k.id) = (i.ws, i.ticket)
  ON CONFLICT (workspace_id, ticket_id) DO UPDATE SET
    status = 'failed', updated_at = excluded.updated_at
)sql"};

/// The suggestions that wait for a decision.
inline constexpr statement lock_triage{"lock_triage", R"sql(
  SELECT i.ord::int - 1
  FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) WITH ORDINALITY AS i (ws, ticket, of, ord)
  JOIN ticket_triage t ON (t.workspace_id, t.ticket_id) = (i.ws, i.ticket)
  WHERE t.status = 'completed' AND t.decision IS NULL AND (i.of IS NULL OR t.updated_at = i.of)
  ORDER BY t.ticket_id FOR UPDATE OF t
)sql"};

inline constexpr statement decide_triage{"decide_triage", R"sql(
  UPDATE ticket_triage t SET decision = i.decision, decided_by = i.person, decided_at = i.at
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
       AS i (ws, ticket, decision, person, at)
  WHERE (t.workspace_id, t.ticket_id) = (i.ws, i.ticket)
)sql"};

/// Steps of one ticket's entries come one after the other, and after what moves the ticket.
inline constexpr statement lock_released_ticket{"lock_released_ticket", R"sql(
  SELECT status FROM tickets WHERE workspace_id = $1::uuid AND id = $2::uuid FOR NO KEY UPDATE
)sql"};

inline constexpr statement find_draft{"find_draft", R"sql(
  SELECT d.id, d.content, d.version,
         EXISTS (SELECT FROM ticket_messages m
                 WHERE (m.workspace_id, m.ticket_id) = (d.workspace_id, d.ticket_id)
                   AND m.direction = 'inbound' AND m.created_at > d.seen_until)
  FROM changelog_entries d
  WHERE d.workspace_id = $1::uuid AND d.ticket_id = $2::uuid AND d.status = 'draft'
)sql"};

inline constexpr statement write_draft{"write_draft", R"sql(
  INSERT INTO changelog_entries AS d (workspace_id, id, ticket_id, content, version, ai_model,
    ai_prompt_tokens, ai_completion_tokens, ai_latency_ms, seen_until, created_at, updated_at)
  VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5::bigint, $6, $7::bigint, $8::bigint, $9::bigint,
          $10::timestamptz, $11::timestamptz, $11::timestamptz)
  ON CONFLICT (workspace_id, id) DO UPDATE SET
    content = excluded.content, version = excluded.version, ai_model = excluded.ai_model,
    ai_prompt_tokens = excluded.ai_prompt_tokens,
    ai_completion_tokens = excluded.ai_completion_tokens, ai_latency_ms = excluded.ai_latency_ms,
    seen_until = excluded.seen_until, updated_at = excluded.updated_at
)sql"};

inline constexpr statement revise_draft{"revise_draft", R"sql(
  UPDATE changelog_entries SET content = $3, version = $4::bigint, updated_at = $5::timestamptz
  WHERE workspace_id = $1::uuid AND id = $2::uuid
)sql"};

inline constexpr statement approve_draft{"approve_draft", R"sql(
  UPDATE changelog_entries SET status = 'approved', version = $3::bigint, approved_by = $4,
    approved_by_id = $5::uuid, approved_at = $6::timestamptz, updated_at = $6::timestamptz
  WHERE workspace_id = $1::uuid AND id = $2::uuid
)sql"};

/// Whether more tickets than these were resolved by one cause in some stretch of that length which
/// this one is in. Beyond a thousand nobody counts.
inline constexpr statement is_mass_resolution{"is_mass_resolution", R"sql(
  WITH near AS (
    SELECT o.resolved_at, t.resolved_at AS own
    FROM tickets t
    JOIN tickets o ON o.workspace_id = t.workspace_id AND o.resolution_cause = t.resolution_cause
     AND o.resolved_at BETWEEN t.resolved_at - $4::interval AND t.resolved_at + $4::interval
    WHERE t.workspace_id = $1::uuid AND t.id = $2::uuid
    ORDER BY o.resolved_at LIMIT 1000
  ), counted AS (
    SELECT resolved_at, own, count(*) OVER (ORDER BY resolved_at
             RANGE BETWEEN CURRENT ROW AND $4::interval FOLLOWING) AS n
    FROM near
  )
  SELECT coalesce(max(n) > $3::bigint, false) FROM counted WHERE resolved_at <= own
)sql"};

/// Somebody known by their address alone has an identity once they are written to.
inline constexpr statement add_mail_identity{"add_mail_identity", R"sql(
  INSERT INTO reporter_identities (workspace_id, platform, platform_user_id, reporter_id,
                                   display_name, last_message_at, last_ticket_id, created_at)
  SELECT t.workspace_id, 'email', $3, t.reporter_id, '', t.created_at, t.id, $4::timestamptz
  FROM tickets t
  WHERE t.workspace_id = $1::uuid AND t.id = $2::uuid AND t.reporter_id IS NOT NULL
  ON CONFLICT DO NOTHING
)sql"};

inline constexpr statement add_notification{"add_notification", R"sql(
  INSERT INTO notifications (workspace_id, id, job_id, ticket_id, changelog_entry_id, channel,
                             platform_user_id, thread_id, content, status, send_at, created_at)
  VALUES ($1::uuid, $2::uuid, $2::uuid, $3::uuid, $4::uuid, $5, $6, $7, $8, $9, $10::timestamptz,
          $11::timestamptz)
)sql"};

/// The newest approved entry of a ticket, and whether nothing of it was sent.
inline constexpr statement find_approved{"find_approved", R"sql(
  SELECT e.id, e.content, e.seen_until, e.version, e.taken_back_at IS NOT NULL,
         (SELECT count(*) FROM notifications n
          WHERE (n.workspace_id, n.changelog_entry_id) = (e.workspace_id, e.id)
            AND (n.begun_at IS NOT NULL
                 OR n.status NOT IN ('pending', 'pending_batch_review', 'rejected')
                 OR EXISTS (SELECT FROM notification_attempts a
                            WHERE (a.workspace_id, a.notification_id) = (n.workspace_id, n.id)
                              AND a.outcome <> 'failed')))
  FROM changelog_entries e
  WHERE e.workspace_id = $1::uuid AND e.ticket_id = $2::uuid AND e.status = 'approved'
  ORDER BY e.id DESC LIMIT 1
)sql"};

inline constexpr statement lock_notifications_of{"lock_notifications_of", R"sql(
  SELECT FROM notifications n JOIN changelog_entries e
    ON (e.workspace_id, e.id) = (n.workspace_id, n.changelog_entry_id)
  WHERE e.workspace_id = $1::uuid AND e.ticket_id = $2::uuid AND n.begun_at IS NULL
  ORDER BY n.id FOR UPDATE OF n
)sql"};

inline constexpr statement take_back_entry{"take_back_entry", R"sql(
  UPDATE changelog_entries SET taken_back_at = $3::timestamptz
  WHERE workspace_id = $1::uuid AND id = $2::uuid
)sql"};

inline constexpr statement reject_notifications_of{"reject_notifications_of", R"sql(
  UPDATE notifications SET status = 'rejected'
  WHERE workspace_id = $1::uuid AND changelog_entry_id = $2::uuid AND begun_at IS NULL
)sql"};

/// Locks whatever notifications a batch is about, by any of their names and in one order: steps and
/// reports of one mass release, in two writers' batches, would wait for each other otherwise.
inline constexpr statement lock_named_notifications{"lock_named_notifications", R"sql(
  WITH i AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) AS i (ws, id, job, message)
  ), named AS ( -- each name has an index of its own
    SELECT n.workspace_id, n.id FROM i JOIN notifications n ON (n.workspace_id, n.id) = (i.ws, i.id)
    UNION
    SELECT n.workspace_id, n.id FROM i
    JOIN notifications n ON (n.workspace_id, n.job_id) = (i.ws, i.job)
    UNION
    SELECT n.workspace_id, n.id FROM i
    JOIN notifications n ON (n.workspace_id, n.provider_message_id) = (i.ws, i.message)
  )
  SELECT FROM named JOIN notifications n USING (workspace_id, id) ORDER BY n.id FOR UPDATE OF n
)sql"};

/// Which notifications may (still) be sent by the job that asks, locked.
inline constexpr statement lock_notifications{"lock_notifications", R"sql(
  SELECT i.ord::int - 1, n.status
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) WITH ORDINALITY AS i (ws, id, job, ord)
  JOIN notifications n ON (n.workspace_id, n.id, n.job_id) = (i.ws, i.id, i.job)
  ORDER BY n.id FOR UPDATE OF n
)sql"};

inline constexpr statement begin_notifications{"begin_notifications", R"sql(
  WITH i AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[])
                  AS i (ws, id, attempt, at)
  ), moved AS (
    UPDATE notifications n SET begun_at = i.at FROM i WHERE (n.workspace_id, n.id) = (i.ws, i.id)
  )
  INSERT INTO notification_attempts (workspace_id, id, notification_id, started_at, outcome)
  SELECT ws, attempt, id, at, 'unknown' FROM i
  ON CONFLICT (workspace_id, id) DO NOTHING
)sql"};

/// A provider may have said what became of it before the hub knew that it had sent.
inline constexpr statement send_notifications{"send_notifications", R"sql(
  WITH i AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::boolean[],
                         $6::boolean[], $7::timestamptz[])
                  AS i (ws, id, attempt, message, by_template, arrived, at)
  ), moved AS (
    UPDATE notifications n SET
      status = CASE WHEN n.status NOT IN ('pending', 'failed', 'uncertain') THEN n.status
                    WHEN i.arrived THEN 'delivered' ELSE 'sent' END,
      sent_at = coalesce(n.sent_at, i.at),
      delivered_at = CASE WHEN i.arrived THEN i.at ELSE n.delivered_at END,
      provider_message_id = coalesce(nullif(i.message, ''), n.provider_message_id),
      use_template = n.use_template OR i.by_template,
      last_error = CASE WHEN n.status IN ('pending', 'failed', 'uncertain') THEN NULL
                        ELSE n.last_error END
    FROM i JOIN notifications o ON (o.workspace_id, o.id) = (i.ws, i.id)
    WHERE (n.workspace_id, n.id) = (i.ws, i.id)
    RETURNING n.workspace_id, n.id, n.ticket_id, n.channel, n.content, n.changelog_entry_id,
              n.provider_message_id, n.use_template, i.arrived, i.at,
              o.status IN ('pending', 'failed', 'uncertain') AS is_new
  ), tried AS (
    INSERT INTO notification_attempts (workspace_id, id, notification_id, started_at, finished_at,
                                       outcome)
    SELECT ws, attempt, id, at, at, 'sent' FROM i
    ON CONFLICT (workspace_id, id) DO UPDATE SET finished_at = excluded.finished_at,
      outcome = 'sent'
  ), said AS (
    INSERT INTO ticket_messages (workspace_id, id, ticket_id, platform, external_id, direction,
                                 author, body, created_at)
    SELECT m.workspace_id, m.id, m.ticket_id, m.channel,
           CASE WHEN m.channel = 'whatsapp' THEN m.provider_message_id END, 'outbound',
           coalesce(e.approved_by, ''), m.content, m.at
    FROM moved m JOIN changelog_entries e
      ON (e.workspace_id, e.id) = (m.workspace_id, m.changelog_entry_id)
    ON CONFLICT DO NOTHING
  )
  INSERT INTO ticket_events (workspace_id, id, ticket_id, event_type, actor_type, data, created_at)
  SELECT m.workspace_id, gen_random_uuid(), m.ticket_id, w.what, 'system',
         jsonb_build_object('notification_id', m.id, 'channel', m.channel,
                            'template', m.use_template), m.at
  FROM moved m, LATERAL (VALUES ('notification_sent', true), ('notification_delivered', m.arrived))
                  AS w (what, happened)
  WHERE w.happened AND m.is_new
)sql"};

/// What became of the attempt of a job, after its step is written: of a buried job its dead letter
/// says whether anybody knows.
inline constexpr statement follow_dispatch{"follow_dispatch", R"sql(
  WITH i AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::boolean[],
                         $7::timestamptz[], $8::timestamptz[])
                  AS i (ws, job, attempt, step, message, open, began, at)
  ), moved AS (
    UPDATE notifications n SET
      status = CASE WHEN i.step = 'hold_back' THEN n.status
                    WHEN i.step = 'retry' THEN 'failed'
                    WHEN d.id IS NULL THEN 'sent'
                    WHEN d.outcome_unknown THEN 'uncertain'
                    WHEN d.error_class = 'channel_restricted' THEN 'channel_restricted'
                    ELSE 'permanently_failed' END,
      sent_at = CASE WHEN i.step = 'bury' AND d.id IS NULL THEN coalesce(n.sent_at, i.at)
                     ELSE n.sent_at END,
      retry_count = n.retry_count + (i.step = 'retry')::int,
      last_error = CASE WHEN i.step = 'bury' AND d.id IS NULL THEN NULL ELSE i.message END
    FROM i LEFT JOIN dead_letter_jobs d ON (d.workspace_id, d.id) = (i.ws, i.job)
    WHERE (n.workspace_id, n.job_id) = (i.ws, i.job) AND n.status IN ('pending', 'failed')
    RETURNING n.workspace_id, n.id, n.ticket_id, n.channel, n.status, i.attempt, i.step, i.message,
              i.open, i.began, i.at
  ), tried AS (
    INSERT INTO notification_attempts AS a (workspace_id, id, notification_id, started_at,
                                            finished_at, outcome, error)
    SELECT workspace_id, attempt, id, began, at,
           CASE WHEN open THEN 'unknown' ELSE 'failed' END, message
    FROM moved WHERE step <> 'hold_back'
    ON CONFLICT (workspace_id, id) DO UPDATE SET finished_at = excluded.finished_at,
      outcome = excluded.outcome, error = excluded.error
  )
  INSERT INTO ticket_events (workspace_id, id, ticket_id, event_type, actor_type, data, created_at)
  SELECT workspace_id, gen_random_uuid(), ticket_id,
         CASE WHEN status = 'sent' THEN 'notification_sent' ELSE 'notification_failed' END,
         'system', jsonb_build_object('notification_id', id, 'channel', channel, 'status', status),
         at
  FROM moved WHERE step = 'bury'
)sql"};

/// The job that takes a failed one's place sends its notification, unless that was taken back. What
/// is heard later of the message that failed is about nothing any more.
inline constexpr statement follow_retries{"follow_retries", R"sql(
  UPDATE notifications n SET job_id = i.new_job, status = 'pending', begun_at = NULL,
    provider_message_id = NULL, sent_at = NULL
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS i (ws, job, new_job)
  WHERE (n.workspace_id, n.job_id) = (i.ws, i.job)
    AND n.status IN ('permanently_failed', 'channel_restricted', 'uncertain')
)sql"};

/// What WhatsApp says of a message, forward only. A message that the person's silence forbids is
/// tried once more, as a template. A notification's first job has its own id: when WhatsApp says
/// that what it sent has arrived after all, before the job that a person put in its place has
/// begun, nothing is sent a second time. "sent" is no such word: "failed" can follow.
inline constexpr statement follow_reports{"follow_reports", R"sql(
  WITH i AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[],
                         $6::timestamptz[]) AS i (ws, job, message, said, code, at)
  ), named AS ( -- by any name, each with an index of its own
    SELECT n.workspace_id, n.id, i.message, i.said, i.code, i.at, n.begun_at IS NOT NULL AS open
    FROM i JOIN notifications n ON (n.workspace_id, n.job_id) = (i.ws, i.job)
    WHERE n.channel = 'whatsapp'
    UNION
    SELECT n.workspace_id, n.id, i.message, i.said, i.code, i.at, n.begun_at IS NOT NULL
    FROM i JOIN notifications n ON (n.workspace_id, n.provider_message_id) = (i.ws, i.message)
     AND n.channel = 'whatsapp'
    UNION
    SELECT n.workspace_id, n.id, i.message, i.said, i.code, i.at,
           n.begun_at IS NULL AND n.status = 'pending'
    FROM i JOIN notifications n ON (n.workspace_id, n.id) = (i.ws, i.job) AND n.job_id <> i.job
    WHERE n.channel = 'whatsapp' AND i.said IN ('delivered', 'read', 'played')
  ), l AS (
    SELECT n.workspace_id, n.id, n.status AS before, f.message, f.said, f.code, f.at,
           f.said = 'failed' AND f.code = 131047 AND NOT n.use_template
             AND n.status IN ('pending', 'failed', 'sent', 'uncertain') AS as_template
    FROM named f JOIN notifications n ON (n.workspace_id, n.id) = (f.workspace_id, f.id)
    WHERE f.open
    ORDER BY n.id FOR UPDATE OF n
  ), moved AS (
    UPDATE notifications n SET
      status = CASE WHEN l.as_template THEN 'pending'
                    WHEN l.said = 'failed' AND n.status = 'delivered' THEN n.status
                    WHEN l.said = 'failed' THEN 'permanently_failed'
                    WHEN l.said IN ('delivered', 'read', 'played') THEN 'delivered'
                    WHEN n.status IN ('pending', 'failed', 'uncertain') THEN 'sent'
                    ELSE n.status END,
      use_template = n.use_template OR l.as_template,
      job_id = CASE WHEN l.as_template THEN gen_random_uuid() ELSE n.job_id END,
      begun_at = CASE WHEN l.as_template THEN NULL ELSE n.begun_at END,
      provider_message_id = CASE WHEN l.as_template THEN NULL
                                 ELSE coalesce(n.provider_message_id, nullif(l.message, '')) END,
      sent_at = CASE WHEN l.said = 'failed' THEN n.sent_at ELSE coalesce(n.sent_at, l.at) END,
      delivered_at = CASE WHEN l.said IN ('delivered', 'read', 'played')
                          THEN coalesce(n.delivered_at, l.at) ELSE n.delivered_at END,
      read_at = CASE WHEN l.said IN ('read', 'played') THEN coalesce(n.read_at, l.at)
                     ELSE n.read_at END,
      last_error = CASE WHEN l.said <> 'failed' THEN NULL
                        ELSE 'WhatsApp says that it was not delivered (' || l.code || ')' END
    FROM l WHERE (n.workspace_id, n.id) = (l.workspace_id, l.id)
      AND NOT (n.status IN ('permanently_failed', 'rejected', 'channel_restricted'))
    RETURNING n.workspace_id, n.id, n.job_id, n.ticket_id, n.channel, n.status, l.before,
              l.as_template, l.at
  ), again AS (
    INSERT INTO jobs (workspace_id, id, kind, args, run_at, created_at)
    SELECT workspace_id, job_id, 'NotificationDispatchJob',
           jsonb_build_object('notification', id), at, at
    FROM moved WHERE as_template
  )
  INSERT INTO ticket_events (workspace_id, id, ticket_id, event_type, actor_type, data, created_at)
  SELECT workspace_id, gen_random_uuid(), ticket_id,
         CASE status WHEN 'delivered' THEN 'notification_delivered'
                     WHEN 'permanently_failed' THEN 'notification_failed'
                     ELSE 'notification_sent' END,
         'system', jsonb_build_object('notification_id', id, 'channel', channel, 'status', status),
         at
  FROM moved WHERE status <> before AND NOT as_template
)sql"};

/// Lets go, or rejects, what waits for a review; an empty list means all, the oldest 2,000 at once.
/// Returns how many.
inline constexpr statement review_notifications{"review_notifications", R"sql(
  WITH chosen AS (
    SELECT id FROM notifications
    WHERE workspace_id = $1::uuid AND status = 'pending_batch_review'
      AND ($2::uuid[] = '{}' OR id = ANY ($2::uuid[]))
    ORDER BY id LIMIT 2000 FOR UPDATE
  ), moved AS (
    UPDATE notifications n SET status = CASE WHEN $3::boolean THEN 'pending' ELSE 'rejected' END,
      send_at = $5::timestamptz
    FROM chosen c WHERE n.workspace_id = $1::uuid AND n.id = c.id
    RETURNING n.id, n.job_id, n.ticket_id, n.channel
  ), released AS (
    INSERT INTO jobs (workspace_id, id, kind, args, run_at, created_at)
    SELECT $1::uuid, job_id, 'NotificationDispatchJob', jsonb_build_object('notification', id),
           $5::timestamptz, $5::timestamptz
    FROM moved WHERE $3::boolean
  ), told AS (
    INSERT INTO ticket_events (workspace_id, id, ticket_id, event_type, actor_type, actor_id, data,
                               created_at)
    SELECT $1::uuid, gen_random_uuid(), ticket_id,
           CASE WHEN $3::boolean THEN 'notification_released' ELSE 'notification_rejected' END,
           'user', $4, jsonb_build_object('notification_id', id, 'channel', channel),
           $5::timestamptz
    FROM moved
  )
  SELECT count(*) FROM moved
)sql"};

inline constexpr std::array about_release{
  write_triage,
  await_triage,
  fail_triage,
  lock_triage,
  decide_triage,
  lock_released_ticket,
  find_draft,
  write_draft,
  revise_draft,
  approve_draft,
  is_mass_resolution,
  add_mail_identity,
  add_notification,
  find_approved,
  lock_notifications_of,
  take_back_entry,
  reject_notifications_of,
  lock_named_notifications,
  lock_notifications,
  begin_notifications,
  send_notifications,
  follow_dispatch,
  follow_retries,
  follow_reports,
  review_notifications,
};

} // namespace hub::storage::statements
