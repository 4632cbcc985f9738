-- Addresses of webhooks that nobody can guess: what comes in there is this workspace's, and is signed
-- with its own secret.

CREATE TABLE webhook_paths (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  platform text NOT NULL CHECK (platform IN ('slack', 'intercom', 'whatsapp')),
  -- SHA-256: the secret itself is 256 random bits, shown once.
  secret_hash bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id)
);
SELECT wall_off('webhook_paths');
-- Whose an address is, is asked before a workspace is known.
SELECT open_to_machinery('webhook_paths', 'SELECT');

CREATE TRIGGER webhook_paths_noted BEFORE INSERT OR UPDATE OR DELETE ON webhook_paths
  FOR EACH STATEMENT EXECUTE FUNCTION note_workspace_facts();
