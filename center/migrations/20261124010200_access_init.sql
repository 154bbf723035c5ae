-- +goose Up
CREATE TABLE access_orgs (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    region_code TEXT NOT NULL,
    parent_id TEXT NOT NULL
);
CREATE INDEX access_orgs_region ON access_orgs (region_code, kind);
CREATE TABLE access_persons (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    cert_no TEXT NOT NULL DEFAULT '',
    phone TEXT NOT NULL DEFAULT '',
    org_id TEXT NOT NULL REFERENCES access_orgs (id),
    password_hash TEXT NOT NULL,
    must_change SMALLINT NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    rev INTEGER NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX access_persons_account ON access_persons (account);
CREATE INDEX access_persons_org ON access_persons (org_id);
CREATE TABLE access_grants (
    id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES access_persons (id),
    role TEXT NOT NULL,
    prefixes TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    to_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX access_grants_person ON access_grants (person_id);
CREATE TABLE access_sessions (
    token_hash TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES access_persons (id),
    csrf TEXT NOT NULL,
    ip TEXT NOT NULL,
    agent TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX access_sessions_person ON access_sessions (person_id);
CREATE TABLE access_failures (
    account TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    last_at BIGINT NOT NULL,
    locked_until_at BIGINT
);

-- +goose Down
DROP TABLE access_failures;
DROP TABLE access_sessions;
DROP TABLE access_grants;
DROP TABLE access_persons;
DROP TABLE access_orgs;
