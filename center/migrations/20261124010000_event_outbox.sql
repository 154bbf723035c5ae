-- +goose Up
CREATE TABLE event_outbox (
    id TEXT PRIMARY KEY,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL,
    last_error TEXT NOT NULL DEFAULT '',
    dead SMALLINT NOT NULL DEFAULT 0
);
CREATE INDEX event_outbox_due ON event_outbox (dead, next_at, id);
CREATE TABLE event_taken (
    event_id TEXT NOT NULL,
    consumer TEXT NOT NULL,
    PRIMARY KEY (event_id, consumer)
);
CREATE TABLE job_lease (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    until_at BIGINT NOT NULL,
    last_run_at BIGINT NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT ''
);

-- +goose Down
DROP TABLE job_lease;
DROP TABLE event_taken;
DROP TABLE event_outbox;
