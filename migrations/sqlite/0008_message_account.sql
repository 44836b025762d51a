-- Finds the mail of an account, newest first, without reading that of others.

CREATE INDEX message_account ON message (account_id, id);
