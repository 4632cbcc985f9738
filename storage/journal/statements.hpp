#pragma once

#include <array>
#include <string_view>

namespace hub::storage::statements {

// The journal's statements: prepared once a connection, set-based and run at most once a batch,
// with one array a column; only `relink_identity`, which is rare, runs once a row. The caller
// orders rows where they lock. Row-level security stands behind them: each names its rows'
// workspace itself, and by operators that PostgreSQL knows to be leakproof, else no index is used.

struct statement {
  const char* name;
  const char* sql;
};

/// Two transactions that each looked for the sender's open ticket before the other had committed
/// would both open one. A sender who is new is told apart by their insert.
inline constexpr statement lock_senders{"lock_senders", R"sql(
  SELECT
  FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS i (ws, platform, author, ord)
  JOIN reporter_identities r
    ON (r.workspace_id, r.platform, r.platform_user_id) = (i.ws, i.platform, i.author)
  ORDER BY i.ord FOR NO KEY UPDATE OF r
)sql"};

/// Everything that may already be known of each Change's delivery, message, thread and author. The
/// fence keeps lower() out of the join, which then may use an index behind row-level security.
inline constexpr statement look_up{"look_up", R"sql(
  SELECT i.ord::int - 1,
         d.id, d.outcome, d.ticket_id,
         m.ticket_id,
         coalesce(s.ticket_id, q.ticket_id, w.id),
         ident.reporter_id, r.email, e.id
  FROM (SELECT *, lower(email) AS folded
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::date[], $5::text[], $6::text[],
                    $7::text[], $8::text[], $9::timestamptz[], $10::text[])
             WITH ORDINALITY AS i (ws, platform, delivery, occurred_on, thread, message, quoted,
                                   author, joins_since, email, ord)
        OFFSET 0) i
  LEFT JOIN webhook_deliveries d
    ON (d.workspace_id, d.platform, d.external_id, d.occurred_on)
     = (i.ws, i.platform, i.delivery, i.occurred_on)
  LEFT JOIN ticket_messages m
    ON (m.workspace_id, m.platform, m.external_id) = (i.ws, i.platform, i.message)
  LEFT JOIN ticket_sources s
    ON (s.workspace_id, s.platform, s.external_id) = (i.ws, i.platform, i.thread)
  LEFT JOIN ticket_messages q
    ON (q.workspace_id, q.platform, q.external_id) = (i.ws, i.platform, i.quoted)
  LEFT JOIN reporter_identities ident
    ON (ident.workspace_id, ident.platform, ident.platform_user_id) = (i.ws, i.platform, i.author)
  LEFT JOIN reporters r ON (r.workspace_id, r.id) = (i.ws, ident.reporter_id)
  LEFT JOIN tickets w
    ON (w.workspace_id, w.id) = (i.ws, ident.last_ticket_id)
   AND ident.last_message_at >= i.joins_since AND w.status IN ('open', 'in_progress')
  LEFT JOIN reporters e ON (e.workspace_id, e.email_folded) = (i.ws, i.folded)
)sql"};

/// What became of the quarantined deliveries that are read again; null where there is none.
inline constexpr statement find_settled{"find_settled", R"sql(
  SELECT i.ord::int - 1, d.outcome, d.ticket_id
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS i (ws, id, ord)
  LEFT JOIN webhook_deliveries d ON (d.workspace_id, d.id) = (i.ws, i.id)
)sql"};

inline constexpr statement find_idempotent{"find_idempotent", R"sql(
  SELECT i.ord::int - 1, k.ticket_id, k.request_hash = i.hash
  FROM unnest($1::uuid[], $2::text[], $3::bytea[]) WITH ORDINALITY AS i (ws, key, hash, ord)
  JOIN idempotency_keys k ON (k.workspace_id, k.key) = (i.ws, i.key)
)sql"};

inline constexpr statement add_reporters{"add_reporters", R"sql(
  INSERT INTO reporters (workspace_id, id, name, email, locale, created_at)
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[],
                       $6::timestamptz[])
  ON CONFLICT DO NOTHING
)sql"};

inline constexpr statement set_emails{"set_emails", R"sql(
  UPDATE reporters r SET email = i.email
  FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS i (ws, id, email)
  WHERE (r.workspace_id, r.id) = (i.ws, i.id) AND r.email IS NULL
)sql"};

inline constexpr statement add_tickets{"add_tickets", R"sql(
  INSERT INTO tickets (workspace_id, id, number, title, description, ticket_type, priority,
                       original_channel, reporter_id, tags, metadata, pii_redacted_types,
                       created_at, updated_at)
  SELECT i.ws, i.id, nextval(ticket_number_sequence(i.ws)::regclass), i.title, i.description,
         i.type, i.priority, i.channel, i.reporter, i.tags::text[], i.metadata::jsonb,
         i.pii::text[], i.at, i.at
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::smallint[],
              $7::text[], $8::uuid[], $9::text[], $10::text[], $11::text[], $12::timestamptz[])
       AS i (ws, id, title, description, type, priority, channel, reporter, tags, metadata, pii,
             at)
  RETURNING number
)sql"};

