-- 1 in the row of a process started with --hold-mail, 0 in the row of a worker. Delivery is paused
-- while such a row is live.

ALTER TABLE worker ADD COLUMN hold_mail BIGINT NOT NULL DEFAULT 0;
CREATE INDEX worker_hold_mail ON worker (hold_mail) WHERE hold_mail = 1;
