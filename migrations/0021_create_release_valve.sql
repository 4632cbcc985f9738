-- From "resolved" to "we told them": what is to be said, who approved it, and what became of it at
-- each person who reported.

-- Who or what resolved a ticket: many by one cause at a time make their notifications wait.
ALTER TABLE tickets ADD COLUMN resolution_cause text;
CREATE INDEX tickets_resolutions ON tickets (workspace_id, resolution_cause, resolved_at)
  WHERE resolution_cause IS NOT NULL;

-- What is to be said about a resolved ticket. One draft at a time; what is approved never changes.
CREATE TABLE changelog_entries (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  ticket_id uuid NOT NULL,
  content text NOT NULL, -- scrubbed
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'approved')),
  version bigint NOT NULL DEFAULT 1, -- +1 with each edit: who approves says which one they saw
  ai_model text, -- null: a person wrote it
  ai_prompt_tokens bigint,
  ai_completion_tokens bigint,
  ai_latency_ms bigint,
  -- The newest message of the reporter that the draft could know of.
  seen_until timestamptz NOT NULL,
  approved_by text, -- as shown: an email, a key's name
  approved_by_id uuid,
  approved_at timestamptz,
  taken_back_at timestamptz, -- before anything of it was sent
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, id, status), -- what a notification points to
  FOREIGN KEY (workspace_id, ticket_id) REFERENCES tickets (workspace_id, id),
  CHECK ((status = 'approved') = (approved_by IS NOT NULL AND approved_at IS NOT NULL)),
  CHECK (taken_back_at IS NULL OR status = 'approved')
);

CREATE UNIQUE INDEX changelog_entries_draft ON changelog_entries (workspace_id, ticket_id)
  WHERE status = 'draft';
CREATE INDEX changelog_entries_ticket ON changelog_entries (workspace_id, ticket_id, id DESC);
CREATE INDEX changelog_entries_status ON changelog_entries (workspace_id, status, id DESC);

CREATE FUNCTION refuse_change_of_approved() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
  IF OLD.status = 'approved'
     AND (TG_OP = 'DELETE' OR OLD.taken_back_at IS NOT NULL
          OR to_jsonb(NEW) - 'taken_back_at' <> to_jsonb(OLD) - 'taken_back_at') THEN
    RAISE EXCEPTION 'what was approved stays as it was' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;

CREATE TRIGGER changelog_entries_approved BEFORE UPDATE OR DELETE ON changelog_entries
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_approved();

-- One message to one person on one channel. A row can only point to an approved entry, so nothing is
-- sent that nobody approved, whatever the code does.
CREATE TABLE notifications (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  job_id uuid NOT NULL, -- of the job that sends it, which providers are told; at first its own id
  ticket_id uuid NOT NULL,
  changelog_entry_id uuid NOT NULL,
  entry_status text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
  channel text NOT NULL,
  platform_user_id text NOT NULL, -- of the reporter's identity
  thread_id text NOT NULL,        -- the conversation it answers in; '' for none
  status text NOT NULL DEFAULT 'pending',
  content text NOT NULL, -- as it is sent on this channel
  provider_message_id text,
  use_template boolean NOT NULL DEFAULT false, -- WhatsApp: free text was refused
  retry_count integer NOT NULL DEFAULT 0,
  last_error text,
  send_at timestamptz NOT NULL, -- after the time to take it back
  begun_at timestamptz,         -- may have been sent since then
  sent_at timestamptz,
  delivered_at timestamptz,
  read_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, ticket_id) REFERENCES tickets (workspace_id, id),
  FOREIGN KEY (workspace_id, changelog_entry_id, entry_status)
    REFERENCES changelog_entries (workspace_id, id, status),
  FOREIGN KEY (workspace_id, channel, platform_user_id)
    REFERENCES reporter_identities (workspace_id, platform, platform_user_id),
  CHECK (status IN ('pending', 'pending_batch_review', 'sent', 'delivered', 'failed',
                    'permanently_failed', 'channel_restricted', 'rejected', 'uncertain')),
  CHECK (status NOT IN ('sent', 'delivered') OR sent_at IS NOT NULL)
);

-- Never twice: one person hears of one approval once on one channel.
CREATE UNIQUE INDEX notifications_once
  ON notifications (workspace_id, changelog_entry_id, channel, platform_user_id);
CREATE INDEX notifications_ticket ON notifications (workspace_id, ticket_id, id DESC);
CREATE INDEX notifications_status ON notifications (workspace_id, status, id DESC);
CREATE INDEX notifications_channel ON notifications (workspace_id, channel, id DESC);
CREATE INDEX notifications_channel_status
  ON notifications (workspace_id, channel, status, id DESC);
-- What its job does shows.
CREATE UNIQUE INDEX notifications_job ON notifications (workspace_id, job_id);
-- WhatsApp says later what became of a message, by its own id for it. Other channels' ids are not
-- unique, nor looked for.
CREATE UNIQUE INDEX notifications_provider_message
  ON notifications (workspace_id, provider_message_id)
  WHERE channel = 'whatsapp' AND provider_message_id IS NOT NULL;

CREATE TABLE notification_attempts (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  notification_id uuid NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  outcome text NOT NULL CHECK (outcome IN ('sent', 'failed', 'unknown')),
  error text,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, notification_id) REFERENCES notifications (workspace_id, id)
);

CREATE INDEX notification_attempts_of
  ON notification_attempts (workspace_id, notification_id, started_at);

-- What a model, or rules in its place, make of a ticket; the newest only. Not in the ticket's own row,
-- whose every change would have to be written into all of its indexes.
CREATE TABLE ticket_triage (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  ticket_id uuid NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
  suggested_type text CHECK (suggested_type IN ('bug', 'feature_request', 'question', 'incident')),
  suggested_priority smallint CHECK (suggested_priority BETWEEN 0 AND 5),
  summary text, -- scrubbed
  confidence real CHECK (confidence BETWEEN 0 AND 1),
  ai_model text,
  ai_prompt_tokens bigint,
  ai_completion_tokens bigint,
  ai_latency_ms bigint,
  decision text CHECK (decision IN ('accepted', 'rejected')),
  decided_by text, -- as shown
  decided_at timestamptz,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, ticket_id),
  FOREIGN KEY (workspace_id, ticket_id) REFERENCES tickets (workspace_id, id),
  CHECK (status <> 'completed' OR (suggested_type IS NOT NULL AND suggested_priority IS NOT NULL
                                   AND summary IS NOT NULL AND ai_model IS NOT NULL))
);

ALTER TABLE tickets DROP COLUMN enrichment_status, DROP COLUMN ai_suggested_type,
  DROP COLUMN ai_suggested_priority, DROP COLUMN ai_summary;

SELECT wall_off('ticket_triage');
SELECT wall_off('changelog_entries');
SELECT wall_off('notifications');
SELECT wall_off('notification_attempts');
-- What a job that took its process down was about shows it, whosever it is.
SELECT open_to_machinery('notifications', 'SELECT', 'UPDATE');
SELECT open_to_machinery('ticket_triage', 'SELECT', 'INSERT', 'UPDATE');
