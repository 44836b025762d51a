-- A queue is served by priority class, and within a class the accounts in turn. A flow is the mail of
-- an account in a class of a queue; each recipient waits in one. The first holds what was accepted
-- before there were flows.

CREATE TABLE flow (
    id INTEGER NOT NULL PRIMARY KEY,
    queue TEXT NOT NULL,
    priority TEXT NOT NULL,
    account_id TEXT NOT NULL,
    UNIQUE (queue, priority, account_id)
);
INSERT INTO flow (queue, priority, account_id) VALUES ('global', 'normal', '');

ALTER TABLE recipient ADD COLUMN flow BIGINT NOT NULL DEFAULT 1;
DROP INDEX recipient_due;
CREATE INDEX recipient_due ON recipient (flow, due_at, message_id, position) WHERE due_at IS NOT NULL;

-- A worker reports each relay that backs off (JSON, an array) and the number of its relays. Its next heartbeat writes the row again.
DELETE FROM worker WHERE hold_mail = 0;
ALTER TABLE worker RENAME COLUMN backoff TO backoffs;
ALTER TABLE worker ADD COLUMN relays BIGINT NOT NULL DEFAULT 0;