inline constexpr statement update_tickets{"update_tickets", R"sql(
  UPDATE tickets t SET
    title = coalesce(i.title, t.title),
    description = coalesce(i.description, t.description),
    ticket_type = coalesce(i.type, t.ticket_type),
    priority = coalesce(i.priority, t.priority),
    status = coalesce(i.status, t.status),
    tags = coalesce(i.tags::text[], t.tags),
    pii_redacted_types = CASE WHEN i.pii = '{}' THEN t.pii_redacted_types ELSE
      ARRAY(SELECT DISTINCT x FROM unnest(t.pii_redacted_types || i.pii::text[]) x ORDER BY x) END,
    resolved_at = CASE
      WHEN coalesce(i.status, t.status) = t.status THEN t.resolved_at
      WHEN i.status = 'resolved' THEN i.at
      WHEN i.status IN ('open', 'in_progress') THEN NULL
      ELSE t.resolved_at END,
    resolution_cause = CASE
      WHEN coalesce(i.status, t.status) = t.status THEN t.resolution_cause
      WHEN i.status = 'resolved' THEN i.cause
      WHEN i.status IN ('open', 'in_progress') THEN NULL
      ELSE t.resolution_cause END,
    version = t.version + 1,
    updated_at = i.at
  FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[],
              $7::smallint[], $8::text[], $9::text[], $10::text[], $11::timestamptz[],
              $12::text[])
       WITH ORDINALITY AS i (ws, id, expected, title, description, type, priority, status, tags,
                             pii, at, cause, ord)
  JOIN tickets o ON (o.workspace_id, o.id) = (i.ws, i.id)
  WHERE (t.workspace_id, t.id) = (i.ws, i.id) AND t.version = i.expected
  RETURNING i.ord::int - 1, t.version, t.number, t.original_channel,
            o.status, o.priority, o.ticket_type, t.status, t.priority, t.ticket_type
)sql"};

inline constexpr statement add_sources{"add_sources", R"sql(
  INSERT INTO ticket_sources (workspace_id, platform, external_id, ticket_id, external_url,
                              delivery_id, created_at)
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::uuid[],
                       $7::timestamptz[])
  ON CONFLICT DO NOTHING
)sql"};

inline constexpr statement add_identities{"add_identities", R"sql(
  INSERT INTO reporter_identities (workspace_id, platform, platform_user_id, reporter_id,
                                   display_name, last_message_at, last_ticket_id, created_at)
  SELECT i.*, i.at
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[],
              $7::uuid[]) AS i (ws, platform, user_id, reporter, name, at, ticket)
  ON CONFLICT DO NOTHING
)sql"};

inline constexpr statement touch_identities{"touch_identities", R"sql(
  UPDATE reporter_identities r SET
    last_message_at = greatest(r.last_message_at, i.at),
    last_ticket_id = coalesce(i.ticket, r.last_ticket_id),
    display_name = CASE WHEN i.name = '' THEN r.display_name ELSE i.name END
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::uuid[])
       AS i (ws, platform, user_id, name, at, ticket)
  WHERE (r.workspace_id, r.platform, r.platform_user_id) = (i.ws, i.platform, i.user_id)
)sql"};

/// An identity known by itself alone turned out to be a person known by e-mail: their tickets move
/// along, unless the old person has other identities.
inline constexpr statement relink_identity{"relink_identity", R"sql(
  WITH moved_identity AS (
    UPDATE reporter_identities SET reporter_id = $5::uuid
    WHERE (workspace_id, platform, platform_user_id, reporter_id)
        = ($1::uuid, $2::text, $3::text, $4::uuid)
    RETURNING 1
  ), moved_tickets AS (
    UPDATE tickets SET reporter_id = $5::uuid, version = version + 1
    WHERE workspace_id = $1::uuid AND reporter_id = $4::uuid
      AND EXISTS (SELECT FROM moved_identity)
      AND NOT EXISTS (SELECT FROM reporter_identities o
                      WHERE o.workspace_id = $1::uuid AND o.reporter_id = $4::uuid
                        AND (o.platform, o.platform_user_id) <> ($2::text, $3::text))
    RETURNING id
  )
  INSERT INTO ticket_events (workspace_id, id, ticket_id, event_type, actor_type, data, created_at)
  SELECT $1::uuid, gen_random_uuid(), id, 'reporter_linked', 'system',
         jsonb_build_object('from', $4::uuid, 'to', $5::uuid), $6::timestamptz
  FROM moved_tickets
)sql"};

