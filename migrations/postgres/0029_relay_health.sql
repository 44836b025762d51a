-- The health of relays, as checks find it. A relay is named by its id, that of an account by its scope.
-- `revision` is that of the settings that the row is about, and `recent` the newest results of checks,
-- `+` or `-` each, the newest last; those since `run_since` are equal. `reported` is the state that was
-- announced last. A check is due at `due_at`; while `owner` makes one, that is the end of its lease.
CREATE TABLE relay_health (
    relay_id TEXT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL,
    state TEXT NOT NULL,
    since BIGINT NOT NULL,
    failing_since BIGINT,
    failure TEXT,
    recent TEXT NOT NULL,
    run_since BIGINT NOT NULL,
    reported TEXT,
    checked_at BIGINT,
    mail_at BIGINT,
    due_at BIGINT NOT NULL,
    owner TEXT
);
CREATE INDEX relay_health_due ON relay_health (due_at);

-- The changes of that state: from `at` on it was `state`.
CREATE TABLE relay_health_change (
    relay_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (relay_id, at)
);
CREATE INDEX relay_health_change_at ON relay_health_change (at);
