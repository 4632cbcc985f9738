-- Work that follows from a committed change, written in the same transaction. A row lives here only
-- until the work is done: whatever is finished leaves, so that claiming never gets slower.

CREATE TABLE jobs (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid PRIMARY KEY,
  kind text NOT NULL, -- the job class
  dedup_key text, -- at most one unfinished job of a kind has it
  args jsonb NOT NULL, -- ids and choices
  run_at timestamptz NOT NULL,
  attempts smallint NOT NULL DEFAULT 0,
  crashes smallint NOT NULL DEFAULT 0, -- attempts that nobody lived to report
  claim_id uuid, -- set while an attempt runs; only its holder may settle the job
  lease_until timestamptz, -- after which the claim is free again
  sending_since timestamptz, -- the attempt has begun to change something outside
  rerun boolean NOT NULL DEFAULT false, -- caused once more while it ran
  history jsonb NOT NULL DEFAULT '[]', -- failed attempts, oldest first
  last_error text,
  created_at timestamptz NOT NULL,
  CHECK ((claim_id IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);

-- Due jobs of a kind, oldest first.
CREATE INDEX jobs_due ON jobs (kind, run_at, id) WHERE claim_id IS NULL;
-- Claims that have run out.
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE claim_id IS NOT NULL;
CREATE UNIQUE INDEX jobs_dedup ON jobs (workspace_id, kind, dedup_key)
  WHERE dedup_key IS NOT NULL;

-- What was done; without the arguments. One partition a day, dropped when it is old.
CREATE TABLE finished_jobs (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL,
  attempts smallint NOT NULL,
  created_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL
) PARTITION BY RANGE (finished_at);

CREATE TABLE finished_jobs_default PARTITION OF finished_jobs DEFAULT;

-- Creates the partitions from the day before `today` up to `days` ahead; returns how many.
CREATE FUNCTION ensure_job_partitions(today date, days int) RETURNS int LANGUAGE plpgsql AS
$$
DECLARE
  day date;
  partition text;
  made int := 0;
BEGIN
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
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;

-- Drops the partitions of days before `first_kept`; returns how many.
CREATE FUNCTION drop_job_partitions(first_kept date) RETURNS int LANGUAGE plpgsql AS
$$
DECLARE
  partition text;
  dropped int := 0;
BEGIN
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
  RETURN dropped;
END
$$;
