-- The networks from which administrators sign in and act. Without a row, they do so from everywhere.

CREATE TABLE administrator_network (
    network TEXT NOT NULL PRIMARY KEY
);

-- The list of all sessions begins with the last used.
CREATE INDEX session_by_use ON session (last_used_at, id);
