-- People who report, and who they are on each channel.

CREATE TABLE reporters (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  name text NOT NULL DEFAULT '',
  email text,
  company text,
  role text,
  locale text,
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id)
);

-- One person per address; who writes from a known address is that person.
CREATE UNIQUE INDEX reporters_email ON reporters (workspace_id, lower(email))
  WHERE email IS NOT NULL;

CREATE TABLE reporter_identities (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  platform text NOT NULL,
  platform_user_id text NOT NULL,
  reporter_id uuid NOT NULL,
  display_name text NOT NULL DEFAULT '',
  -- When this identity last wrote: the start of WhatsApp's 24 h reply window.
  last_message_at timestamptz NOT NULL,
  -- The ticket its last message opened or joined: where the next one goes on channels without
  -- threads.
  last_ticket_id uuid,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, platform, platform_user_id),
  FOREIGN KEY (workspace_id, reporter_id) REFERENCES reporters (workspace_id, id),
  CHECK (platform IN ('slack', 'intercom', 'whatsapp', 'email', 'in_app', 'api'))
) WITH (fillfactor = 80); -- every message updates its row; room keeps those updates HOT

-- Re-pointing an identity to the person a later e-mail address names asks: has that person others?
CREATE INDEX reporter_identities_reporter ON reporter_identities (workspace_id, reporter_id);
