-- The relay that was chosen for an attempt and why, as JSON; NULL for earlier attempts. An event with
-- `first_unanswered` 1 is an attempt whose message may have arrived, and that was not behind another
-- one without a reply: after three of them the message is held.

ALTER TABLE recipient ADD COLUMN route TEXT;
ALTER TABLE delivery_event ADD COLUMN route TEXT;
ALTER TABLE delivery_event ADD COLUMN first_unanswered BIGINT;
