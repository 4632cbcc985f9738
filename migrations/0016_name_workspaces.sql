-- A workspace is called by its name, in any letters' case. Rows that somebody has made by hand may
-- share one: the older keeps it.
UPDATE workspaces w SET name = w.name || ' ' || w.id
WHERE EXISTS (SELECT FROM workspaces o
              WHERE lower(o.name) = lower(w.name) AND (o.created_at, o.id) < (w.created_at, w.id));
CREATE UNIQUE INDEX workspaces_name ON workspaces (lower(name));

-- Who signs in says an email, and not of which workspace.
CREATE INDEX users_email ON users (email);
