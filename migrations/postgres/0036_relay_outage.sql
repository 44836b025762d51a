-- Outages of relays that were announced, until their end is announced. They outlast a change of the settings of
-- the relay, and the time in which it is switched off. `state` is the one that was announced last.
CREATE TABLE relay_outage (
    relay_id TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    failing_since BIGINT
);
INSERT INTO relay_outage (relay_id, state, failing_since)
SELECT relay_id, reported, failing_since FROM relay_health WHERE reported IN ('degraded', 'down');

ALTER TABLE relay_health DROP COLUMN reported;
