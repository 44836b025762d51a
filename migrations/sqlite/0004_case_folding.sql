-- The case-folded form of subjects and addresses that are not ASCII; NULL for all others, and for
-- rows from before this migration.

ALTER TABLE message ADD COLUMN subject_folded TEXT;
ALTER TABLE recipient ADD COLUMN address_folded TEXT;
DROP INDEX recipient_address;
CREATE INDEX recipient_address
    ON recipient (COALESCE(address_folded, lower(address)), message_id, position);
