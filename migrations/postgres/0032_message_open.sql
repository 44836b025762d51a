-- Messages whose opens are tracked. `id` is in the URL of the image that the message loads.

CREATE TABLE message_open (
    id TEXT NOT NULL PRIMARY KEY,
    message_id TEXT NOT NULL,
    first_opened_at BIGINT,
    last_opened_at BIGINT,
    opens BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX message_open_message ON message_open (message_id);
