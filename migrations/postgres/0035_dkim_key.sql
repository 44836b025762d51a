-- Key pairs of DKIM. `private_key` is sealed, `public_key` is Base64 as in the record. `state` is `pending`,
-- `active` or `retiring`; a key that is retiring is deleted at `removal_at`.
CREATE TABLE dkim_key (
    id TEXT NOT NULL PRIMARY KEY,
    domain TEXT NOT NULL,
    selector TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    private_key TEXT NOT NULL,
    public_key TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    activated_at BIGINT,
    removal_at BIGINT,
    UNIQUE (domain, selector)
);
