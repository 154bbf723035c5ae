-- +goose Up
CREATE TABLE transfer_exports (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    format     TEXT NOT NULL, -- xlsx | csv
    filter     TEXT NOT NULL, -- JSON, as the list's query
    reason     TEXT NOT NULL,
    by_id      TEXT NOT NULL,
    by_name    TEXT NOT NULL,
    job_id     TEXT NOT NULL,
    state      TEXT NOT NULL, -- waiting | done | failed | cancelled | expired
    rows       BIGINT NOT NULL,
    size       BIGINT NOT NULL,
    sm3        TEXT NOT NULL,
    error      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at   BIGINT,
    expires_at BIGINT,
    downloads  BIGINT NOT NULL
);
CREATE INDEX ix_transfer_exports_by ON transfer_exports (by_id, created_at);
CREATE INDEX ix_transfer_exports_expires ON transfer_exports (state, expires_at);

CREATE TABLE transfer_imports (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    file_name  TEXT NOT NULL,
    sm3        TEXT NOT NULL,
    by_id      TEXT NOT NULL,
    by_name    TEXT NOT NULL,
    job_id     TEXT NOT NULL,
    state      TEXT NOT NULL, -- checking | checked | loading | done | failed | dropped
    rows       BIGINT NOT NULL,
    bad        BIGINT NOT NULL,
    loaded     BIGINT NOT NULL,
    problems   TEXT NOT NULL, -- JSON list
    error      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX ix_transfer_imports_by ON transfer_imports (by_id, created_at);

-- +goose Down
DROP TABLE transfer_imports;
DROP TABLE transfer_exports;
