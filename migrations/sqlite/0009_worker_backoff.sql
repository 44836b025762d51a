-- The name that the code and the REST API have.

ALTER TABLE worker RENAME COLUMN trouble TO backoff;
