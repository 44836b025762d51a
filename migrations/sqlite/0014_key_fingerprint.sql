-- A part of the SHA-256 of a sealing key, so that a damaged key file is told from a lost one. NULL
-- until the next start.

ALTER TABLE sealing_key ADD COLUMN fingerprint TEXT;
