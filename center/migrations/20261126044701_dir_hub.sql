-- +goose Up
ALTER TABLE dir_cameras ADD COLUMN gb_code TEXT NOT NULL DEFAULT '';
ALTER TABLE dir_cameras ADD COLUMN road TEXT NOT NULL DEFAULT '';
ALTER TABLE dir_cameras ADD COLUMN owner_platform TEXT NOT NULL DEFAULT '';
-- How the place was typed, and its Shanghai 2000 coordinates in metres.
ALTER TABLE dir_cameras ADD COLUMN coord_from TEXT NOT NULL DEFAULT 'wgs84';
ALTER TABLE dir_cameras ADD COLUMN sh_e DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE dir_cameras ADD COLUMN sh_n DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE dir_cameras ADD COLUMN legal_reviewed_at BIGINT;
ALTER TABLE dir_cameras ADD COLUMN technical_reviewed_at BIGINT;
ALTER TABLE dir_cameras ADD COLUMN verified_to_at BIGINT;
ALTER TABLE dir_cameras ADD COLUMN sign_on_site BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE dir_cameras ADD COLUMN published_where TEXT NOT NULL DEFAULT '';
-- What the legal facts say now, and when that changes by itself; 0 means at
-- once.
ALTER TABLE dir_cameras ADD COLUMN legal_use TEXT NOT NULL DEFAULT 'clue';
ALTER TABLE dir_cameras ADD COLUMN legal_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE dir_cameras ADD COLUMN legal_next_at BIGINT DEFAULT 0;
-- What the box keeps of the stream; 0 is nothing.
ALTER TABLE dir_cameras ADD COLUMN record_hours BIGINT NOT NULL DEFAULT 0;
ALTER TABLE dir_cameras ADD COLUMN record_quota_mb BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX ix_dir_cameras_gb ON dir_cameras (gb_code) WHERE deleted_at IS NULL AND gb_code <> '';
CREATE INDEX ix_dir_cameras_road ON dir_cameras (region_code, road, code);
CREATE INDEX ix_dir_cameras_legal ON dir_cameras (legal_next_at);
CREATE INDEX ix_dir_cameras_squad ON dir_cameras (squad_org_id);
CREATE INDEX ix_dir_cameras_deleted ON dir_cameras (deleted_at) WHERE deleted_at IS NOT NULL;

-- How many cameras are in which state: kept with every change, so that the
-- tree and the charts read few rows.
CREATE TABLE dir_counts (
    region_code TEXT NOT NULL, -- 9 digits, the street
    state       TEXT NOT NULL,
    n           BIGINT NOT NULL,
    PRIMARY KEY (region_code, state)
);
CREATE TABLE dir_road_counts (
    region_code TEXT NOT NULL,
    road        TEXT NOT NULL,
    state       TEXT NOT NULL,
    n           BIGINT NOT NULL,
    PRIMARY KEY (region_code, road, state)
);
CREATE TABLE dir_tag_counts (
    region_code TEXT NOT NULL,
    tag         TEXT NOT NULL,
    state       TEXT NOT NULL,
    n           BIGINT NOT NULL,
    PRIMARY KEY (region_code, tag, state)
);
INSERT INTO dir_counts (region_code, state, n)
SELECT c.region_code, s.state, COUNT(*) FROM dir_cameras c JOIN dir_states s ON s.camera_id = c.id
WHERE c.deleted_at IS NULL GROUP BY c.region_code, s.state;
INSERT INTO dir_road_counts (region_code, road, state, n)
SELECT c.region_code, c.road, s.state, COUNT(*) FROM dir_cameras c JOIN dir_states s ON s.camera_id = c.id
WHERE c.deleted_at IS NULL GROUP BY c.region_code, c.road, s.state;
INSERT INTO dir_tag_counts (region_code, tag, state, n)
SELECT c.region_code, t.tag, s.state, COUNT(*) FROM dir_cameras c JOIN dir_states s ON s.camera_id = c.id JOIN dir_tags t ON t.camera_id = c.id
WHERE c.deleted_at IS NULL GROUP BY c.region_code, t.tag, s.state;

