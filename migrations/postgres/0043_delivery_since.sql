-- Since when delivery runs. `resumed_at` is the end of the last pause, also of one by --hold-mail.
-- `delivering_since` is written with each heartbeat of a worker: since when there was always one that delivers.
-- It is NULL in the row of a process started with --hold-mail.
CREATE TABLE delivery_resumption (
    scope TEXT NOT NULL PRIMARY KEY,
    resumed_at BIGINT NOT NULL
);
ALTER TABLE worker ADD COLUMN delivering_since BIGINT;

-- When a relay last took mail again after every worker had backed off from it. Checks see no mail.
ALTER TABLE relay_health ADD COLUMN resumed_at BIGINT;
