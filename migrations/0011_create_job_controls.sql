-- What operators told the job machinery, and the record of it. Nodes read the controls in the very
-- statement that claims, so that a pause holds for all of them at once.

CREATE TABLE job_controls (
  kind text PRIMARY KEY, -- the job class
  state text NOT NULL DEFAULT 'running',
  drained_until timestamptz, -- while draining: only jobs made before are done
  force_fail boolean NOT NULL DEFAULT false, -- the next attempt fails, once
  CHECK (state IN ('running', 'paused', 'draining')),
  CHECK ((state = 'draining') = (drained_until IS NOT NULL))
);

CREATE TABLE operator_actions (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  id uuid NOT NULL,
  action text NOT NULL,
  target text NOT NULL,
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id)
);
