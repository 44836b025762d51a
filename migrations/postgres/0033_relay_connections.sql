-- The open connections of a worker by the id of the relay, in JSON; NULL for a process that holds mail.

ALTER TABLE worker ADD COLUMN relay_connections TEXT;
