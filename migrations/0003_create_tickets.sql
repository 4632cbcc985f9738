-- The canonical entity: one row per problem somebody reported. Text columns hold scrubbed text.

CREATE EXTENSION IF NOT EXISTS unaccent;

-- Words as they are, without accents: English and Spanish reports are found by their own words.
CREATE TEXT SEARCH CONFIGURATION hub (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION hub
  ALTER MAPPING FOR hword, hword_part, word WITH unaccent, simple;

CREATE TABLE tickets (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  number bigint NOT NULL,
  title text NOT NULL,
  description text NOT NULL,
  ticket_type text NOT NULL,
  priority smallint NOT NULL,
  status text NOT NULL DEFAULT 'open',
  original_channel text NOT NULL,
  reporter_id uuid,
  assignee_id uuid,
  ticket_group_id uuid,
  enrichment_status text NOT NULL DEFAULT 'pending',
  ai_suggested_type text,
  ai_suggested_priority smallint,
  ai_summary text,
  notion_page_id text,
  notion_url text,
  tags text[] NOT NULL DEFAULT '{}',
  metadata jsonb NOT NULL DEFAULT '{}',
  pii_redacted_types text[] NOT NULL DEFAULT '{}',
  version bigint NOT NULL DEFAULT 1,
  resolved_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, reporter_id) REFERENCES reporters (workspace_id, id),
  CHECK (ticket_type IN ('bug', 'feature_request', 'question', 'incident')),
  CHECK (priority BETWEEN 0 AND 5),
  CHECK (status IN ('open', 'in_progress', 'resolved', 'closed')),
  CHECK (original_channel IN ('slack', 'intercom', 'whatsapp', 'email', 'in_app', 'api')),
  CHECK (enrichment_status IN ('pending', 'completed', 'failed')),
  CHECK (ai_suggested_type IN ('bug', 'feature_request', 'question', 'incident')),
  CHECK (ai_suggested_priority BETWEEN 0 AND 5)
);

-- "Ticket 42".
CREATE UNIQUE INDEX tickets_number ON tickets (workspace_id, number);
-- The list, newest first; each filter of the contract has the same order behind its value.
CREATE INDEX tickets_created ON tickets (workspace_id, created_at DESC, id DESC);
CREATE INDEX tickets_status ON tickets (workspace_id, status, created_at DESC, id DESC);
CREATE INDEX tickets_priority ON tickets (workspace_id, priority, created_at DESC, id DESC);
CREATE INDEX tickets_channel ON tickets (workspace_id, original_channel, created_at DESC, id DESC);
CREATE INDEX tickets_type ON tickets (workspace_id, ticket_type, created_at DESC, id DESC);
-- A person's tickets.
CREATE INDEX tickets_reporter ON tickets (workspace_id, reporter_id, created_at DESC);
-- A group's members and an agent's queue; most tickets are in neither.
CREATE INDEX tickets_group ON tickets (workspace_id, ticket_group_id)
  WHERE ticket_group_id IS NOT NULL;
CREATE INDEX tickets_assignee ON tickets (workspace_id, assignee_id, created_at DESC, id DESC)
  WHERE assignee_id IS NOT NULL;
-- One page per ticket, one ticket per page.
CREATE UNIQUE INDEX tickets_notion_page ON tickets (workspace_id, notion_page_id)
  WHERE notion_page_id IS NOT NULL;
-- Full text. The cut keeps a tsvector below PostgreSQL's limit of 1 MB.
CREATE INDEX tickets_search ON tickets
  USING gin (to_tsvector('hub', left(title || ' ' || description, 20000)));
