-- The highest number that was handed out to an event, committed or not, of whichever workspace. Whoever
-- follows the live stream waits until all up to it have ended. The serving role has no rights on the
-- sequence itself, and inserting needs none.
CREATE FUNCTION last_event_number() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER AS
$$
  SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM ticket_events_seq_seq
$$;

DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION last_event_number() SET search_path = %I, pg_temp', current_schema());
END
$$;
REVOKE EXECUTE ON FUNCTION last_event_number() FROM PUBLIC;