-- Pairs of characters of names and of their initials.
CREATE TABLE dir_keys (
    key       BIGINT NOT NULL,
    camera_id TEXT NOT NULL REFERENCES dir_cameras (id),
    PRIMARY KEY (key, camera_id)
);
-- What the keys of a camera were made of; absent until they are made.
CREATE TABLE dir_keyed (
    camera_id TEXT PRIMARY KEY REFERENCES dir_cameras (id),
    made_of   TEXT NOT NULL
);

-- The dictionary of types (tags).
CREATE TABLE dir_types (
    tag        TEXT PRIMARY KEY,
    grp        TEXT NOT NULL,
    keywords   TEXT NOT NULL, -- words in names and addresses that suggest it, parted by commas
    restricted BOOLEAN NOT NULL, -- watching needs a grant that names the type
    note       TEXT NOT NULL,
    state      TEXT NOT NULL, -- active | disabled
    seq        INTEGER NOT NULL,
    updated_at BIGINT NOT NULL,
    rev        BIGINT NOT NULL
);
CREATE TABLE dir_suggestions (
    camera_id   TEXT NOT NULL REFERENCES dir_cameras (id),
    tag         TEXT NOT NULL,
    region_code TEXT NOT NULL,
    source      TEXT NOT NULL, -- name | zones | seen | picture
    confidence  DOUBLE PRECISION NOT NULL,
    why         TEXT NOT NULL,
    state       TEXT NOT NULL, -- open | accepted | refused
    made_at     BIGINT NOT NULL,
    decided_at  BIGINT,
    decided_by  TEXT NOT NULL,
    PRIMARY KEY (camera_id, tag)
);
CREATE INDEX ix_dir_suggestions_open ON dir_suggestions (state, region_code, confidence);
-- When a camera was last looked at for suggestions.
CREATE TABLE dir_looked (
    camera_id TEXT PRIMARY KEY REFERENCES dir_cameras (id),
    at        BIGINT NOT NULL,
    made_of   TEXT NOT NULL
);

-- Areas with permits: 外摆许可, 疏导点, 管控点.
CREATE TABLE dir_permits (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL, -- outdoor | relief | control
    name        TEXT NOT NULL,
    region_code TEXT NOT NULL,
    doc_no      TEXT NOT NULL,
    issuer      TEXT NOT NULL,
    hours       TEXT NOT NULL,
    weekdays    TEXT NOT NULL, -- such as 567; 1 is Monday, empty is every day
    from_at     BIGINT NOT NULL,
    to_at       BIGINT NOT NULL,
    polygon     TEXT NOT NULL, -- JSON of lng, lat pairs; empty when only in pictures
    lng         DOUBLE PRECISION NOT NULL,
    lat         DOUBLE PRECISION NOT NULL,
    note        TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    deleted_at  BIGINT,
    rev         BIGINT NOT NULL
);
CREATE INDEX ix_dir_permits_region ON dir_permits (region_code, to_at);
CREATE TABLE dir_permit_cameras (
    permit_id TEXT NOT NULL REFERENCES dir_permits (id),
    camera_id TEXT NOT NULL REFERENCES dir_cameras (id),
    polygon   TEXT NOT NULL, -- JSON of x, y pairs in the picture
    active    BOOLEAN NOT NULL, -- as the box was last told
    PRIMARY KEY (permit_id, camera_id)
);
CREATE INDEX ix_dir_permit_cameras_camera ON dir_permit_cameras (camera_id);

-- Grants of watching: to whom, where, which types, which acts, how long.
CREATE TABLE dir_grants (
    id            TEXT PRIMARY KEY,
    subject_kind  TEXT NOT NULL, -- person | org | role
    subject_id    TEXT NOT NULL,
    subject_name  TEXT NOT NULL,
    prefixes      TEXT NOT NULL,
    tags          TEXT NOT NULL, -- empty is every type that is not restricted
    acts          TEXT NOT NULL,
    pass_on       BOOLEAN NOT NULL,
    from_at       BIGINT NOT NULL,
    to_at         BIGINT NOT NULL,
    reason        TEXT NOT NULL,
    parent_id     TEXT NOT NULL, -- the grant that it was passed on from
    region_code   TEXT NOT NULL, -- the first prefix, for lists
    granted_by    TEXT NOT NULL,
    granted_name  TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    revoked_at    BIGINT,
    revoked_by    TEXT NOT NULL,
    revoke_reason TEXT NOT NULL,
    mac           TEXT NOT NULL
);
CREATE INDEX ix_dir_grants_subject ON dir_grants (subject_id, to_at);
CREATE INDEX ix_dir_grants_parent ON dir_grants (parent_id);
CREATE INDEX ix_dir_grants_by ON dir_grants (granted_by, created_at);
CREATE INDEX ix_dir_grants_made ON dir_grants (created_at);

