-- +goose Up
ALTER TABLE audit_records ADD COLUMN alg TEXT NOT NULL DEFAULT 'sm3';
ALTER TABLE audit_head ADD COLUMN mac TEXT NOT NULL DEFAULT '';
CREATE TABLE audit_archives (
    id TEXT PRIMARY KEY,
    from_seq BIGINT NOT NULL,
    to_seq BIGINT NOT NULL,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    rows_n BIGINT NOT NULL,
    file TEXT NOT NULL,
    sm3 TEXT NOT NULL,
    last_digest TEXT NOT NULL,
    manifest TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX audit_archives_from ON audit_archives (from_seq);
CREATE TABLE audit_checks (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    rows_n BIGINT NOT NULL,
    took_ms BIGINT NOT NULL,
    fault_seq BIGINT NOT NULL,
    fault TEXT NOT NULL,
    by_name TEXT NOT NULL
);
CREATE INDEX audit_checks_at ON audit_checks (at);
CREATE INDEX audit_records_act ON audit_records (act, seq);

-- +goose Down
DROP INDEX audit_records_act;
DROP TABLE audit_checks;
DROP TABLE audit_archives;
ALTER TABLE audit_head DROP COLUMN mac;
ALTER TABLE audit_records DROP COLUMN alg;
