-- The names of the field: failed, delivery event, suppression, pause. Rows are kept.
-- Times are UTC milliseconds, durations milliseconds.

UPDATE recipient SET state = 'failed' WHERE state = 'parked';
ALTER TABLE recipient RENAME COLUMN said TO reply;
ALTER TABLE recipient RENAME COLUMN took TO duration_ms;

-- Failed attempts, and acts of people on a message.
ALTER TABLE timeline RENAME TO delivery_event;
ALTER TABLE delivery_event RENAME COLUMN what TO kind;
ALTER TABLE delivery_event RENAME COLUMN by_whom TO actor;
ALTER TABLE delivery_event RENAME COLUMN said TO reply;
ALTER TABLE delivery_event RENAME COLUMN took TO duration_ms;
UPDATE delivery_event SET kind = 'failed' WHERE kind = 'parked';
DROP INDEX timeline_of_recipient;
CREATE INDEX delivery_event_of_recipient ON delivery_event (message_id, position, at);

-- The suppression list: addresses, in lower case, that a relay reported as nonexistent.
ALTER TABLE undeliverable RENAME TO suppression;
ALTER TABLE suppression RENAME COLUMN said TO reply;

-- A row while delivery is paused.
ALTER TABLE hold RENAME TO delivery_pause;
ALTER TABLE delivery_pause RENAME COLUMN by_whom TO actor;

UPDATE audit SET action = 'remove suppression' WHERE action = 'remove undeliverable address';
UPDATE audit SET action = 'pause delivery' WHERE action = 'hold everything';
