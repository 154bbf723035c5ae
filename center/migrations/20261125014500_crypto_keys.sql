-- +goose Up
CREATE TABLE crypto_keys (
    id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    kind TEXT NOT NULL,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    master TEXT NOT NULL,
    wrapped TEXT NOT NULL,
    check_value TEXT NOT NULL,
    cert TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE UNIQUE INDEX crypto_keys_version ON crypto_keys (kind, purpose, version);
CREATE TABLE crypto_signatures (
    id TEXT PRIMARY KEY,
    object TEXT NOT NULL,
    object_id TEXT NOT NULL,
    name TEXT NOT NULL,
    sm3 TEXT NOT NULL,
    purpose TEXT NOT NULL,
    key_id TEXT NOT NULL,
    alg TEXT NOT NULL,
    value TEXT NOT NULL,
    signer TEXT NOT NULL,
    signer_name TEXT NOT NULL,
    region_code TEXT NOT NULL,
    signed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX crypto_signatures_object ON crypto_signatures (object, object_id, sm3);
CREATE INDEX crypto_signatures_sm3 ON crypto_signatures (sm3);

-- +goose Down
DROP TABLE crypto_signatures;
DROP TABLE crypto_keys;