inline constexpr statement add_messages{"add_messages", R"sql(
  INSERT INTO ticket_messages (workspace_id, id, ticket_id, platform, external_id, direction,
                               author, body, body_sealed, pii_redacted_types, created_at)
  SELECT i.ws, i.id, i.ticket, i.platform, i.external, i.direction, i.author, i.body, i.sealed,
         i.pii::text[], i.at
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
              $8::text[], $9::bytea[], $10::text[], $11::timestamptz[])
       AS i (ws, id, ticket, platform, external, direction, author, body, sealed, pii, at)
  ON CONFLICT DO NOTHING
)sql"};

inline constexpr statement add_attachments{"add_attachments", R"sql(
  INSERT INTO attachments (workspace_id, id, ticket_id, message_id, source_platform, external_id,
                           file_name, file_type, file_size, source_url, created_at)
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
                       $7::text[], $8::text[], $9::bigint[], $10::text[], $11::timestamptz[])
)sql"};

inline constexpr statement add_deliveries{"add_deliveries", R"sql(
  INSERT INTO webhook_deliveries (workspace_id, platform, external_id, occurred_on, id, outcome,
                                  error, content_type, payload_sealed, ticket_id, message_id,
                                  received_at)
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::date[], $5::uuid[], $6::text[],
                       $7::text[], $8::text[], $9::bytea[], $10::uuid[], $11::uuid[],
                       $12::timestamptz[])
  ON CONFLICT DO NOTHING
)sql"};

/// A replay settles its quarantined row; returns what it really settled.
inline constexpr statement settle_deliveries{"settle_deliveries", R"sql(
  UPDATE webhook_deliveries d SET outcome = i.outcome, error = nullif(i.error, ''),
    ticket_id = i.ticket, message_id = i.message,
    payload_sealed = coalesce(i.payload, d.payload_sealed)
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::bytea[])
       AS i (ws, id, outcome, error, ticket, message, payload)
  WHERE (d.workspace_id, d.id) = (i.ws, i.id) AND d.outcome = 'quarantined'
  RETURNING d.id
)sql"};

inline constexpr statement add_events{"add_events", R"sql(
  INSERT INTO ticket_events (workspace_id, id, ticket_id, event_type, actor_type, actor_id, data,
                             created_at)
  SELECT i.ws, i.id, i.ticket, i.type, i.actor_type, i.actor, i.data::jsonb, i.at
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
              $8::timestamptz[]) AS i (ws, id, ticket, type, actor_type, actor, data, at)
)sql"};

inline constexpr statement add_idempotent{"add_idempotent", R"sql(
  INSERT INTO idempotency_keys (workspace_id, key, request_hash, ticket_id, status, created_at)
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[], $5::smallint[],
                       $6::timestamptz[])
  ON CONFLICT DO NOTHING
)sql"};

inline constexpr statement store_answers{"store_answers", R"sql(
  UPDATE idempotency_keys k SET answer = i.answer::jsonb
  FROM unnest($1::uuid[], $2::text[], $3::text[]) AS i (ws, key, answer)
  WHERE (k.workspace_id, k.key) = (i.ws, i.key) AND k.answer IS NULL
)sql"};

inline constexpr statement count_tickets{"count_tickets", R"sql(
  INSERT INTO ticket_counters AS c (workspace_id, status, original_channel, priority, ticket_type,
                                    slot, n)
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::text[],
                       $6::smallint[], $7::bigint[])
  ON CONFLICT (workspace_id, status, original_channel, priority, ticket_type, slot)
  DO UPDATE SET n = c.n + excluded.n
)sql"};

inline constexpr statement count_intake{"count_intake", R"sql(
  INSERT INTO intake_counters AS c (workspace_id, platform, day, slot, received, created, attached,
                                    duplicate, not_feedback, quarantined)
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::date[], $4::smallint[], $5::bigint[],
                       $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
  ON CONFLICT (workspace_id, platform, day, slot) DO UPDATE SET
    received = c.received + excluded.received,
    created = c.created + excluded.created,
    attached = c.attached + excluded.attached,
    duplicate = c.duplicate + excluded.duplicate,
    not_feedback = c.not_feedback + excluded.not_feedback,
    quarantined = c.quarantined + excluded.quarantined
)sql"};

inline constexpr std::array all{
  lock_senders,      look_up,         find_settled,   find_idempotent, add_reporters,
  set_emails,        add_tickets,     update_tickets, add_sources,     add_identities,
  touch_identities,  relink_identity, add_messages,   add_attachments, add_deliveries,
  settle_deliveries, add_events,      add_idempotent, store_answers,   count_tickets,
  count_intake,
};

} // namespace hub::storage::statements
