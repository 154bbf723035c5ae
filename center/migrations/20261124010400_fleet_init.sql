-- +goose Up
CREATE TABLE fleet_boxes (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    region_code TEXT NOT NULL,
    state TEXT NOT NULL,
    state_at BIGINT NOT NULL,
    seen_at BIGINT,
    instance TEXT NOT NULL DEFAULT '',
    serial TEXT NOT NULL DEFAULT '',
    hostname TEXT NOT NULL DEFAULT '',
    version TEXT NOT NULL DEFAULT '',
    enrolled_at BIGINT,
    duplicate_at BIGINT,
    revoked_at BIGINT,
    revoke_reason TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT '',
    cameras_total INTEGER NOT NULL DEFAULT 0,
    cameras_online INTEGER NOT NULL DEFAULT 0,
    outbox_depth BIGINT NOT NULL DEFAULT 0,
    outbox_age_ms BIGINT NOT NULL DEFAULT 0,
    disk_free_mb BIGINT NOT NULL DEFAULT 0,
    memory_mb BIGINT NOT NULL DEFAULT 0,
    cpu_percent DOUBLE PRECISION NOT NULL DEFAULT 0,
    clock_offset_ms BIGINT NOT NULL DEFAULT 0,
    missing BIGINT NOT NULL DEFAULT 0,
    config_version BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    rev INTEGER NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX fleet_boxes_name ON fleet_boxes (name);
CREATE INDEX fleet_boxes_region ON fleet_boxes (region_code);
CREATE INDEX fleet_boxes_state ON fleet_boxes (state, seen_at);
CREATE TABLE fleet_tokens (
    hash TEXT PRIMARY KEY,
    box_id TEXT NOT NULL REFERENCES fleet_boxes (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX fleet_tokens_box ON fleet_tokens (box_id);
CREATE TABLE fleet_history (
    id TEXT PRIMARY KEY,
    box_id TEXT NOT NULL REFERENCES fleet_boxes (id),
    state TEXT NOT NULL,
    at BIGINT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX fleet_history_box ON fleet_history (box_id, at);
CREATE VIEW v_fleet_boxes AS
SELECT id, name, region_code, CASE WHEN revoked_at IS NOT NULL THEN 'revoked' ELSE state END AS state
FROM fleet_boxes;

-- +goose Down
DROP VIEW v_fleet_boxes;
DROP TABLE fleet_history;
DROP TABLE fleet_tokens;
DROP TABLE fleet_boxes;
