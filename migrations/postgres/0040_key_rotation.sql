-- Rotation of sealing keys, and the folders that hold key files.

-- A key seals from `activated_at` on, once every node has its file. At `retired_at` nothing referred to it
-- any more, and each node deletes its file.
ALTER TABLE sealing_key ADD COLUMN activated_at BIGINT;
ALTER TABLE sealing_key ADD COLUMN retired_at BIGINT;
UPDATE sealing_key SET activated_at = created_at;

-- The folders of the processes that use the database. `kids` are the ids of the keys in a folder, separated
-- by spaces.
CREATE TABLE key_folder (
    host TEXT NOT NULL,
    folder TEXT NOT NULL,
    kids TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (host, folder)
);
