-- Question: what does PostgreSQL reach with nothing else running, 100 tickets a transaction?
BEGIN;
CREATE TEMP TABLE IF NOT EXISTS batch (ticket uuid, message uuid, delivery uuid, unique_text text,
                                       person int, priority int) ON COMMIT DELETE ROWS;
INSERT INTO batch SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
                         md5(random()::text), 1 + random() * 4999, random() * 5
  FROM generate_series(1, 100);
INSERT INTO reporters (workspace_id, id, name, created_at)
  SELECT DISTINCT '00000000-0000-7000-8000-000000000001'::uuid, md5(person::text)::uuid, 'Somebody',
         now() FROM batch
  ON CONFLICT DO NOTHING;
INSERT INTO tickets (workspace_id, id, number, title, description, ticket_type, priority,
                     original_channel, reporter_id, tags, metadata, pii_redacted_types, created_at,
                     updated_at)
  SELECT '00000000-0000-7000-8000-000000000001', ticket,
         nextval(ticket_number_sequence('00000000-0000-7000-8000-000000000001')::regclass),
         'Checkout crashes with a 500 error when I apply a coupon.',
         'Checkout crashes with a 500 error when I apply a coupon. ' || unique_text, 'bug', priority,
         'slack', md5(person::text)::uuid, '{}', '{"channel":"C024BE91L"}', '{}', now(), now()
  FROM batch;
INSERT INTO ticket_sources (workspace_id, platform, external_id, ticket_id, external_url,
                            delivery_id, created_at)
  SELECT '00000000-0000-7000-8000-000000000001', 'slack', 'T0SAMPLE/C024BE91L/' || unique_text,
         ticket, 'https://app.slack.com/client/T0SAMPLE/C024BE91L/p' || unique_text, delivery, now()
  FROM batch;
INSERT INTO reporter_identities AS r (workspace_id, platform, platform_user_id, reporter_id,
                                      display_name, last_message_at, last_ticket_id, created_at)
  SELECT DISTINCT ON (person) '00000000-0000-7000-8000-000000000001'::uuid, 'slack',
         'T0SAMPLE/U' || person, md5(person::text)::uuid, '', now(), ticket, now()
  FROM batch ORDER BY person
  ON CONFLICT (workspace_id, platform, platform_user_id)
  DO UPDATE SET last_message_at = excluded.last_message_at, last_ticket_id = excluded.last_ticket_id;
INSERT INTO ticket_messages (workspace_id, id, ticket_id, platform, external_id, direction, author,
                             body, pii_redacted_types, created_at)
  SELECT '00000000-0000-7000-8000-000000000001', message, ticket, 'slack',
         'T0SAMPLE/C024BE91L/' || unique_text, 'inbound', 'T0SAMPLE/U' || person,
         'Checkout crashes with a 500 error when I apply a coupon. ' || unique_text, '{}', now()
  FROM batch;
INSERT INTO webhook_deliveries (workspace_id, platform, external_id, occurred_on, id, outcome,
                                content_type, payload_sealed, ticket_id, message_id, received_at)
  SELECT '00000000-0000-7000-8000-000000000001', 'slack', 'Ev' || unique_text, current_date,
         delivery, 'created', 'application/json', decode(repeat(unique_text, 24), 'hex'), ticket,
         message, now()
  FROM batch;
INSERT INTO ticket_events (workspace_id, id, ticket_id, event_type, actor_type, data, created_at)
  SELECT '00000000-0000-7000-8000-000000000001', gen_random_uuid(), ticket, 'created', 'system',
         '{"channel":"slack"}', now()
  FROM batch;
INSERT INTO ticket_counters AS c (workspace_id, status, original_channel, priority, ticket_type,
                                  slot, n)
  SELECT '00000000-0000-7000-8000-000000000001', 'open', 'slack', priority, 'bug', :client_id,
         count(*)
  FROM batch GROUP BY priority
  ON CONFLICT (workspace_id, status, original_channel, priority, ticket_type, slot)
  DO UPDATE SET n = c.n + excluded.n;
INSERT INTO intake_counters AS c (workspace_id, platform, day, slot, received, created)
  VALUES ('00000000-0000-7000-8000-000000000001', 'slack', current_date, :client_id, 100, 100)
  ON CONFLICT (workspace_id, platform, day, slot)
  DO UPDATE SET received = c.received + 100, created = c.created + 100;
COMMIT;
