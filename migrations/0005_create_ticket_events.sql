-- Append-only history. seq orders the live stream and the timeline.

CREATE TABLE ticket_events (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  ticket_id uuid NOT NULL,
  event_type text NOT NULL,
  actor_type text NOT NULL,
  actor_id text,
  data jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  FOREIGN KEY (workspace_id, ticket_id) REFERENCES tickets (workspace_id, id),
  CHECK (actor_type IN ('user', 'system', 'notion_sync', 'ai'))
);

CREATE INDEX ticket_events_ticket ON ticket_events (workspace_id, ticket_id, seq DESC);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER ticket_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ticket_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
