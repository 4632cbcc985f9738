# Every migration, in order, by hand: configuring fails when a file and this list disagree.
set(hub_migrations
  0001_create_workspaces.sql
  0002_create_reporters.sql
  0003_create_tickets.sql
  0004_create_conversations.sql
  0005_create_ticket_events.sql
  0006_create_webhook_deliveries.sql
  0007_create_counters.sql
  0008_create_idempotency_keys.sql
  0009_create_jobs.sql
  0010_create_dead_letters.sql
  0011_create_job_controls.sql
  0012_keep_quarantined_deliveries.sql
  0013_keep_send_reports.sql
  0014_create_people.sql
  0015_wall_off_workspaces.sql
  0016_name_workspaces.sql)
