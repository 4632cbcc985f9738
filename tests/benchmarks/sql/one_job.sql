-- One job as the hub writes it, each step its own transaction: enqueue, claim, done.
INSERT INTO jobs (workspace_id, id, kind, args, run_at, created_at)
  SELECT '00000000-0000-7000-8000-000000000001', gen_random_uuid(), 'CanaryJob', '{}', now(), now()
  RETURNING id AS job \gset
UPDATE jobs SET claim_id = gen_random_uuid(), lease_until = now() + interval '15 seconds',
  attempts = attempts + 1 WHERE id = ':job' AND claim_id IS NULL;
WITH gone AS (DELETE FROM jobs WHERE id = ':job' RETURNING *)
  INSERT INTO finished_jobs (workspace_id, id, kind, attempts, created_at, finished_at)
  SELECT workspace_id, id, kind, attempts, created_at, now() FROM gone;
