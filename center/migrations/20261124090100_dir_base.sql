-- +goose Up
CREATE TABLE dir_cameras (
    id                 TEXT PRIMARY KEY,
    code               TEXT NOT NULL,
    name               TEXT NOT NULL,
    address            TEXT NOT NULL,
    region_code        TEXT NOT NULL, -- 9 digits, the street
    region_name        TEXT NOT NULL,
    street_name        TEXT NOT NULL,
    lng                DOUBLE PRECISION NOT NULL,
    lat                DOUBLE PRECISION NOT NULL,
    box_id             TEXT NOT NULL,
    url                TEXT NOT NULL,
    sub_url            TEXT NOT NULL,
    username           TEXT NOT NULL,
    password           TEXT NOT NULL,
    transport          TEXT NOT NULL,
    interval_ms        BIGINT NOT NULL,
    squad_org_id       TEXT NOT NULL,
    reference_sm3      TEXT NOT NULL,
    legal_status       TEXT NOT NULL, -- approved | pending | expired
    legal_published_at BIGINT,
    legal_valid_to_at  BIGINT,
    legal_note         TEXT NOT NULL,
    snapshot_sm3       TEXT NOT NULL,
    snapshot_width     INTEGER NOT NULL,
    snapshot_height    INTEGER NOT NULL,
    snapshot_at        BIGINT,
    search             TEXT NOT NULL,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    deleted_at         BIGINT,
    zones_rev          BIGINT NOT NULL,
    rev                BIGINT NOT NULL
);
-- A code is used once among the cameras that are not deleted.
CREATE UNIQUE INDEX ix_dir_cameras_code ON dir_cameras (code) WHERE deleted_at IS NULL;
CREATE INDEX ix_dir_cameras_region ON dir_cameras (region_code, code);
CREATE INDEX ix_dir_cameras_box ON dir_cameras (box_id);
CREATE INDEX ix_dir_cameras_place ON dir_cameras (lat, lng);
CREATE INDEX ix_dir_cameras_snapshot ON dir_cameras (snapshot_sm3);

-- What the box last said, apart from the master data so that a status never
-- collides with an edit.
CREATE TABLE dir_states (
    camera_id TEXT PRIMARY KEY REFERENCES dir_cameras (id),
    state     TEXT NOT NULL,
    since_at  BIGINT NOT NULL,
    diagnosis TEXT NOT NULL,
    detail    TEXT NOT NULL,
    as_of_at  BIGINT,
    status    TEXT NOT NULL -- JSON of the last edgev1.CameraStatus, or empty
);
CREATE INDEX ix_dir_states_state ON dir_states (state, camera_id);

CREATE TABLE dir_tags (
    camera_id TEXT NOT NULL REFERENCES dir_cameras (id),
    tag       TEXT NOT NULL,
    PRIMARY KEY (camera_id, tag)
);
CREATE INDEX ix_dir_tags_tag ON dir_tags (tag);

CREATE TABLE dir_zones (
    id                 TEXT PRIMARY KEY,
    camera_id          TEXT NOT NULL REFERENCES dir_cameras (id),
    seq                INTEGER NOT NULL,
    name               TEXT NOT NULL,
    kind               TEXT NOT NULL,
    polygon            TEXT NOT NULL, -- JSON
    hours              TEXT NOT NULL,
    dwell_s            DOUBLE PRECISION NOT NULL,
    end_delay_s        DOUBLE PRECISION NOT NULL,
    min_area           DOUBLE PRECISION NOT NULL,
    open_score         DOUBLE PRECISION NOT NULL,
    close_score        DOUBLE PRECISION NOT NULL,
    shop_id            TEXT NOT NULL,
    sign_name          TEXT NOT NULL,
    sign_reference_sm3 TEXT NOT NULL,
    scale_m2           DOUBLE PRECISION NOT NULL
);
CREATE INDEX ix_dir_zones_camera ON dir_zones (camera_id, seq);
CREATE INDEX ix_dir_zones_shop ON dir_zones (shop_id);

-- The desired state of each box: every version that was ever sent.
CREATE TABLE dir_configs (
    box_id  TEXT NOT NULL,
    version BIGINT NOT NULL,
    digest  TEXT NOT NULL, -- SM3 of the content without version and time
    body    TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (box_id, version)
);

CREATE TABLE dir_boxes (
    box_id          TEXT PRIMARY KEY,
    version         BIGINT NOT NULL, -- desired
    applied_version BIGINT NOT NULL,
    applied_at      BIGINT
);

-- Camera state over time; to_at is empty for the running segment.
CREATE TABLE dir_segments (
    id        TEXT PRIMARY KEY,
    camera_id TEXT NOT NULL REFERENCES dir_cameras (id),
    state     TEXT NOT NULL,
    diagnosis TEXT NOT NULL,
    detail    TEXT NOT NULL,
    from_at   BIGINT NOT NULL,
    to_at     BIGINT
);
CREATE INDEX ix_dir_segments_camera ON dir_segments (camera_id, from_at);

CREATE VIEW v_directory_map AS
SELECT c.id, c.name, c.lng, c.lat, s.state, c.region_code
FROM dir_cameras c JOIN dir_states s ON s.camera_id = c.id
WHERE c.deleted_at IS NULL;

CREATE VIEW v_directory_zones AS
SELECT z.id, z.camera_id, z.name, z.kind, z.shop_id
FROM dir_zones z;

CREATE VIEW v_directory_cameras AS
SELECT c.id, c.code, c.name, c.address, c.region_code, c.street_name, c.lng, c.lat, c.box_id, c.squad_org_id, s.state, s.as_of_at
FROM dir_cameras c JOIN dir_states s ON s.camera_id = c.id
WHERE c.deleted_at IS NULL;

-- +goose Down
DROP VIEW v_directory_cameras;
DROP VIEW v_directory_zones;
DROP VIEW v_directory_map;
DROP TABLE dir_segments;
DROP TABLE dir_boxes;
DROP TABLE dir_configs;
DROP TABLE dir_zones;
DROP TABLE dir_tags;
DROP TABLE dir_states;
DROP TABLE dir_cameras;
