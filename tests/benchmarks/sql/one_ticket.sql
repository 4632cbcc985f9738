-- Question: what does PostgreSQL reach when every ticket is a transaction of its own?
-- The rows of one new Slack ticket as the hub writes them; 5,000 people, as in the hub's load.
\set person random(1, 5000)
\set priority random(0, 5)
SELECT gen_random_uuid() AS ticket, gen_random_uuid() AS message, gen_random_uuid() AS delivery,
       md5(random()::text) AS unique_text \gset
BEGIN;
INSERT INTO reporters (workspace_id, id, name, created_at)
  VALUES ('00000000-0000-7000-8000-000000000001', md5(:person::int::text)::uuid, 'Somebody', now())
  ON CONFLICT DO NOTHING;
INSERT INTO tickets (workspace_id, id, number, title, description, ticket_type, priority,
                     original_channel, reporter_id, tags, metadata, pii_redacted_types, created_at,
                     updated_at)
  VALUES ('00000000-0000-7000-8000-000000000001', :ticket::uuid,
          nextval(ticket_number_sequence('00000000-0000-7000-8000-000000000001')::regclass),
          'Checkout crashes with a 500 error when I apply a coupon.',
          'Checkout crashes with a 500 error when I apply a coupon. ' || :unique_text::text, 'bug',
          :priority::smallint, 'slack', md5(:person::int::text)::uuid, '{}', '{"channel":"C024BE91L"}', '{}',
          now(), now());
INSERT INTO ticket_sources (workspace_id, platform, external_id, ticket_id, external_url,
                            delivery_id, created_at)
  VALUES ('00000000-0000-7000-8000-000000000001', 'slack', 'T0SAMPLE/C024BE91L/' || :unique_text::text,
          :ticket::uuid, 'https://app.slack.com/client/T0SAMPLE/C024BE91L/p' || :unique_text::text,
          :delivery::uuid, now());
INSERT INTO reporter_identities AS r (workspace_id, platform, platform_user_id, reporter_id,
                                      display_name, last_message_at, last_ticket_id, created_at)
  VALUES ('00000000-0000-7000-8000-000000000001', 'slack', 'T0SAMPLE/U' || :person::int,
          md5(:person::int::text)::uuid, '', now(), :ticket::uuid, now())
  ON CONFLICT (workspace_id, platform, platform_user_id)
  DO UPDATE SET last_message_at = excluded.last_message_at, last_ticket_id = excluded.last_ticket_id;
INSERT INTO ticket_messages (workspace_id, id, ticket_id, platform, external_id, direction, author,
                             body, pii_redacted_types, created_at)
  VALUES ('00000000-0000-7000-8000-000000000001', :message::uuid, :ticket::uuid, 'slack',
          'T0SAMPLE/C024BE91L/' || :unique_text::text, 'inbound', 'T0SAMPLE/U' || :person::int,
          'Checkout crashes with a 500 error when I apply a coupon. ' || :unique_text::text, '{}',
          now());
INSERT INTO webhook_deliveries (workspace_id, platform, external_id, occurred_on, id, outcome,
                                content_type, payload_sealed, ticket_id, message_id, received_at)
  VALUES ('00000000-0000-7000-8000-000000000001', 'slack', 'Ev' || :unique_text::text, current_date,
          :delivery::uuid, 'created', 'application/json',
          decode(repeat(:unique_text::text, 24), 'hex'), :ticket::uuid, :message::uuid, now());
INSERT INTO ticket_events (workspace_id, id, ticket_id, event_type, actor_type, data, created_at)
  VALUES ('00000000-0000-7000-8000-000000000001', gen_random_uuid(), :ticket::uuid, 'created', 'system',
          '{"channel":"slack"}', now());
INSERT INTO ticket_counters AS c (workspace_id, status, original_channel, priority, ticket_type,
                                  slot, n)
  VALUES ('00000000-0000-7000-8000-000000000001', 'open', 'slack', :priority::smallint, 'bug', :client_id::smallint, 1)
  ON CONFLICT (workspace_id, status, original_channel, priority, ticket_type, slot)
  DO UPDATE SET n = c.n + 1;
INSERT INTO intake_counters AS c (workspace_id, platform, day, slot, received, created)
  VALUES ('00000000-0000-7000-8000-000000000001', 'slack', current_date, :client_id::smallint, 1, 1)
  ON CONFLICT (workspace_id, platform, day, slot)
  DO UPDATE SET received = c.received + 1, created = c.created + 1;
COMMIT;
