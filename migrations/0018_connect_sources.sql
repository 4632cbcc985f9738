-- Which workspace an account of a provider belongs to: by it, webhooks find their workspace.

CREATE TABLE workspace_sources (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  platform text NOT NULL CHECK (platform IN ('slack', 'intercom', 'whatsapp')),
  account text NOT NULL CHECK (account ~ '^[A-Za-z0-9_.-]{1,64}$'),
  connected_at timestamptz NOT NULL,
  -- Rows stay: what an account sent before it changed hands may lie in the earlier workspace.
  disconnected_at timestamptz,
  PRIMARY KEY (workspace_id, platform, account)
);
SELECT wall_off('workspace_sources');
-- Whose an account is, is asked before a workspace is known.
SELECT open_to_machinery('workspace_sources', 'SELECT');

-- An account belongs to one workspace at a time, over the whole hub.
CREATE UNIQUE INDEX workspace_sources_owner ON workspace_sources (platform, account)
  WHERE disconnected_at IS NULL;

-- Counts the changes of what hubs keep in memory of their workspaces: they read it again when this
-- has moved. One row, so that changes are numbered in the order of their commits; by the clock, so
-- that a number which a failover lost is not given to another change.
CREATE TABLE workspace_facts_version (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version bigint NOT NULL
);
INSERT INTO workspace_facts_version (version)
  VALUES ((extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

CREATE FUNCTION note_workspace_facts() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
  UPDATE workspace_facts_version
    SET version = greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
  RETURN NULL;
END
$$;

-- Before the rows: whoever changes several of them locks the version first, as all others do.
CREATE TRIGGER workspace_sources_noted BEFORE INSERT OR UPDATE OR DELETE ON workspace_sources
  FOR EACH STATEMENT EXECUTE FUNCTION note_workspace_facts();
