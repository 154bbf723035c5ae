-- +goose Up
CREATE TABLE access_signin_policies (
    version INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    source TEXT NOT NULL,
    verified SMALLINT NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    by_id TEXT NOT NULL,
    by_name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE access_signin_passwords (
    id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX access_signin_passwords_person ON access_signin_passwords (person_id, id);
CREATE TABLE access_signin_totp (
    person_id TEXT PRIMARY KEY,
    secret TEXT NOT NULL,
    confirmed_at BIGINT,
    last_step BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);
CREATE TABLE access_signin_recovery (
    digest TEXT PRIMARY KEY,
    person_id TEXT NOT NULL,
    used_at BIGINT
);
CREATE INDEX access_signin_recovery_person ON access_signin_recovery (person_id);
CREATE TABLE access_signin_challenges (
    digest TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    person_id TEXT NOT NULL DEFAULT '',
    data TEXT NOT NULL DEFAULT '',
    tries INTEGER NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX access_signin_challenges_expires ON access_signin_challenges (expires_at);
CREATE TABLE access_signin_anchors (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    ski TEXT NOT NULL,
    pem TEXT NOT NULL,
    not_before_at BIGINT NOT NULL,
    not_after_at BIGINT NOT NULL,
    crl TEXT NOT NULL DEFAULT '',
    crl_number TEXT NOT NULL DEFAULT '',
    crl_this_at BIGINT,
    crl_next_at BIGINT,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    rev INTEGER NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX access_signin_anchors_ski ON access_signin_anchors (ski);
CREATE TABLE access_signin_certs (
    id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL,
    serial TEXT NOT NULL,
    subject TEXT NOT NULL,
    issuer TEXT NOT NULL,
    ski TEXT NOT NULL,
    digest TEXT NOT NULL,
    not_after_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_at BIGINT
);
CREATE UNIQUE INDEX access_signin_certs_digest ON access_signin_certs (digest);
CREATE INDEX access_signin_certs_person ON access_signin_certs (person_id);
CREATE TABLE access_signin_providers (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    secret TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    rev INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE access_signin_links (
    provider_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    person_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_at BIGINT,
    PRIMARY KEY (provider_id, subject)
);
CREATE INDEX access_signin_links_person ON access_signin_links (person_id);
CREATE TABLE access_signin_tokens (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    person_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    hint TEXT NOT NULL,
    perms TEXT NOT NULL,
    prefixes TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_at BIGINT,
    last_ip TEXT NOT NULL DEFAULT '',
    revoked_at BIGINT,
    reason TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX access_signin_tokens_digest ON access_signin_tokens (digest);
CREATE INDEX access_signin_tokens_person ON access_signin_tokens (person_id);
CREATE TABLE access_signin_rates (
    id TEXT PRIMARY KEY,
    window_at BIGINT NOT NULL,
    hits INTEGER NOT NULL
);

-- +goose Down
DROP TABLE access_signin_rates;
DROP TABLE access_signin_tokens;
DROP TABLE access_signin_links;
DROP TABLE access_signin_providers;
DROP TABLE access_signin_certs;
DROP TABLE access_signin_anchors;
DROP TABLE access_signin_challenges;
DROP TABLE access_signin_recovery;
DROP TABLE access_signin_totp;
DROP TABLE access_signin_passwords;
DROP TABLE access_signin_policies;
