-- Recipients by state, flow and time of acceptance, kept by triggers: counting rows takes longer the
-- more there are. A bucket is the first six characters of message ids, 17.5 minutes. PostgreSQL counts
-- each connection in a shard of its own, so that commits do not wait for each other.

CREATE TABLE recipient_count (
    state TEXT NOT NULL,
    bucket TEXT NOT NULL,
    flow BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (state, bucket, flow, shard)
) WITHOUT ROWID;

-- Recipients of earlier versions are in flows of their accounts too, so that these see their counts.
INSERT INTO flow (queue, priority, account_id)
    SELECT DISTINCT 'global', 'normal', account_id FROM message WHERE account_id <> ''
    ON CONFLICT (queue, priority, account_id) DO NOTHING;
UPDATE recipient SET flow = flow.id FROM message, flow
    WHERE message.id = recipient.message_id AND message.account_id <> '' AND recipient.flow = 1
    AND flow.queue = 'global' AND flow.priority = 'normal' AND flow.account_id = message.account_id;

INSERT INTO recipient_count (state, bucket, flow, shard, number)
    SELECT state, substr(message_id, 1, 6), flow, 0, COUNT(*) FROM recipient GROUP BY 1, 2, 3;

CREATE TRIGGER recipient_count_insert AFTER INSERT ON recipient
BEGIN
    INSERT INTO recipient_count (state, bucket, flow, shard, number)
        VALUES (new.state, substr(new.message_id, 1, 6), new.flow, 0, 1)
        ON CONFLICT (state, bucket, flow, shard) DO UPDATE SET number = number + 1;
END;

CREATE TRIGGER recipient_count_update AFTER UPDATE OF state ON recipient
WHEN old.state <> new.state
BEGIN
    UPDATE recipient_count SET number = number - 1
        WHERE state = old.state AND bucket = substr(old.message_id, 1, 6) AND flow = old.flow
        AND shard = 0;
    INSERT INTO recipient_count (state, bucket, flow, shard, number)
        VALUES (new.state, substr(new.message_id, 1, 6), new.flow, 0, 1)
        ON CONFLICT (state, bucket, flow, shard) DO UPDATE SET number = number + 1;
END;

CREATE TRIGGER recipient_count_delete AFTER DELETE ON recipient
BEGIN
    UPDATE recipient_count SET number = number - 1
        WHERE state = old.state AND bucket = substr(old.message_id, 1, 6) AND flow = old.flow
        AND shard = 0;
END;
