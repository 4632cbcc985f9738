-- Until when a provider wants to be left alone, as any node heard it.
CREATE TABLE provider_cooldowns (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  provider text NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, provider)
);

SELECT wall_off('provider_cooldowns');
