-- What the envelope of a message says of delivery status notifications (RFC 3461), in JSON. NULL where
-- nobody gets a report. The sender '' is the null sender.

ALTER TABLE message ADD COLUMN dsn TEXT;
