-- Files are fetched after the report that brought them. A row is pending as long as a job is on its way
-- for it; one that is pending without a job will not be fetched (it gave nothing to fetch it by, came
-- before there were such jobs, or its job is among the dead letters).
ALTER TABLE attachments
  ADD COLUMN status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'stored', 'failed')),
  ADD COLUMN failure text, -- why there will be none
  ADD CONSTRAINT attachments_stored
    CHECK (status <> 'stored' OR (storage_url IS NOT NULL AND sha256 IS NOT NULL
                                  AND file_size IS NOT NULL)),
  ADD CONSTRAINT attachments_failed CHECK ((status = 'failed') = (failure IS NOT NULL));
