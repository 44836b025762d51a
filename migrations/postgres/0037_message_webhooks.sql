-- Webhooks of accounts, and the one that gets the events of a message.

-- `account_id` is NULL for a webhook of the organisation. The URLs of an owner differ.
ALTER TABLE webhook ADD COLUMN account_id TEXT REFERENCES account (id) ON DELETE CASCADE;
ALTER TABLE webhook DROP CONSTRAINT webhook_url_key;
CREATE UNIQUE INDEX webhook_url ON webhook ((COALESCE(account_id, '')), url);
CREATE INDEX webhook_of_account ON webhook (account_id);

-- The webhook that a message names. It may have been removed since.
ALTER TABLE message ADD COLUMN webhook_id TEXT;
