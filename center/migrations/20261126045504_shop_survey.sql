-- +goose Up
-- The survey ledger: one row for each sign of a place in a task; looking
-- again at the same sign raises looks.
CREATE TABLE shop_sightings (
    id             TEXT PRIMARY KEY,
    observation_id TEXT NOT NULL,
    spot           TEXT NOT NULL, -- task, camera and zone, or camera and text
    task_id        TEXT NOT NULL,
    camera_id      TEXT NOT NULL,
    zone_id        TEXT NOT NULL,
    region_code    TEXT NOT NULL,
    road           TEXT NOT NULL,
    house_no       BIGINT NOT NULL,
    address        TEXT NOT NULL,
    lng            DOUBLE PRECISION NOT NULL,
    lat            DOUBLE PRECISION NOT NULL,
    at             BIGINT NOT NULL,
    ymd            BIGINT NOT NULL,
    looks          BIGINT NOT NULL,
    text           TEXT NOT NULL,
    text_lines     TEXT NOT NULL, -- JSON
    confidence     DOUBLE PRECISION NOT NULL,
    glyph_px       DOUBLE PRECISION NOT NULL,
    box_verdict    TEXT NOT NULL, -- what the box said
    box            TEXT NOT NULL, -- JSON
    crop           TEXT NOT NULL,
    frame          TEXT NOT NULL,
    verdict        TEXT NOT NULL, -- same | new | suspected | renamed | moved | unreadable | covered
    shop_id        TEXT NOT NULL, -- the shop that the verdict, or the person, speaks of
    shop_name      TEXT NOT NULL,
    business       TEXT NOT NULL,
    similarity     DOUBLE PRECISION NOT NULL,
    distance_m     DOUBLE PRECISION NOT NULL,
    result         TEXT NOT NULL, -- JSON of match.Result
    rules          BIGINT NOT NULL,
    state          TEXT NOT NULL, -- auto | waiting | later | confirmed | created | renamed | moved | false
    claimed        BOOLEAN NOT NULL,
    decided_at     BIGINT,
    decided_by     TEXT NOT NULL,
    op_id          TEXT NOT NULL,
    rev            BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_shop_sightings_spot ON shop_sightings (spot);
CREATE INDEX ix_shop_sightings_at ON shop_sightings (at, id);
CREATE INDEX ix_shop_sightings_region ON shop_sightings (region_code, at);
CREATE INDEX ix_shop_sightings_state ON shop_sightings (state, at, region_code);
CREATE INDEX ix_shop_sightings_task ON shop_sightings (task_id, at);
CREATE INDEX ix_shop_sightings_shop ON shop_sightings (shop_id, at);
CREATE INDEX ix_shop_sightings_camera ON shop_sightings (camera_id, at);
CREATE INDEX ix_shop_sightings_road ON shop_sightings (road, at);
CREATE INDEX ix_shop_sightings_crop ON shop_sightings (crop);
CREATE INDEX ix_shop_sightings_frame ON shop_sightings (frame);
CREATE INDEX ix_shop_sightings_claim ON shop_sightings (at, region_code) WHERE claimed = FALSE;

-- What was found out and told: one a day for each point and kind.
CREATE TABLE shop_findings (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    point       TEXT NOT NULL,
    ymd         BIGINT NOT NULL,
    sighting_id TEXT NOT NULL,
    shop_id     TEXT NOT NULL,
    camera_id   TEXT NOT NULL,
    zone_id     TEXT NOT NULL,
    region_code TEXT NOT NULL,
    text        TEXT NOT NULL,
    registered  TEXT NOT NULL,
    at          BIGINT NOT NULL,
    state       TEXT NOT NULL, -- open | confirmed | updated | false
    alert_id    TEXT NOT NULL,
    op_id       TEXT NOT NULL
);
CREATE UNIQUE INDEX ix_shop_findings_day ON shop_findings (point, kind, ymd);
CREATE INDEX ix_shop_findings_sighting ON shop_findings (sighting_id);
CREATE INDEX ix_shop_findings_shop ON shop_findings (shop_id, at);

CREATE TABLE shop_rules (
    version BIGINT PRIMARY KEY,
    body    TEXT NOT NULL,
    note    TEXT NOT NULL,
    at      BIGINT NOT NULL,
    by_id   TEXT NOT NULL,
    by_name TEXT NOT NULL
);

CREATE VIEW v_shops_map AS
SELECT id, business AS kind, state, name, region_code, lng, lat, updated_at AS at, address
FROM shop_items
WHERE deleted_at IS NULL;

-- +goose Down
DROP VIEW v_shops_map;
DROP TABLE shop_rules;
DROP TABLE shop_findings;
DROP TABLE shop_sightings;
