-- Limits of API tokens: their end, the addresses they may send from (one a line; none: every address),
-- and their last use. Existing tokens keep what they could do: reading has a scope of its own now.

ALTER TABLE token ADD COLUMN expires_at BIGINT;
ALTER TABLE token ADD COLUMN last_used_at BIGINT;
ALTER TABLE token ADD COLUMN senders TEXT NOT NULL DEFAULT '';
UPDATE token SET scopes = scopes || ' read';
