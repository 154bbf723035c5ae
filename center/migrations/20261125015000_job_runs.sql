-- +goose Up
-- What people see of a job beside river's own row.
CREATE TABLE job_runs (
    job_id     BIGINT PRIMARY KEY, -- river_job.id
    kind       TEXT NOT NULL,
    title      TEXT NOT NULL,
    by_id      TEXT NOT NULL,
    by_name    TEXT NOT NULL,
    done       BIGINT NOT NULL,
    total      BIGINT NOT NULL, -- 0 when unknown
    note       TEXT NOT NULL,
    cancel_at  BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX ix_job_runs_kind ON job_runs (kind, job_id);

CREATE TABLE job_log (
    id      TEXT PRIMARY KEY,
    job_id  BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    line    TEXT NOT NULL
);
CREATE INDEX ix_job_log_job ON job_log (job_id, id);

-- Work that is due at a moment. Its effect and its end are one transaction.
CREATE TABLE job_timers (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    key        TEXT NOT NULL,
    payload    TEXT NOT NULL,
    state      TEXT NOT NULL, -- pending | done | failed | cancelled
    due_at     BIGINT NOT NULL,
    next_at    BIGINT NOT NULL, -- due_at, or when it is tried again
    tries      INTEGER NOT NULL,
    last_error TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE UNIQUE INDEX ix_job_timers_pending ON job_timers (kind, key) WHERE state = 'pending';
CREATE INDEX ix_job_timers_next ON job_timers (state, next_at, id);

-- Centers that are alive; what a dead one was doing is given to another.
CREATE TABLE job_centers (
    id      TEXT PRIMARY KEY,
    beat_at BIGINT NOT NULL
);

ALTER TABLE job_lease ADD COLUMN ask_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE job_lease ADD COLUMN last_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE job_lease ADD COLUMN runs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE job_lease ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE job_lease DROP COLUMN failures;
ALTER TABLE job_lease DROP COLUMN runs;
ALTER TABLE job_lease DROP COLUMN last_ms;
ALTER TABLE job_lease DROP COLUMN ask_at;
DROP TABLE job_centers;
DROP TABLE job_timers;
DROP TABLE job_log;
DROP TABLE job_runs;
