-- Bodies are not compressed: attempts that do not shorten them cost more than the insertion.
-- The rows of recipients are written twice or more: their pages keep room for the next version, and
-- are vacuumed before a fiftieth of a large table is dead.

ALTER TABLE message_body ALTER COLUMN bytes SET STORAGE EXTERNAL;

ALTER TABLE recipient SET (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
