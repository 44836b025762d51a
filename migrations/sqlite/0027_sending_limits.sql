-- Limits of what accounts and API tokens send, and the messages that count for them.
-- `holder_id` is the id of an account or a token; one without a row has no limits. For each period (UTC) there
-- are its beginning, the messages since then, and those of the period before.

CREATE TABLE sending_limit (
    holder_id TEXT NOT NULL PRIMARY KEY,
    max_per_minute BIGINT,
    max_per_hour BIGINT,
    max_per_day BIGINT,
    max_recipients BIGINT,
    minute_start BIGINT NOT NULL DEFAULT 0,
    minute_messages BIGINT NOT NULL DEFAULT 0,
    minute_before BIGINT NOT NULL DEFAULT 0,
    hour_start BIGINT NOT NULL DEFAULT 0,
    hour_messages BIGINT NOT NULL DEFAULT 0,
    hour_before BIGINT NOT NULL DEFAULT 0,
    day_start BIGINT NOT NULL DEFAULT 0,
    day_messages BIGINT NOT NULL DEFAULT 0,
    day_before BIGINT NOT NULL DEFAULT 0
);
