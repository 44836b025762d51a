-- The console: settings and their revisions, people, sessions, tokens, keys, audit.
-- Times are UTC milliseconds, flags 0 or 1, identifiers ULIDs. The same in sqlite/ and postgres/.

-- The current settings. A password is a JWE bound to its scope and label.
CREATE TABLE information (
    scope TEXT NOT NULL,
    label TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (scope, label)
);

-- Every save. `password` stands in the revision that brought it; `password_from` names the
-- revision whose password goes with these settings.
CREATE TABLE revision (
    scope TEXT NOT NULL,
    number BIGINT NOT NULL,
    saved_at BIGINT NOT NULL,
    saved_by TEXT NOT NULL,
    form TEXT NOT NULL,
    password TEXT,
    password_from BIGINT,
    verified_at BIGINT,
    verified_by TEXT,
    PRIMARY KEY (scope, number)
);

CREATE TABLE account (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- `id` is the SHA-256 of what the cookie holds.
CREATE TABLE session (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    begun_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    origin TEXT NOT NULL,
    browser TEXT NOT NULL
);
CREATE INDEX session_of_account ON session (account_id);

-- `secret` is the SHA-256 of the token.
CREATE TABLE token (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    secret TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- Which at-rest keys values are sealed with. The keys are files; the newest seals.
CREATE TABLE sealing_key (
    kid TEXT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
);

-- The pairs browsers seal passwords for; the private half is a JWE under a sealing key.
CREATE TABLE browser_key (
    kid TEXT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    private_key TEXT NOT NULL
);

CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit (at);
