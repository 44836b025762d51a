-- The outbox: mail that was handed over, what becomes of it for each recipient, and who delivers.
-- The same in sqlite/ and postgres/, apart from what each needs to be quick.

-- A message, whole or not at all. Its id is a ULID that holds when it was accepted.
CREATE TABLE message (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    message_id TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL
);

-- What every attempt sends. It goes some days after the last delivery.
CREATE TABLE message_body (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    bytes BYTEA NOT NULL
);

-- A message for one recipient. `due_at` is when it may be taken, and while `owner` has it, when that
-- lease ends; without one nobody takes it. The attempt that succeeded stands here.
CREATE TABLE recipient (
    message_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT,
    owner TEXT,
    attempts BIGINT NOT NULL,
    trying_since BIGINT NOT NULL,
    settled_at BIGINT,
    relay TEXT,
    said TEXT,
    took BIGINT,
    PRIMARY KEY (message_id, position)
);
CREATE INDEX recipient_due ON recipient (due_at, message_id, position) WHERE due_at IS NOT NULL;
CREATE INDEX recipient_state ON recipient (state, message_id, position);
CREATE INDEX recipient_address ON recipient (lower(address), message_id, position);

-- Attempts that failed, and what people did with a mail.
CREATE TABLE timeline (
    message_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    at BIGINT NOT NULL,
    what TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    said TEXT NOT NULL,
    took BIGINT,
    may_have_arrived BIGINT NOT NULL
);
CREATE INDEX timeline_of_recipient ON timeline (message_id, position, at);

-- What a key was answered with (Idempotency-Key), kept for a day.
CREATE TABLE idempotency (
    account_id TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    ids TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_by_time ON idempotency (at);

-- Addresses, in small letters, that a relay said there are none.
CREATE TABLE undeliverable (
    address TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    said TEXT NOT NULL,
    listed_at BIGINT NOT NULL,
    message_id TEXT NOT NULL
);

-- A row while everything is held.
CREATE TABLE hold (
    scope TEXT NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL,
    by_whom TEXT NOT NULL
);

-- Who delivers, as each tells every few seconds. `trouble` is JSON.
CREATE TABLE worker (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    host TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    connections BIGINT NOT NULL,
    per_minute BIGINT NOT NULL,
    latency BIGINT,
    trouble TEXT
);
