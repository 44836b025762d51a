-- Recipients by state, flow and time of acceptance, kept by triggers: counting rows takes longer the
-- more there are. A bucket is the first six characters of message ids, 17.5 minutes. PostgreSQL counts
-- each connection in a shard of its own, so that commits do not wait for each other.

CREATE TABLE recipient_count (
    state TEXT COLLATE "C" NOT NULL,
    bucket TEXT COLLATE "C" NOT NULL,
    flow BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (state, bucket, flow, shard)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Recipients of earlier versions are in flows of their accounts too, so that these see their counts.
INSERT INTO flow (queue, priority, account_id)
    SELECT DISTINCT 'global', 'normal', account_id FROM message WHERE account_id <> ''
    ON CONFLICT (queue, priority, account_id) DO NOTHING;
UPDATE recipient SET flow = flow.id FROM message, flow
    WHERE message.id = recipient.message_id AND message.account_id <> '' AND recipient.flow = 1
    AND flow.queue = 'global' AND flow.priority = 'normal' AND flow.account_id = message.account_id;

INSERT INTO recipient_count (state, bucket, flow, shard, number)
    SELECT state, substr(message_id, 1, 6), flow, 0, COUNT(*) FROM recipient GROUP BY 1, 2, 3;

CREATE FUNCTION count_recipients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO recipient_count (state, bucket, flow, shard, number)
            SELECT state, substr(message_id, 1, 6), flow, pg_backend_pid(), COUNT(*)
            FROM new_rows GROUP BY 1, 2, 3
            ON CONFLICT (state, bucket, flow, shard)
            DO UPDATE SET number = recipient_count.number + excluded.number;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO recipient_count (state, bucket, flow, shard, number)
            SELECT state, substr(message_id, 1, 6), flow, pg_backend_pid(), SUM(change)
            FROM (SELECT state, message_id, flow, -1 AS change FROM old_rows
                  UNION ALL SELECT state, message_id, flow, 1 FROM new_rows) AS changes
            GROUP BY 1, 2, 3 HAVING SUM(change) <> 0
            ON CONFLICT (state, bucket, flow, shard)
            DO UPDATE SET number = recipient_count.number + excluded.number;
    ELSE
        INSERT INTO recipient_count (state, bucket, flow, shard, number)
            SELECT state, substr(message_id, 1, 6), flow, pg_backend_pid(), -COUNT(*)
            FROM old_rows GROUP BY 1, 2, 3
            ON CONFLICT (state, bucket, flow, shard)
            DO UPDATE SET number = recipient_count.number + excluded.number;
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER recipient_count_insert AFTER INSERT ON recipient
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_recipients();
CREATE TRIGGER recipient_count_update AFTER UPDATE ON recipient
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_recipients();
CREATE TRIGGER recipient_count_delete AFTER DELETE ON recipient
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_recipients();
