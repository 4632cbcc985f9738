-- What a provider said by itself of a message that a job sent: 'taken', or why not. It settles the
-- job when nothing else can tell whether it sent.
ALTER TABLE jobs ADD COLUMN reported text;
