-- Totals that lists and the ledger show without counting rows. Kept in the transaction of the rows
-- they count. slot is the writer that adds: concurrent writers never wait for one another's rows,
-- and readers sum over slots.

CREATE TABLE ticket_counters (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  status text NOT NULL,
  original_channel text NOT NULL,
  priority smallint NOT NULL,
  ticket_type text NOT NULL,
  slot smallint NOT NULL,
  n bigint NOT NULL, -- may be negative in one slot; the sum over slots never is
  PRIMARY KEY (workspace_id, status, original_channel, priority, ticket_type, slot)
) WITH (fillfactor = 50);

-- received = created + attached + duplicate + not_feedback + quarantined, always.
CREATE TABLE intake_counters (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  platform text NOT NULL,
  day date NOT NULL, -- of receipt, UTC
  slot smallint NOT NULL,
  received bigint NOT NULL DEFAULT 0,
  created bigint NOT NULL DEFAULT 0,
  attached bigint NOT NULL DEFAULT 0,
  duplicate bigint NOT NULL DEFAULT 0,
  not_feedback bigint NOT NULL DEFAULT 0,
  quarantined bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace_id, platform, day, slot)
) WITH (fillfactor = 50);
