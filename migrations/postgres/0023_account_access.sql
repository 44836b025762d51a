-- Accounts that are disabled, and the links with which people set their passwords. An account that was
-- invited has an empty password hash until then.

ALTER TABLE account ADD COLUMN disabled_at BIGINT;

-- The newest link of each purpose, by the SHA-256 of its token.
CREATE TABLE account_link (
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, purpose)
);
