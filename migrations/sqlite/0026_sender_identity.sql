-- The addresses and domains that an account may send from, beside its own address. `match_key` is what is
-- compared: `local part@domain` or `@domain`, in lower case and with A-labels. `confirmed_at` is NULL while
-- a mailed link waits, of which `digest` is the SHA-256 of the token.
CREATE TABLE sender_identity (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    match_key TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    by_administrator BIGINT NOT NULL,
    confirmed_at BIGINT,
    digest TEXT UNIQUE,
    expires_at BIGINT,
    UNIQUE (account_id, match_key)
);

-- Tokens of administrators keep what they could do: they send from any address.
ALTER TABLE token ADD COLUMN any_sender BIGINT NOT NULL DEFAULT 0;
UPDATE token SET any_sender = 1 WHERE account_id IN (SELECT id FROM account WHERE role = 'admin');
