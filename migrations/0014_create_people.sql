-- Who may enter: people, their sessions and links, programs' keys, and the record of what they did.
-- Nothing here lets anybody in by being read: of every token only a hash is kept.

CREATE TABLE users (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  email text NOT NULL CHECK (email = lower(email)),
  name text NOT NULL DEFAULT '',
  role text NOT NULL CHECK (role IN ('viewer', 'agent', 'admin', 'owner')),
  reads_pii boolean NOT NULL DEFAULT false, -- beside the role: sees what scrubbing took out
  password_hash text, -- Argon2id in its own notation; null until one is chosen
  disabled_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, email)
);

-- Opened once, before it expires, a link signs its person in.
CREATE TABLE sign_in_links (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  token_hash bytea NOT NULL UNIQUE, -- SHA-256: the token itself is 256 random bits
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX sign_in_links_expiry ON sign_in_links (expires_at);
CREATE INDEX sign_in_links_user ON sign_in_links (workspace_id, user_id);

CREATE TABLE sessions (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  token_hash bytea NOT NULL UNIQUE, -- SHA-256
  address text NOT NULL,
  user_agent text NOT NULL,
  by_link boolean NOT NULL, -- for a while, lets a new password be set without the old one
  created_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL, -- to a few minutes
  expires_at timestamptz NOT NULL, -- whatever happens
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX sessions_user ON sessions (workspace_id, user_id);

-- Attempts with a password that were not followed by a right one, by whom they say they are, known
-- or not, and from where: others elsewhere cannot keep somebody out.
CREATE TABLE sign_in_attempts (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  email_hash bytea NOT NULL, -- SHA-256
  address text NOT NULL,
  failed int NOT NULL,
  last_at timestamptz NOT NULL,
  locked_until timestamptz,
  PRIMARY KEY (workspace_id, email_hash, address)
);
CREATE INDEX sign_in_attempts_age ON sign_in_attempts (last_at);

CREATE TABLE api_keys (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  name text NOT NULL,
  prefix text NOT NULL UNIQUE, -- the part that is shown, and finds the row
  secret_hash text NOT NULL, -- Argon2id
  scopes text[] NOT NULL,
  created_by uuid, -- null: the command line
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  last_used_at timestamptz, -- to a minute
  revoked_at timestamptz,
  PRIMARY KEY (workspace_id, id)
);

-- Who did what, from where. Rows are added and never changed.
CREATE TABLE audit_log (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  actor_type text NOT NULL CHECK (actor_type IN ('user', 'api_key', 'command_line', 'nobody')),
  actor_id uuid, -- null for command_line and nobody
  actor text NOT NULL, -- an email or a key's name, as it was
  action text NOT NULL, -- past participle: api_key_revoked
  target text NOT NULL, -- what it was done to: an id, a job class
  before jsonb,
  after jsonb,
  address text NOT NULL, -- '' for the command line
  request_id text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id)
);

CREATE INDEX audit_log_by_action ON audit_log (workspace_id, action, id);
CREATE INDEX audit_log_by_actor ON audit_log (workspace_id, actor_id, id)
  WHERE actor_id IS NOT NULL;

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

INSERT INTO audit_log (workspace_id, id, actor_type, actor, action, target, after, address,
                       request_id, created_at)
SELECT workspace_id, id, 'nobody', '', action, target, data, '', '', created_at
FROM operator_actions;
DROP TABLE operator_actions;
