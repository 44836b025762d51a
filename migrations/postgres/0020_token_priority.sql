-- The priorities of the mail that a token submits: that of mail which names none, and the highest.
-- The tokens of an account are counted and listed by index.

ALTER TABLE token ADD COLUMN default_priority TEXT NOT NULL DEFAULT 'normal';
ALTER TABLE token ADD COLUMN highest_priority TEXT NOT NULL DEFAULT 'high';
CREATE INDEX token_account ON token (account_id, id);
