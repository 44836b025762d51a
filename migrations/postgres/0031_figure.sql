-- The API token that a message was submitted with; NULL without one.
ALTER TABLE message ADD COLUMN token_id TEXT;

-- What was counted of a subject in an hour or a day (UTC). `subject` is `all`, or `account:`, `token:` or
-- `relay:` and an id; `start_at` the beginning of the hour or day. Each task that commits counts in a `shard` of
-- its own, so that it writes its rows without reading them and without waiting for others; those of hours that
-- are over are added up in the shard ''. All numbers are of recipients. `latency` is a histogram of the
-- milliseconds from acceptance to delivery.
CREATE TABLE figure (
    subject TEXT COLLATE "C" NOT NULL,
    step TEXT COLLATE "C" NOT NULL,
    start_at BIGINT NOT NULL,
    shard TEXT COLLATE "C" NOT NULL,
    accepted BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    deferred BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    latency BYTEA NOT NULL,
    PRIMARY KEY (subject, step, start_at, shard)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Finds old rows.
CREATE INDEX figure_start ON figure (step, start_at);

-- Finds shards to add up.
CREATE INDEX figure_shard ON figure (start_at, subject) WHERE shard <> '';

-- One row, the number of times that figures were added up. It is locked meanwhile: one node does it at a time.
CREATE TABLE figure_compaction (
    id BIGINT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);
INSERT INTO figure_compaction (id, number) VALUES (1, 0);
