-- Webhooks of accounts, and the one that gets the events of a message.

-- `account_id` is NULL for a webhook of the organisation. The URLs of an owner differ. SQLite cannot drop the
-- constraint that all URLs differ, so that both tables are made anew.
CREATE TABLE new_webhook (
    id TEXT NOT NULL PRIMARY KEY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    gone_at BIGINT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    last_number BIGINT NOT NULL DEFAULT 0,
    owner TEXT,
    leased_until BIGINT,
    account_id TEXT REFERENCES account (id) ON DELETE CASCADE
);
INSERT INTO new_webhook
    (id, url, secret, enabled, gone_at, created_at, created_by, last_number, owner, leased_until)
SELECT id, url, secret, enabled, gone_at, created_at, created_by, last_number, owner, leased_until FROM webhook;

CREATE TABLE new_webhook_delivery (
    webhook_id TEXT NOT NULL REFERENCES new_webhook (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    attempted_at BIGINT,
    status BIGINT,
    answer TEXT,
    PRIMARY KEY (webhook_id, number)
);
INSERT INTO new_webhook_delivery
    (webhook_id, number, event_id, event, body, state, created_at, due_at, attempts, attempted_at, status, answer)
SELECT webhook_id, number, event_id, event, body, state, created_at, due_at, attempts, attempted_at, status, answer
FROM webhook_delivery;

-- The deliveries first: while they refer to the webhooks, these cannot be dropped without them.
DROP TABLE webhook_delivery;
DROP TABLE webhook;
ALTER TABLE new_webhook RENAME TO webhook;
ALTER TABLE new_webhook_delivery RENAME TO webhook_delivery;
CREATE INDEX webhook_delivery_queued ON webhook_delivery (webhook_id, number) WHERE state = 'queued';
CREATE INDEX webhook_delivery_age ON webhook_delivery (created_at);
CREATE UNIQUE INDEX webhook_url ON webhook ((COALESCE(account_id, '')), url);
CREATE INDEX webhook_of_account ON webhook (account_id);

-- The webhook that a message names. It may have been removed since.
ALTER TABLE message ADD COLUMN webhook_id TEXT;
