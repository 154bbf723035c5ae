-- +goose Up
-- A plan says what is looked at, when, and whose work it is. The columns are
-- the newest version's; patrol_versions keeps every version that tasks ran by.
CREATE TABLE patrol_plans (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL, -- survey | inspection
    state       TEXT NOT NULL, -- draft | enabled | paused | ended
    region_code TEXT NOT NULL, -- the part of the city that it stays in
    org_mode    TEXT NOT NULL, -- org | squad
    org_id      TEXT NOT NULL,
    org_name    TEXT NOT NULL,
    body        TEXT NOT NULL, -- JSON of the plan's content
    version     INTEGER NOT NULL,
    seed        TEXT NOT NULL, -- of the random times; never shown
    search      TEXT NOT NULL,
    from_ymd    INTEGER NOT NULL,
    to_ymd      INTEGER NOT NULL, -- 0 has no end
    cameras     INTEGER NOT NULL, -- in scope when it was last resolved
    made_to_at  BIGINT NOT NULL,  -- runs up to here are made
    next_at     BIGINT,           -- the next run's window begins
    created_by  TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_by  TEXT NOT NULL,
    updated_at  BIGINT NOT NULL,
    rev         BIGINT NOT NULL
);
CREATE INDEX ix_patrol_plans_region ON patrol_plans (region_code, state, next_at);
CREATE INDEX ix_patrol_plans_state ON patrol_plans (state, next_at);
CREATE INDEX ix_patrol_plans_org ON patrol_plans (org_id, state);

CREATE TABLE patrol_versions (
    plan_id TEXT NOT NULL REFERENCES patrol_plans (id),
    version INTEGER NOT NULL,
    name    TEXT NOT NULL,
    body    TEXT NOT NULL,
    reason  TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (plan_id, version)
);

-- The cameras of enabled plans when they were last resolved, to find plans
-- that meet at one camera and the load of a box.
CREATE TABLE patrol_plan_cameras (
    plan_id   TEXT NOT NULL REFERENCES patrol_plans (id),
    camera_id TEXT NOT NULL,
    box_id    TEXT NOT NULL,
    PRIMARY KEY (plan_id, camera_id)
);
CREATE INDEX ix_patrol_plan_cameras_camera ON patrol_plan_cameras (camera_id, plan_id);
CREATE INDEX ix_patrol_plan_cameras_box ON patrol_plan_cameras (box_id, plan_id);

CREATE TABLE patrol_numbers (
    ymd  INTEGER PRIMARY KEY,
    last BIGINT NOT NULL
);

