-- +goose Up
-- Who watched what, when and for how long. film_from and film_until bound
-- what was shown of a recording.
CREATE TABLE live_watches (
    id          TEXT PRIMARY KEY,
    person_id   TEXT NOT NULL,
    person_name TEXT NOT NULL,
    account     TEXT NOT NULL,
    org_id      TEXT NOT NULL,
    org_name    TEXT NOT NULL,
    camera_id   TEXT NOT NULL,
    camera_name TEXT NOT NULL,
    region_code TEXT NOT NULL,
    kind        TEXT NOT NULL, -- live, playback, snapshot, download
    started_at  BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL, -- last sign of life
    ended_at    BIGINT,
    seconds     INTEGER NOT NULL,
    ymd         INTEGER NOT NULL,
    film_from   BIGINT,
    film_until  BIGINT,
    note        TEXT NOT NULL
);
CREATE INDEX ix_live_watches_started ON live_watches (started_at, id, region_code, kind, person_id, camera_id);
CREATE INDEX ix_live_watches_person ON live_watches (person_id, started_at, id, region_code, kind, camera_id);
CREATE INDEX ix_live_watches_camera ON live_watches (camera_id, started_at, id, region_code, kind, person_id);
CREATE INDEX ix_live_watches_seconds ON live_watches (seconds, id, region_code, kind, started_at);
CREATE INDEX ix_live_watches_open ON live_watches (seen_at) WHERE ended_at IS NULL;

-- Layouts of the wall and rotations, each of one person.
CREATE TABLE live_walls (
    id         TEXT PRIMARY KEY,
    owner_id   TEXT NOT NULL,
    owner_name TEXT NOT NULL,
    org_id     TEXT NOT NULL,
    shared     SMALLINT NOT NULL, -- others of the organisation see it
    kind       TEXT NOT NULL,     -- wall or tour
    name       TEXT NOT NULL,
    layout     INTEGER NOT NULL,
    cameras    TEXT NOT NULL,     -- JSON list; "" is an empty cell
    interval_s INTEGER NOT NULL,  -- of a tour
    updated_at BIGINT NOT NULL,
    rev        BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_live_walls_name ON live_walls (owner_id, kind, name);
CREATE INDEX ix_live_walls_org ON live_walls (org_id, shared);

-- Videos that boxes cut from their recordings. They are kept for a while, so
-- that a second viewer does not ask the box again.
CREATE TABLE live_cuts (
    id          TEXT PRIMARY KEY, -- camera, span and lead
    sm3         TEXT NOT NULL,
    camera_id   TEXT NOT NULL,
    region_code TEXT NOT NULL,
    from_at     BIGINT NOT NULL, -- of its first picture
    until_at    BIGINT NOT NULL,
    size        BIGINT NOT NULL,
    width       INTEGER NOT NULL,
    height      INTEGER NOT NULL,
    codec       TEXT NOT NULL,
    fps         DOUBLE PRECISION NOT NULL,
    used_at     BIGINT NOT NULL
);
CREATE INDEX ix_live_cuts_sm3 ON live_cuts (sm3);
CREATE INDEX ix_live_cuts_used ON live_cuts (used_at);

CREATE VIEW v_live_watch AS
SELECT id, person_id, person_name, account, org_id, org_name, camera_id, camera_name, region_code, kind,
    started_at, ended_at, seconds, ymd, film_from, film_until, note
FROM live_watches;

-- What became of each recognition, for figures and for trying other
-- thresholds. Both views belong to the alerts.
CREATE VIEW v_alert_outcomes AS
SELECT id, no, camera_id, camera_name, region_code, kind, seen_kind, zone_id, zone_name, state, score,
    since_at, confirmed_at, ended_at, received_at, received_ymd, thumb, order_id
FROM alert_items;

CREATE VIEW v_alert_bodies AS
SELECT alert_id, body FROM alert_events;

-- +goose Down
DROP VIEW v_alert_bodies;
DROP VIEW v_alert_outcomes;
DROP VIEW v_live_watch;
DROP TABLE live_cuts;
DROP TABLE live_walls;
DROP TABLE live_watches;
