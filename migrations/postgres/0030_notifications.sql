-- Reports about the health of relays: webhooks with their deliveries, and mail to administrators.

-- Endpoints of webhooks. `secret` is sealed. `last_number` is that of the newest delivery. While `owner` holds
-- the lease, no other process sends to the endpoint.
CREATE TABLE webhook (
    id TEXT NOT NULL PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    secret TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    gone_at BIGINT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    last_number BIGINT NOT NULL DEFAULT 0,
    owner TEXT,
    leased_until BIGINT
);

-- The deliveries to an endpoint, in the order of their numbers. `due_at` is when the next attempt is due.
CREATE TABLE webhook_delivery (
    webhook_id TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
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
CREATE INDEX webhook_delivery_queued ON webhook_delivery (webhook_id, number) WHERE state = 'queued';
CREATE INDEX webhook_delivery_age ON webhook_delivery (created_at);

-- Mail about a change of the state of a relay that is not in the outbox yet: a row for each account. `change`
-- is JSON, `due_at` also the end of a lease.
CREATE TABLE health_mail (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    relay_id TEXT NOT NULL,
    change TEXT NOT NULL,
    recovery BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL
);
CREATE INDEX health_mail_due ON health_mail (due_at, id);
CREATE INDEX health_mail_of_relay ON health_mail (relay_id);
CREATE INDEX health_mail_of_account ON health_mail (account_id);
