-- Work that failed for good, kept until a person has dealt with it.

CREATE TABLE dead_letter_jobs (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL, -- the job's own
  job_class text NOT NULL,
  job_args jsonb NOT NULL, -- scrubbed
  args_sealed bytea NOT NULL, -- as they were, for another try
  error_class text NOT NULL,
  error_message text NOT NULL,
  backtrace text NOT NULL, -- where in the hub's code it was noticed
  queue text NOT NULL,
  status text NOT NULL DEFAULT 'unresolved',
  outcome_unknown boolean NOT NULL, -- it may have happened: trying again may do it twice
  attempts jsonb NOT NULL, -- every failed one: times, error class, message
  replaced_by uuid, -- the job that tries again
  failed_at timestamptz NOT NULL,
  settled_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CHECK (status IN ('unresolved', 'resolved', 'retried'))
);

-- The operators' lists, newest first: all, by status, by class.
CREATE INDEX dead_letter_jobs_newest ON dead_letter_jobs (workspace_id, failed_at DESC, id DESC);
CREATE INDEX dead_letter_jobs_by_status
  ON dead_letter_jobs (workspace_id, status, failed_at DESC, id DESC);
CREATE INDEX dead_letter_jobs_settled ON dead_letter_jobs (settled_at)
  WHERE settled_at IS NOT NULL;
