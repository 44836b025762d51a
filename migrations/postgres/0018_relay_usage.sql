-- The messages that were sent through relays with limits, by minute, hour and day (UTC). A relay is
-- named as in `relay`; `start_at` is the beginning of the period.

CREATE TABLE relay_usage (
    relay_id TEXT NOT NULL,
    period TEXT NOT NULL,
    start_at BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    PRIMARY KEY (relay_id, period, start_at)
);
