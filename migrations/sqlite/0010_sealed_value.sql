-- Passwords that browsers sealed, with what they were used for first: host, port, user and connection
-- type as JSON. `digest` is the SHA-256 of the content key, `kid` names the pair in browser_key; rows go
-- with their pair.

CREATE TABLE sealed_value (
    digest TEXT NOT NULL PRIMARY KEY,
    kid TEXT NOT NULL,
    used_for TEXT NOT NULL
);
