# Every migration, in order, by hand: configuring fails when a file and this list disagree.
set(hub_migrations)
