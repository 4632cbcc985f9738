-- Tenants. Every other table carries workspace_id, and foreign keys carry it too, so that a row can
-- never point into another workspace.

CREATE TABLE workspaces (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Ticket numbers count per workspace. A sequence, not a counter row: a counter's row lock would
-- make concurrent writers of one workspace wait for each other's commit.
CREATE FUNCTION ticket_number_sequence(workspace uuid) RETURNS text
  LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT 'ticket_number_' || replace(workspace::text, '-', '') $$;

CREATE FUNCTION create_ticket_number_sequence() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
  EXECUTE format('CREATE SEQUENCE %I', ticket_number_sequence(NEW.id));
  RETURN NULL;
END
$$;

CREATE TRIGGER workspaces_number_sequence AFTER INSERT ON workspaces
  FOR EACH ROW EXECUTE FUNCTION create_ticket_number_sequence();

INSERT INTO workspaces (id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'default');
