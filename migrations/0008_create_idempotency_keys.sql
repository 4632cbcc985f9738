-- Answers to mutations that carried an Idempotency-Key: the same key and body gets the same answer.

CREATE TABLE idempotency_keys (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  key text NOT NULL,
  request_hash bytea NOT NULL, -- SHA-256 of method, path and body
  ticket_id uuid NOT NULL, -- what the mutation made or changed
  status smallint NOT NULL,
  answer jsonb, -- null while the first answer is being written
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, key)
);

-- Keys expire after a day.
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
