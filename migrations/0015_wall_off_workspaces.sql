-- What belongs to a workspace is seen and written only by transactions that say they work for it:
-- row-level security, FORCEd, so that it holds for the tables' owner as well. A transaction says so
-- with the setting hub.workspaces, an array of ids that ends with it; without it nothing is there.

-- The workspaces this transaction works for; null for none.
CREATE FUNCTION hub_visible() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(nullif(current_setting('hub.workspaces', true), ''), '*')::uuid[] $$;

-- Whether it is the machinery's, which works for all of them. Tables say one by one what it may.
CREATE FUNCTION hub_sees_all() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT current_setting('hub.workspaces', true) IS NOT DISTINCT FROM '*' $$;

-- Walls a table off; every new one with a workspace_id must be. A function in a sub-select is called
-- once a statement, not once a row. IS TRUE keeps the condition from being one for an index: a
-- statement names its workspace itself, and a planner that sees a young table would rather read the
-- whole of a workspace than look for a key.
CREATE FUNCTION wall_off(walled regclass, key name DEFAULT 'workspace_id') RETURNS void
  LANGUAGE plpgsql AS
$$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', walled);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', walled);
  EXECUTE format('CREATE POLICY of_workspace ON %1$s '
                 'USING ((%2$I = ANY ((SELECT hub_visible())::uuid[])) IS TRUE) '
                 'WITH CHECK ((%2$I = ANY ((SELECT hub_visible())::uuid[])) IS TRUE)',
                 walled, key);
END
$$;

-- Lets the machinery do these of SELECT, INSERT, UPDATE and DELETE in all workspaces.
CREATE FUNCTION open_to_machinery(walled regclass, VARIADIC commands text[]) RETURNS void
  LANGUAGE plpgsql AS
$$
DECLARE
  command text;
BEGIN
  FOREACH command IN ARRAY commands LOOP
    EXECUTE format('CREATE POLICY %I ON %s FOR %s %s', 'machinery_' || lower(command), walled,
                   command,
                   CASE WHEN command = 'INSERT' THEN 'WITH CHECK ((SELECT hub_sees_all()))'
                        ELSE 'USING ((SELECT hub_sees_all()))' END);
  END LOOP;
END
$$;

-- Policies of a partitioned table hold for what goes through it. Its partitions are nobody's
-- directly: no role but their owner has rights on them, and the owner only as the machinery.
CREATE FUNCTION wall_off_partition(walled regclass) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', walled);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', walled);
  EXECUTE format('CREATE POLICY machinery ON %s USING ((SELECT hub_sees_all()))', walled);
END
$$;

