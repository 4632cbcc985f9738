-- From "resolved" to "we told them": what is to be said, who approved it, and what became of it at
-- each person who reported.

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
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, id, status), -- what a notification points to
  FOREIGN KEY (workspace_id, ticket_id) REFERENCES tickets (workspace_id, id),
  CHECK ((status = 'approved') = (approved_by IS NOT NULL AND approved_at IS NOT NULL))
);

CREATE UNIQUE INDEX changelog_entries_draft ON changelog_entries (workspace_id, ticket_id)
  WHERE status = 'draft';
CREATE INDEX changelog_entries_ticket ON changelog_entries (workspace_id, ticket_id, id DESC);
CREATE INDEX changelog_entries_status ON changelog_entries (workspace_id, status, id DESC);

CREATE FUNCTION refuse_change_of_approved() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
  IF OLD.status = 'approved' THEN
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
  id uuid NOT NULL, -- also the id of the job that sends it, which providers are told
  ticket_id uuid NOT NULL,
  changelog_entry_id uuid NOT NULL,
  entry_status text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
  channel text NOT NULL,
  platform_user_id text NOT NULL, -- of the reporter's identity
  thread_id text NOT NULL,        -- the conversation it answers in; '' for none
  status text NOT NULL DEFAULT 'pending',
  content text NOT NULL, -- as it is sent on this channel
  provider_message_id text,
  retry_count integer NOT NULL DEFAULT 0,
  last_error text,
  send_at timestamptz NOT NULL, -- after the time to take it back
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
-- A provider says later what became of a message, by its own id for it.
CREATE UNIQUE INDEX notifications_provider_message
  ON notifications (workspace_id, channel, provider_message_id)
  WHERE provider_message_id IS NOT NULL;

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

SELECT wall_off('changelog_entries');
SELECT wall_off('notifications');
SELECT wall_off('notification_attempts');
