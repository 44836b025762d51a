-- Suppressions expire, after 180 days by default, and name the relay that reported the address.

ALTER TABLE suppression ADD COLUMN relay TEXT NOT NULL DEFAULT '';
ALTER TABLE suppression ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
UPDATE suppression SET expires_at = listed_at + 15552000000;
CREATE INDEX suppression_of_relay ON suppression (relay, listed_at);
CREATE INDEX suppression_expiry ON suppression (expires_at);
