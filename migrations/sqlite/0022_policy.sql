-- The organisation's policy: 1 or 0 by name. A name without a row has its default.

CREATE TABLE policy (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
