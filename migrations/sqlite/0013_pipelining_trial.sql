-- Whether a relay with this greeting bears commands that are pipelined behind a body.

CREATE TABLE pipelining_trial (
    relay TEXT NOT NULL,
    greeting TEXT NOT NULL,
    works BIGINT NOT NULL,
    tried_at BIGINT NOT NULL,
    PRIMARY KEY (relay, greeting)
);
