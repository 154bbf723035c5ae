-- +goose Up
CREATE TABLE audit_records (
    seq BIGINT PRIMARY KEY,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    org_id TEXT NOT NULL,
    act TEXT NOT NULL,
    object TEXT NOT NULL,
    object_id TEXT NOT NULL,
    region_code TEXT NOT NULL,
    summary TEXT NOT NULL,
    ip TEXT NOT NULL,
    request_id TEXT NOT NULL,
    before_json TEXT NOT NULL,
    after_json TEXT NOT NULL,
    reason TEXT NOT NULL,
    prev TEXT NOT NULL,
    digest TEXT NOT NULL
);
CREATE UNIQUE INDEX audit_records_id ON audit_records (id);
CREATE INDEX audit_records_object ON audit_records (object, object_id, seq);
CREATE INDEX audit_records_actor ON audit_records (actor_id, seq);
CREATE INDEX audit_records_at ON audit_records (at);
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY,
    seq BIGINT NOT NULL,
    digest TEXT NOT NULL
);
INSERT INTO audit_head (id, seq, digest) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- +goose Down
DROP TABLE audit_head;
DROP TABLE audit_records;
