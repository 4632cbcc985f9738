-- Where tickets come from and what was said in them.

-- The thread a ticket was opened by. The primary key is what makes "one thread, one ticket" true.
CREATE TABLE ticket_sources (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  platform text NOT NULL,
  external_id text NOT NULL,
  ticket_id uuid NOT NULL,
  external_url text,
  delivery_id uuid, -- the delivery that opened it; its payload may have been dropped by retention
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, platform, external_id),
  FOREIGN KEY (workspace_id, ticket_id) REFERENCES tickets (workspace_id, id)
);

CREATE INDEX ticket_sources_ticket ON ticket_sources (workspace_id, ticket_id);

CREATE TABLE ticket_messages (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  ticket_id uuid NOT NULL,
  platform text NOT NULL,
  external_id text, -- null for what was not said on a channel
  direction text NOT NULL,
  author text NOT NULL DEFAULT '',
  body text NOT NULL, -- scrubbed
  body_sealed bytea, -- the original, where scrubbing changed it
  pii_redacted_types text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, ticket_id) REFERENCES tickets (workspace_id, id),
  CHECK (direction IN ('inbound', 'outbound', 'note'))
);

-- The same message under two delivery ids is one message; a quote finds what it quotes.
CREATE UNIQUE INDEX ticket_messages_external
  ON ticket_messages (workspace_id, platform, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX ticket_messages_ticket ON ticket_messages (workspace_id, ticket_id, created_at, id);

CREATE TABLE attachments (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  ticket_id uuid NOT NULL,
  message_id uuid,
  source_platform text NOT NULL,
  external_id text,
  file_name text NOT NULL DEFAULT '',
  file_type text NOT NULL DEFAULT '',
  file_size bigint,
  sha256 bytea,
  source_url text,
  storage_url text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, ticket_id) REFERENCES tickets (workspace_id, id)
);

CREATE INDEX attachments_ticket ON attachments (workspace_id, ticket_id);
