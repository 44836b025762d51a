-- The relays of the organisation, in the order of `position`. `revision` counts the changes of a row. The
-- settings of the first are those of the scope `global`; those of another are of the scope `relay:<id>`.

CREATE TABLE relay (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    position BIGINT NOT NULL,
    from_domain TEXT,
    enabled BIGINT NOT NULL,
    max_connections BIGINT,
    per_minute BIGINT,
    per_hour BIGINT,
    per_day BIGINT,
    revision BIGINT NOT NULL
);
INSERT INTO relay (id, name, position, enabled, revision) VALUES ('global', 'Main relay', 0, 1, 1);

-- One row: every change of a relay or of the settings of one raises the version.
CREATE TABLE routing (
    version BIGINT NOT NULL
);
INSERT INTO routing (version) VALUES (1);