SELECT wall_off('workspaces', 'id');
SELECT wall_off(c.oid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition AND a.attname = 'workspace_id' AND NOT a.attisdropped;
SELECT wall_off_partition(inhrelid) FROM pg_inherits
WHERE inhparent IN ('webhook_deliveries'::regclass, 'finished_jobs'::regclass);

-- Jobs are claimed, counted and buried whosever they are.
SELECT open_to_machinery('jobs', 'SELECT', 'UPDATE', 'DELETE');
SELECT open_to_machinery('finished_jobs', 'INSERT');
SELECT open_to_machinery('dead_letter_jobs', 'SELECT', 'INSERT', 'DELETE');
-- Who shows a token, or an email, does not say of which workspace.
SELECT open_to_machinery('workspaces', 'SELECT');
SELECT open_to_machinery('users', 'SELECT');
SELECT open_to_machinery('api_keys', 'SELECT');
SELECT open_to_machinery('sessions', 'SELECT', 'UPDATE', 'DELETE');
SELECT open_to_machinery('sign_in_links', 'SELECT', 'DELETE');
-- What is over is forgotten everywhere.
SELECT open_to_machinery('sign_in_attempts', 'SELECT', 'DELETE');
SELECT open_to_machinery('idempotency_keys', 'SELECT', 'DELETE');

-- Behind row-level security an index is only used by conditions that can tell nothing about rows
-- that are not seen. PostgreSQL knows this of =, and not of lower() or a text search.
ALTER TABLE reporters ADD COLUMN email_folded text GENERATED ALWAYS AS (lower(email)) STORED;
DROP INDEX reporters_email;
CREATE UNIQUE INDEX reporters_email ON reporters (workspace_id, email_folded)
  WHERE email_folded IS NOT NULL;

-- The tickets of a workspace that hold these words: as their owner, which is quick where that is a
-- role that row-level security does not hold, and right everywhere.
CREATE FUNCTION tickets_matching(workspace uuid, words text) RETURNS SETOF uuid
  LANGUAGE sql STABLE SECURITY DEFINER ROWS 1000 AS
$$
  SELECT id FROM tickets
  WHERE workspace_id = workspace AND workspace = ANY (hub_visible())
    AND to_tsvector('hub', left(title || ' ' || description, 20000))
        @@ websearch_to_tsquery('hub', words)
$$;

-- What needs an owner's rights at run time, the hub's serving role does through functions that run
-- as their owner.
ALTER FUNCTION create_ticket_number_sequence() SECURITY DEFINER;

-- Creates the partitions from the day before `today` up to `days` ahead; returns how many.
CREATE OR REPLACE FUNCTION ensure_delivery_partitions(today date, days int) RETURNS int
  LANGUAGE plpgsql SECURITY DEFINER AS
$$
DECLARE
  seen text := current_setting('hub.workspaces', true);
  day date;
  partition text;
  made int := 0;
BEGIN
  PERFORM set_config('hub.workspaces', '*', true);
  -- Two nodes may start at once.
  PERFORM pg_advisory_xact_lock(hashtext('ensure_delivery_partitions'));
  FOR offset_days IN -1 .. days LOOP
    day := today + offset_days;
    partition := 'webhook_deliveries_' || to_char(day, 'YYYYMMDD');
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    -- Rows of that day already in the default partition would make the new one impossible.
    CONTINUE WHEN EXISTS (SELECT FROM webhook_deliveries_default WHERE occurred_on = day);
    EXECUTE format('CREATE TABLE %I PARTITION OF webhook_deliveries FOR VALUES FROM (%L) TO (%L)',
                   partition, day, day + 1);
    PERFORM wall_off_partition(partition::regclass);
    made := made + 1;
  END LOOP;
  PERFORM set_config('hub.workspaces', coalesce(seen, ''), true);
  RETURN made;
END
$$;

-- Drops the partitions of days before `first_kept` that hold no quarantined delivery; returns how
-- many. The others go once theirs are replayed.
CREATE OR REPLACE FUNCTION drop_delivery_partitions(first_kept date) RETURNS int
  LANGUAGE plpgsql SECURITY DEFINER AS
$$
DECLARE
  seen text := current_setting('hub.workspaces', true);
  partition text;
  waits boolean;
  dropped int := 0;
BEGIN
  PERFORM set_config('hub.workspaces', '*', true);
  PERFORM pg_advisory_xact_lock(hashtext('ensure_delivery_partitions'));
  FOR partition IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'webhook_deliveries'::regclass
      AND c.relname ~ '^webhook_deliveries_[0-9]{8}$'
      AND to_date(right(c.relname, 8), 'YYYYMMDD') < first_kept
    ORDER BY c.relname
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE outcome = ''quarantined'')', partition)
      INTO waits;
    CONTINUE WHEN waits;
    -- Dropping takes this lock anyway; taken here, nothing can come in after the last look.
    LOCK TABLE ONLY webhook_deliveries IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE outcome = ''quarantined'')', partition)
      INTO waits;
    CONTINUE WHEN waits;
    EXECUTE format('DROP TABLE %I', partition);
    dropped := dropped + 1;
  END LOOP;
  DELETE FROM webhook_deliveries_default
    WHERE occurred_on < first_kept AND received_at < first_kept AND outcome <> 'quarantined';
  PERFORM set_config('hub.workspaces', coalesce(seen, ''), true);
  RETURN dropped;
END
$$;

-- Creates the partitions from the day before `today` up to `days` ahead; returns how many.
CREATE OR REPLACE FUNCTION ensure_job_partitions(today date, days int) RETURNS int
  LANGUAGE plpgsql SECURITY DEFINER AS
$$
DECLARE
  seen text := current_setting('hub.workspaces', true);
  day date;
  partition text;
  made int := 0;
