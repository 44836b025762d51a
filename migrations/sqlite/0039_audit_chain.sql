-- A hash chain over the rows of the audit log, one for each node, which is named like its machine. Rows from before
-- have no place in a chain: their `node`, `number` and `hash` are NULL.
ALTER TABLE audit ADD COLUMN node TEXT;
ALTER TABLE audit ADD COLUMN number BIGINT;
ALTER TABLE audit ADD COLUMN hash TEXT;
CREATE UNIQUE INDEX audit_place ON audit (node, number);

DROP INDEX audit_by_time;
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_action ON audit (action, at, id);

-- The end of each chain, and its anchor: the last row that retention removed from it.
CREATE TABLE audit_chain (
    node TEXT NOT NULL PRIMARY KEY,
    last_number BIGINT NOT NULL,
    last_hash TEXT NOT NULL,
    removed_number BIGINT NOT NULL DEFAULT 0,
    removed_hash TEXT NOT NULL DEFAULT '',
    removed_at BIGINT
);

-- The number of rows without a place in a chain.
CREATE TABLE audit_unchained (number BIGINT NOT NULL);
INSERT INTO audit_unchained (number) SELECT COUNT(*) FROM audit;
