-- What a workspace sets for itself. A key that has no row is set by the hub, or not at all.

CREATE TABLE settings (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  key text NOT NULL CHECK (key ~ '^[a-z0-9_]+(\.[a-z0-9_]+)+$' AND length(key) <= 64),
  value text CHECK (length(value) <= 4096), -- as one would write it in the settings file
  value_sealed bytea, -- of a secret, bound to workspace and key
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, key),
  CHECK ((value IS NULL) <> (value_sealed IS NULL))
);
SELECT wall_off('settings');
-- Hubs keep them in memory, of all workspaces.
SELECT open_to_machinery('settings', 'SELECT');

CREATE TRIGGER settings_noted BEFORE INSERT OR UPDATE OR DELETE ON settings
  FOR EACH STATEMENT EXECUTE FUNCTION note_workspace_facts();
