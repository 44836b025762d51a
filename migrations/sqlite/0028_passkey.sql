-- Passkeys (WebAuthn): `id` is that of the credential in base64url, `public_key` a SubjectPublicKeyInfo in
-- base64url, `sign_count` the counter of the authenticator at the last use.
CREATE TABLE passkey (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    sign_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX passkey_of_account ON passkey (account_id);

-- The newest challenge of each session and of each sign-in that waits for its second factor, by their ids.
CREATE TABLE passkey_challenge (
    holder TEXT NOT NULL PRIMARY KEY,
    challenge TEXT NOT NULL,
    begun_at BIGINT NOT NULL
);
