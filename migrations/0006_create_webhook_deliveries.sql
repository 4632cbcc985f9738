-- The intake ledger: one row per authentic delivery. Partitioned by the provider's own date of the
-- event, which a replay repeats, so that the key is unique across all partitions although
-- PostgreSQL only checks it inside one; retention drops whole partitions.

CREATE TABLE webhook_deliveries (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  platform text NOT NULL,
  external_id text NOT NULL,
  occurred_on date NOT NULL,
  id uuid NOT NULL,
  outcome text NOT NULL,
  error text,
  content_type text NOT NULL DEFAULT '',
  payload_sealed bytea NOT NULL,
  ticket_id uuid,
  message_id uuid,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, platform, external_id, occurred_on),
  CHECK (outcome IN ('created', 'attached', 'duplicate', 'not_feedback', 'quarantined'))
) PARTITION BY RANGE (occurred_on);

CREATE TABLE webhook_deliveries_default PARTITION OF webhook_deliveries DEFAULT;

-- The operators' list, newest first (ids sort by time), and one delivery by its id.
CREATE INDEX webhook_deliveries_id ON webhook_deliveries (workspace_id, id DESC);
-- What waits for a fix and a replay; rare.
CREATE INDEX webhook_deliveries_quarantined ON webhook_deliveries (workspace_id, id DESC)
  WHERE outcome = 'quarantined';

-- Creates the partitions from the day before `today` up to `days` ahead; returns how many.
CREATE FUNCTION ensure_delivery_partitions(today date, days int) RETURNS int
  LANGUAGE plpgsql AS
$$
DECLARE
  day date;
  partition text;
  made int := 0;
BEGIN
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
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;

-- Drops the partitions of days before `first_kept`; returns how many.
CREATE FUNCTION drop_delivery_partitions(first_kept date) RETURNS int LANGUAGE plpgsql AS
$$
DECLARE
  partition text;
  dropped int := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('ensure_delivery_partitions'));
  FOR partition IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'webhook_deliveries'::regclass
      AND c.relname ~ '^webhook_deliveries_[0-9]{8}$'
      AND to_date(right(c.relname, 8), 'YYYYMMDD') < first_kept
  LOOP
    EXECUTE format('DROP TABLE %I', partition);
    dropped := dropped + 1;
  END LOOP;
  DELETE FROM webhook_deliveries_default
    WHERE occurred_on < first_kept AND received_at < first_kept;
  RETURN dropped;
END
$$;
