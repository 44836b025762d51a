-- A recipient fails after five days of its own backoffs, which its number of attempts says.

ALTER TABLE recipient DROP COLUMN trying_since;
