-- What waits in quarantine is not past retention: it was acknowledged, and nobody has read it yet.

-- Drops the partitions of days before `first_kept` that hold no quarantined delivery; returns how
-- many. The others go once theirs are replayed.
CREATE OR REPLACE FUNCTION drop_delivery_partitions(first_kept date) RETURNS int LANGUAGE plpgsql AS
$$
DECLARE
  partition text;
  waits boolean;
  dropped int := 0;
BEGIN
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
  RETURN dropped;
END
$$;