-- One run of a plan for one unit. slot_at is the beginning of the plan's
-- window, whatever part of it was drawn; with plan and unit it is unique, so
-- that a run is made once.
CREATE TABLE patrol_tasks (
    id          TEXT PRIMARY KEY,
    no          TEXT NOT NULL,
    plan_id     TEXT NOT NULL, -- empty for a task without a plan
    plan_name   TEXT NOT NULL,
    version     INTEGER NOT NULL,
    slot_at     BIGINT NOT NULL,
    unit        TEXT NOT NULL, -- the unit at the time of making; part of the identity
    source      TEXT NOT NULL, -- plan | manual | recheck
    source_id   TEXT NOT NULL, -- the order of a recheck, else empty
    kind        TEXT NOT NULL,
    kinds       TEXT NOT NULL, -- comma separated
    state       TEXT NOT NULL, -- pending | running | supplement | done | overdue | cancelled
    region_code TEXT NOT NULL,
    org_id      TEXT NOT NULL,
    org_name    TEXT NOT NULL,
    from_at     BIGINT NOT NULL,
    until_at    BIGINT NOT NULL,
    due_at      BIGINT,
    looks       INTEGER NOT NULL,
    need_pct    INTEGER NOT NULL,
    cameras     INTEGER NOT NULL,
    boxes       INTEGER NOT NULL,
    spots       INTEGER NOT NULL,
    seen        INTEGER NOT NULL,
    manual      INTEGER NOT NULL,
    waived      INTEGER NOT NULL,
    unseen      INTEGER NOT NULL,
    signs       INTEGER NOT NULL,
    opens       INTEGER NOT NULL,
    observations INTEGER NOT NULL,
    late        SMALLINT NOT NULL, -- it was overdue once
    note        TEXT NOT NULL,
    ymd         INTEGER NOT NULL, -- of from_at
    made_at     BIGINT NOT NULL,
    closed_at   BIGINT,
    rev         BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_patrol_tasks_run ON patrol_tasks (plan_id, slot_at, unit) WHERE source = 'plan';
CREATE UNIQUE INDEX ix_patrol_tasks_no ON patrol_tasks (no);
CREATE INDEX ix_patrol_tasks_region ON patrol_tasks (region_code, from_at);
CREATE INDEX ix_patrol_tasks_time ON patrol_tasks (from_at, id);
CREATE INDEX ix_patrol_tasks_state ON patrol_tasks (state, from_at, region_code);
CREATE INDEX ix_patrol_tasks_org ON patrol_tasks (org_id, from_at);
CREATE INDEX ix_patrol_tasks_plan ON patrol_tasks (plan_id, ymd, state, spots, seen, manual, late);
CREATE INDEX ix_patrol_tasks_day ON patrol_tasks (ymd, region_code, kind, state, org_id, spots, seen, manual, waived, late, source);
CREATE INDEX ix_patrol_tasks_source ON patrol_tasks (source, source_id);

-- What the boxes have to do for a task.
CREATE TABLE patrol_legs (
    task_id TEXT NOT NULL REFERENCES patrol_tasks (id),
    box_id  TEXT NOT NULL,
    state   TEXT NOT NULL, -- waiting | taken | refused | missed | stopping | stopped
    cameras TEXT NOT NULL, -- comma separated
    tries   INTEGER NOT NULL,
    next_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    detail  TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (task_id, box_id)
);
CREATE INDEX ix_patrol_legs_send ON patrol_legs (state, box_id, next_at);

-- A place that a task has to look at: a zone, or a camera's whole view.
CREATE TABLE patrol_spots (
    task_id     TEXT NOT NULL REFERENCES patrol_tasks (id),
    camera_id   TEXT NOT NULL,
    zone_id     TEXT NOT NULL, -- empty is the whole view
    camera_name TEXT NOT NULL,
    zone_name   TEXT NOT NULL,
    address     TEXT NOT NULL,
    region_code TEXT NOT NULL,
    shop_id     TEXT NOT NULL,
    shop_name   TEXT NOT NULL,
    box_id      TEXT NOT NULL,
    lng         DOUBLE PRECISION NOT NULL,
    lat         DOUBLE PRECISION NOT NULL,
    state       TEXT NOT NULL, -- waiting | seen | unseen | manual | waived
    seen_looks  INTEGER NOT NULL,
    unseen_looks INTEGER NOT NULL,
    reason      TEXT NOT NULL, -- why it was not seen, last told
    detail      TEXT NOT NULL,
    signs       INTEGER NOT NULL,
    opens       INTEGER NOT NULL, -- open events at the last look
    text        TEXT NOT NULL,    -- the sign as last read
    crop        TEXT NOT NULL,
    frame       TEXT NOT NULL,
    looked_at   BIGINT,
    by_id       TEXT NOT NULL,
    by_name     TEXT NOT NULL,
    note        TEXT NOT NULL,
    pictures    TEXT NOT NULL, -- comma separated SM3
    done_at     BIGINT,
    PRIMARY KEY (task_id, camera_id, zone_id)
);
CREATE INDEX ix_patrol_spots_state ON patrol_spots (task_id, state, camera_id, zone_id);
CREATE INDEX ix_patrol_spots_crop ON patrol_spots (crop);
CREATE INDEX ix_patrol_spots_frame ON patrol_spots (frame);

CREATE TABLE patrol_observations (
    id          TEXT PRIMARY KEY,
    task_id     TEXT NOT NULL,
    camera_id   TEXT NOT NULL,
    zone_id     TEXT NOT NULL,
    look        INTEGER NOT NULL,
    kind        TEXT NOT NULL, -- sign | seen | unseen
    at          BIGINT NOT NULL,
    ymd         INTEGER NOT NULL,
    region_code TEXT NOT NULL,
    shop_id     TEXT NOT NULL,
    lng         DOUBLE PRECISION NOT NULL,
    lat         DOUBLE PRECISION NOT NULL,
    verdict     TEXT NOT NULL,
    text        TEXT NOT NULL,
    confidence  DOUBLE PRECISION NOT NULL,
    glyph_px    INTEGER NOT NULL,
    box         TEXT NOT NULL, -- JSON
    sign        TEXT NOT NULL, -- JSON of the reading
    opens       INTEGER NOT NULL,
    events      TEXT NOT NULL, -- comma separated ids of open events
    reason      TEXT NOT NULL,
    detail      TEXT NOT NULL,
    crop        TEXT NOT NULL,
    frame       TEXT NOT NULL,
    source      TEXT NOT NULL, -- box id, or person id of a supplement
    by_hand     SMALLINT NOT NULL
);
CREATE INDEX ix_patrol_observations_task ON patrol_observations (task_id, camera_id, zone_id, look);
CREATE INDEX ix_patrol_observations_region ON patrol_observations (region_code, at);
CREATE INDEX ix_patrol_observations_kind ON patrol_observations (kind, at);
CREATE INDEX ix_patrol_observations_zone ON patrol_observations (zone_id, at);
CREATE INDEX ix_patrol_observations_crop ON patrol_observations (crop);
CREATE INDEX ix_patrol_observations_frame ON patrol_observations (frame);

-- When each place of any task was last seen, so that what is never seen is a
-- list and not a search.
CREATE TABLE patrol_cover (
    camera_id   TEXT NOT NULL,
    zone_id     TEXT NOT NULL,
    kind        TEXT NOT NULL, -- survey | inspection
    camera_name TEXT NOT NULL,
    zone_name   TEXT NOT NULL,
    address     TEXT NOT NULL,
    region_code TEXT NOT NULL,
    shop_id     TEXT NOT NULL,
    shop_name   TEXT NOT NULL,
    seen_at     BIGINT NOT NULL, -- 0 is never
    asked_at    BIGINT NOT NULL,
    unseen_at   BIGINT NOT NULL,
    reason      TEXT NOT NULL,
    detail      TEXT NOT NULL,
    task_id     TEXT NOT NULL, -- the last that told something
    PRIMARY KEY (camera_id, zone_id, kind)
);
CREATE INDEX ix_patrol_cover_region ON patrol_cover (region_code, seen_at);
CREATE INDEX ix_patrol_cover_seen ON patrol_cover (seen_at, region_code);
CREATE INDEX ix_patrol_cover_reason ON patrol_cover (reason, region_code);

-- Orders that wait for the camera to look again.
CREATE TABLE patrol_rechecks (
    order_id   TEXT PRIMARY KEY,
    camera_id  TEXT NOT NULL,
    zone_id    TEXT NOT NULL,
    not_before_at BIGINT NOT NULL,
    task_id    TEXT NOT NULL,
    state      TEXT NOT NULL, -- waiting | answered
    clean      SMALLINT NOT NULL,
    seen       SMALLINT NOT NULL,
    asked_at   BIGINT NOT NULL,
    answered_at BIGINT
);
CREATE INDEX ix_patrol_rechecks_zone ON patrol_rechecks (camera_id, zone_id, state);

-- How busy a box says it is, smoothed.
CREATE TABLE patrol_boxes (
    box_id  TEXT PRIMARY KEY,
    load    DOUBLE PRECISION NOT NULL,
    cameras INTEGER NOT NULL,
    at      BIGINT NOT NULL
);

CREATE TABLE patrol_steps (
    id      TEXT PRIMARY KEY,
    task_id TEXT NOT NULL REFERENCES patrol_tasks (id),
    at      BIGINT NOT NULL,
    act     TEXT NOT NULL,
    by_id   TEXT NOT NULL,
    by_name TEXT NOT NULL,
    text    TEXT NOT NULL
);
CREATE INDEX ix_patrol_steps_task ON patrol_steps (task_id, at);

CREATE VIEW v_patrol_observations AS
SELECT id, task_id, camera_id, zone_id, look, kind, at, ymd, region_code, shop_id, lng, lat, verdict, text, confidence, glyph_px, opens, events, reason, crop, frame, by_hand
FROM patrol_observations;

CREATE VIEW v_patrol_tasks AS
SELECT id, no, plan_id, plan_name, source, kind, state, region_code, org_id, org_name, from_at, until_at, ymd, spots, seen, manual, waived, unseen, signs, opens, late, closed_at
FROM patrol_tasks;

INSERT INTO deadline_rules (id, code, version, name, unit, amount, same_day, office, roll, near, pause_events, ext_count, ext_amount,
    levels, source, effective_from_at, effective_to_at, made_by, verified, enabled, made_at) VALUES
    ('patrol.task-1', 'patrol.task', 1, '排摸巡检任务补录完成', 'hour', 24, 0, 0, 0, 4, '[]', 2, 24,
        '[{"id":"warn","offset":-2,"action":"notify","to":"squad_leader","label":"到期前 2 小时提醒补录"},{"id":"over","offset":0,"action":"raise","to":"squad_leader","label":"到期未完成，提高优先级"},{"id":"over24","offset":24,"action":"notify","to":"district_dispatcher","label":"逾期 24 小时通知区局派单员"}]',
        '默认配置，无公开依据，待业务部门确认', 0, NULL, 'system', 0, 1, 0);

-- +goose Down
DELETE FROM deadline_rules WHERE code = 'patrol.task';
DROP VIEW v_patrol_tasks;
DROP VIEW v_patrol_observations;
DROP TABLE patrol_steps;
DROP TABLE patrol_boxes;
DROP TABLE patrol_rechecks;
DROP TABLE patrol_cover;
DROP TABLE patrol_observations;
DROP TABLE patrol_spots;
DROP TABLE patrol_legs;
DROP TABLE patrol_tasks;
DROP TABLE patrol_numbers;
DROP TABLE patrol_plan_cameras;
DROP TABLE patrol_versions;
DROP TABLE patrol_plans;