BEGIN
  PERFORM set_config('hub.workspaces', '*', true);
  PERFORM pg_advisory_xact_lock(hashtext('ensure_job_partitions'));
  FOR offset_days IN -1 .. days LOOP
    day := today + offset_days;
    partition := 'finished_jobs_' || to_char(day, 'YYYYMMDD');
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    CONTINUE WHEN EXISTS (
      SELECT FROM finished_jobs_default
      WHERE finished_at >= day::timestamp AT TIME ZONE 'UTC'
        AND finished_at < (day + 1)::timestamp AT TIME ZONE 'UTC');
    EXECUTE format('CREATE TABLE %I PARTITION OF finished_jobs FOR VALUES FROM (%L) TO (%L)',
                   partition, day::timestamp AT TIME ZONE 'UTC',
                   (day + 1)::timestamp AT TIME ZONE 'UTC');
    PERFORM wall_off_partition(partition::regclass);
    made := made + 1;
  END LOOP;
  PERFORM set_config('hub.workspaces', coalesce(seen, ''), true);
  RETURN made;
END
$$;

-- Drops the partitions of days before `first_kept`; returns how many.
CREATE OR REPLACE FUNCTION drop_job_partitions(first_kept date) RETURNS int
  LANGUAGE plpgsql SECURITY DEFINER AS
$$
DECLARE
  seen text := current_setting('hub.workspaces', true);
  partition text;
  dropped int := 0;
BEGIN
  PERFORM set_config('hub.workspaces', '*', true);
  PERFORM pg_advisory_xact_lock(hashtext('ensure_job_partitions'));
  FOR partition IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'finished_jobs'::regclass
      AND c.relname ~ '^finished_jobs_[0-9]{8}$'
      AND to_date(right(c.relname, 8), 'YYYYMMDD') < first_kept
  LOOP
    EXECUTE format('DROP TABLE %I', partition);
    dropped := dropped + 1;
  END LOOP;
  DELETE FROM finished_jobs_default WHERE finished_at < first_kept;
  PERFORM set_config('hub.workspaces', coalesce(seen, ''), true);
  RETURN dropped;
END
$$;

-- Whoever calls a function that runs as its owner must not choose what its words mean.
DO $$
DECLARE
  definer regprocedure;
BEGIN
  FOR definer IN
    SELECT oid FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace AND prosecdef
      AND proowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', definer, current_schema());
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', definer);
  END LOOP;
END
$$;

-- Gives the role that serves what serving needs, of all that is there now, and nothing else: no
-- changes of what is append-only, no partitions, no TRUNCATE. Run by the owner after migrating.
CREATE FUNCTION let_serve(serving name) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  each record;
  definer regprocedure;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('let_serve'));
  IF NOT has_schema_privilege(serving, current_schema(), 'USAGE') THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), serving);
  END IF;
  FOR each IN
    SELECT c.oid::regclass AS walled, wanted.privileges AS privileges
    FROM pg_class c
    CROSS JOIN LATERAL (SELECT CASE
      WHEN c.relispartition THEN '{}'
      WHEN c.relname = 'schema_migrations' THEN '{SELECT}'
      WHEN c.relname = 'workspaces' THEN '{INSERT,SELECT,UPDATE}'
      WHEN EXISTS (SELECT FROM pg_trigger t
                   WHERE t.tgrelid = c.oid AND t.tgfoid = 'refuse_change'::regproc)
        THEN '{INSERT,SELECT}'
      ELSE '{DELETE,INSERT,SELECT,UPDATE}' END::text[] AS privileges) wanted
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
      AND wanted.privileges <> ARRAY(
        SELECT a.privilege_type::text FROM aclexplode(c.relacl) a
        WHERE a.grantee = (SELECT oid FROM pg_roles WHERE rolname = serving) ORDER BY 1)
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %I', each.walled, serving);
    IF each.privileges <> '{}' THEN
      EXECUTE format('GRANT %s ON %s TO %I', array_to_string(each.privileges, ', '), each.walled,
                     serving);
    END IF;
  END LOOP;
  -- The numbers of tickets, of the workspaces there are and of those to come.
  FOR each IN
    SELECT c.oid::regclass AS counting FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace
      AND starts_with(c.relname, 'ticket_number_')
      AND CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(serving, c.oid, 'USAGE') END
  LOOP
    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %I', each.counting, serving);
  END LOOP;
  EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE ON SEQUENCES TO %I',
                 current_schema(), serving);
  FOR definer IN
    SELECT oid FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace AND prosecdef
      AND prorettype <> 'trigger'::regtype AND NOT has_function_privilege(serving, oid, 'EXECUTE')
  LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', definer, serving);
  END LOOP;
END
$$;
