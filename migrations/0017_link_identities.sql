-- Who is who at the identity provider (OpenID Connect), and sign-ins on their way there and back.

-- The provider's name for somebody here. Emails change hands; this does not.
CREATE TABLE user_identities (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  issuer text NOT NULL,
  subject text NOT NULL,
  linked_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL, -- the last sign-in
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, user_id) REFERENCES users ON DELETE CASCADE,
  UNIQUE (workspace_id, issuer, subject),
  -- Another account with the same email is another person, until somebody says otherwise.
  UNIQUE (workspace_id, user_id, issuer)
);
CREATE INDEX user_identities_subject ON user_identities (issuer, subject, last_used_at);
SELECT wall_off('user_identities');
-- Who comes from the provider does not say of which workspace.
SELECT open_to_machinery('user_identities', 'SELECT');

-- A browser that was sent to the provider. Used once, by that browser: it holds the secret that the
-- nonce and the code verifier are made of, so nothing here lets anybody in.
CREATE TABLE oidc_attempts (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  state_hash bytea NOT NULL UNIQUE, -- SHA-256
  browser_hash bytea NOT NULL, -- SHA-256
  redirect_uri text NOT NULL,
  return_to text NOT NULL, -- a path of the hub
  named text, -- the workspace that was asked for, in whatever words
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX oidc_attempts_expiry ON oidc_attempts (expires_at);
SELECT wall_off('oidc_attempts');
SELECT open_to_machinery('oidc_attempts', 'SELECT', 'DELETE');

-- Programs that come with a token of the provider's, and are nobody here.
ALTER TABLE audit_log DROP CONSTRAINT audit_log_actor_type_check;
ALTER TABLE audit_log ADD CONSTRAINT audit_log_actor_type_check
  CHECK (actor_type IN ('user', 'api_key', 'client', 'command_line', 'nobody'));
