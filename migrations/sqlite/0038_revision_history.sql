-- Where each revision was saved from, and the revision that it brought back. What was saved before has no
-- origin.
ALTER TABLE revision ADD COLUMN saved_from TEXT NOT NULL DEFAULT '';
ALTER TABLE revision ADD COLUMN restored_from BIGINT;

-- Revisions go with their relay.
DELETE FROM revision WHERE scope LIKE 'relay:%'
    AND NOT EXISTS (SELECT 1 FROM relay WHERE 'relay:' || relay.id = revision.scope);
DELETE FROM revision WHERE scope LIKE 'account:%'
    AND NOT EXISTS (SELECT 1 FROM account WHERE 'account:' || account.id = revision.scope);
