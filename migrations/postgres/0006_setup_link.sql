-- The newest link that creates the first administrator: the SHA-256 of its token, and its end. At most
-- one row, with id 1.

CREATE TABLE setup_link (
    id BIGINT PRIMARY KEY,
    digest TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