-- Edits of many cameras at once, which can be undone for a while.
CREATE TABLE dir_batches (
    id            TEXT PRIMARY KEY,
    act           TEXT NOT NULL, -- edit | import | classify
    actor_id      TEXT NOT NULL,
    actor_name    TEXT NOT NULL,
    summary       TEXT NOT NULL,
    n             BIGINT NOT NULL,
    made_at       BIGINT NOT NULL,
    undo_until_at BIGINT NOT NULL,
    undone_at     BIGINT,
    undone_by     TEXT NOT NULL
);
CREATE INDEX ix_dir_batches_actor ON dir_batches (actor_id, made_at);
CREATE TABLE dir_batch_items (
    batch_id  TEXT NOT NULL REFERENCES dir_batches (id),
    camera_id TEXT NOT NULL REFERENCES dir_cameras (id),
    rev       BIGINT NOT NULL, -- after the edit
    before    TEXT NOT NULL,   -- JSON of the fields that were changed; empty for a new camera
    PRIMARY KEY (batch_id, camera_id)
);

CREATE VIEW v_dir_legal AS
SELECT c.id AS camera_id, c.legal_use = 'evidence' AS evidence, c.legal_reason AS reason, c.legal_next_at AS until_at
FROM dir_cameras c;

CREATE VIEW v_dir_map AS
SELECT c.id, 'camera' AS kind, s.state, c.name, c.region_code, c.lng, c.lat, s.since_at AS at
FROM dir_cameras c JOIN dir_states s ON s.camera_id = c.id
WHERE c.deleted_at IS NULL;

CREATE VIEW v_dir_permit_map AS
SELECT p.id, p.kind, '' AS state, p.name, p.region_code, p.lng, p.lat, p.from_at AS at, p.to_at AS until, p.polygon, p.hours, p.weekdays
FROM dir_permits p
WHERE p.deleted_at IS NULL;

-- +goose Down
DROP VIEW v_dir_permit_map;
DROP VIEW v_dir_map;
DROP VIEW v_dir_legal;
DROP TABLE dir_batch_items;
DROP TABLE dir_batches;
DROP TABLE dir_grants;
DROP TABLE dir_permit_cameras;
DROP TABLE dir_permits;
DROP TABLE dir_looked;
DROP TABLE dir_suggestions;
DROP TABLE dir_types;
DROP TABLE dir_keyed;
DROP TABLE dir_keys;
DROP TABLE dir_tag_counts;
DROP TABLE dir_road_counts;
DROP TABLE dir_counts;
DROP INDEX ix_dir_cameras_gb;
DROP INDEX ix_dir_cameras_road;
DROP INDEX ix_dir_cameras_legal;
DROP INDEX ix_dir_cameras_squad;
DROP INDEX ix_dir_cameras_deleted;
ALTER TABLE dir_cameras DROP COLUMN record_quota_mb;
ALTER TABLE dir_cameras DROP COLUMN record_hours;
ALTER TABLE dir_cameras DROP COLUMN legal_next_at;
ALTER TABLE dir_cameras DROP COLUMN legal_reason;
ALTER TABLE dir_cameras DROP COLUMN legal_use;
ALTER TABLE dir_cameras DROP COLUMN published_where;
ALTER TABLE dir_cameras DROP COLUMN sign_on_site;
ALTER TABLE dir_cameras DROP COLUMN verified_to_at;
ALTER TABLE dir_cameras DROP COLUMN technical_reviewed_at;
ALTER TABLE dir_cameras DROP COLUMN legal_reviewed_at;
ALTER TABLE dir_cameras DROP COLUMN sh_n;
ALTER TABLE dir_cameras DROP COLUMN sh_e;
ALTER TABLE dir_cameras DROP COLUMN coord_from;
ALTER TABLE dir_cameras DROP COLUMN owner_platform;
ALTER TABLE dir_cameras DROP COLUMN road;
ALTER TABLE dir_cameras DROP COLUMN gb_code;
