-- Second factors of accounts, sign-ins that wait for them, and the time at which each session last proved
-- its person.

-- The secret of an authenticator app (RFC 6238), a JWE bound to the account. It counts once a code confirmed
-- it. `last_step` is the time step of the last code that was used.
CREATE TABLE totp (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    secret TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step BIGINT NOT NULL
);

-- The SHA-256 of each recovery code that is not used yet.
CREATE TABLE recovery_code (
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    PRIMARY KEY (account_id, digest)
);

-- Sign-ins whose password was right. `id` is the SHA-256 of what the cookie holds, `password` that of the
-- hash of the password.
CREATE TABLE pending_login (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    password TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    tries BIGINT NOT NULL
);

ALTER TABLE session ADD COLUMN confirmed_at BIGINT NOT NULL DEFAULT 0;
