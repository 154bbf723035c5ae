-- +goose Up
-- Numbers that decide about notices, versioned; a notice keeps its version.
CREATE TABLE notice_rules (
    id                TEXT PRIMARY KEY,
    version           INTEGER NOT NULL,
    push_minutes      BIGINT NOT NULL, -- without a receipt, before the next way is taken
    sms_minutes       BIGINT NOT NULL,
    link_days         BIGINT NOT NULL, -- how long the address in a message works
    objection_hours   BIGINT NOT NULL, -- how long somebody may object
    objection_pauses  SMALLINT NOT NULL, -- 1: the deadline stands while an objection is looked at
    auto_issue        SMALLINT NOT NULL, -- 1: a new order makes its notice by itself
    photo_limit       BIGINT NOT NULL,
    urgent            SMALLINT NOT NULL, -- 1: messages pass quiet hours
    contact           TEXT NOT NULL, -- telephone number that the page shows
    source            TEXT NOT NULL,
    verified          SMALLINT NOT NULL,
    effective_from_at BIGINT NOT NULL,
    made_by           TEXT NOT NULL,
    made_name         TEXT NOT NULL,
    reason            TEXT NOT NULL
);
CREATE UNIQUE INDEX ix_notice_rules_version ON notice_rules (version);
INSERT INTO notice_rules (id, version, push_minutes, sms_minutes, link_days, objection_hours, objection_pauses, auto_issue, photo_limit, urgent,
    contact, source, verified, effective_from_at, made_by, made_name, reason)
VALUES ('notice-rule-1', 1, 10, 30, 15, 120, 1, 0, 9, 0, '', '默认配置，无公开依据，待业务部门确认', 0, 0, 'system', '系统内置', '初始配置');

INSERT INTO deadline_rules (id, code, version, name, unit, amount, same_day, office, roll, near, pause_events, ext_count, ext_amount,
    levels, source, effective_from_at, effective_to_at, made_by, verified, enabled, made_at) VALUES
    ('notice.correct-1', 'notice.correct', 1, '责令整改通知改正期限', 'hour', 4, 0, 0, 0, 1, '["异议处理"]', 1, 24,
        '[{"id":"over","offset":0,"action":"notify","to":"squad_leader","label":"整改期限届满，通知中队长"}]',
        '默认配置，无公开依据，待业务部门确认', 0, NULL, 'system', 0, 1, 0),
    ('notice.comply-1', 'notice.comply', 1, '合规告知自查期限', 'day', 7, 0, 0, 0, 1, '["异议处理"]', 1, 7, '[]',
        '默认配置，无公开依据，待业务部门确认', 0, NULL, 'system', 0, 1, 0);

-- Texts, written by one person and approved by another.
CREATE TABLE notice_templates (
    id           TEXT PRIMARY KEY,
    code         TEXT NOT NULL,
    version      INTEGER NOT NULL,
    name         TEXT NOT NULL,
    kind         TEXT NOT NULL, -- rectify | compliance
    event_kind   TEXT NOT NULL, -- '' for all
    title        TEXT NOT NULL,
    body         TEXT NOT NULL,
    message      TEXT NOT NULL, -- what is sent
    checklist    TEXT NOT NULL, -- one line each
    state        TEXT NOT NULL, -- pending | approved | rejected | retired
    written_by   TEXT NOT NULL,
    written_name TEXT NOT NULL,
    written_at   BIGINT NOT NULL,
    decided_by   TEXT NOT NULL,
    decided_name TEXT NOT NULL,
    decided_at   BIGINT,
    note         TEXT NOT NULL,
    rev          BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_notice_templates_version ON notice_templates (code, version);

CREATE TABLE notice_numbers (
    ymd  INTEGER PRIMARY KEY,
    last BIGINT NOT NULL
);

CREATE TABLE notice_items (
    id             TEXT PRIMARY KEY,
    no             TEXT NOT NULL,
    code           TEXT NOT NULL, -- what a stranger checks the paper by
    kind           TEXT NOT NULL, -- rectify | compliance
    event_kind     TEXT NOT NULL,
    state          TEXT NOT NULL,
    order_id       TEXT NOT NULL,
    order_no       TEXT NOT NULL,
    alert_id       TEXT NOT NULL,
    shop_id        TEXT NOT NULL,
    shop_name      TEXT NOT NULL,
    address        TEXT NOT NULL,
    region_code    TEXT NOT NULL,
    street_name    TEXT NOT NULL,
    lng            DOUBLE PRECISION NOT NULL,
    lat            DOUBLE PRECISION NOT NULL,
    camera_id      TEXT NOT NULL,
    camera_name    TEXT NOT NULL,
    zone_id        TEXT NOT NULL,
    organ          TEXT NOT NULL,
    squad_org_id   TEXT NOT NULL,
    squad_name     TEXT NOT NULL,
    officer_id     TEXT NOT NULL,
    officer_name   TEXT NOT NULL,
    evidence_use   TEXT NOT NULL,
    device         TEXT NOT NULL, -- what may be said of the camera
    title          TEXT NOT NULL,
    body           TEXT NOT NULL,
    message        TEXT NOT NULL,
    facts          TEXT NOT NULL, -- in plain words
    demand         TEXT NOT NULL,
    checklist      TEXT NOT NULL,
    causes         TEXT NOT NULL, -- JSON: causes and articles as they held
    seen_at        BIGINT,
    picture        TEXT NOT NULL,
    clip           TEXT NOT NULL,
    box            TEXT NOT NULL, -- JSON, normalised
    template_id    TEXT NOT NULL,
    rule_id        TEXT NOT NULL,
    due_at         BIGINT,
    paused         SMALLINT NOT NULL,
    way            TEXT NOT NULL, -- ssbc | sms | visit: the way that is tried now
    answer_kind    TEXT NOT NULL,
    recheck        TEXT NOT NULL, -- '' | asked | clean | dirty
    recheck_at     BIGINT,
    sent_at        BIGINT,
    delivered_at   BIGINT,
    read_at        BIGINT,
    answered_at    BIGINT,
    decided_at     BIGINT,
    ended_at       BIGINT, -- nobody can do anything more
    end_reason     TEXT NOT NULL,
    replaces_id    TEXT NOT NULL,
    replaced_by    TEXT NOT NULL,
    live_key       TEXT, -- order and kind while it holds
    tails          TEXT NOT NULL, -- JSON: digests of what opens the page
    paper          TEXT NOT NULL, -- sealed: the digits printed on the paper
    misses         INTEGER NOT NULL, -- wrong tails in a row
    locked_at      BIGINT,
    issued_by      TEXT NOT NULL,
    issued_name    TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    created_ymd    INTEGER NOT NULL,
    rev            BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_notice_items_no ON notice_items (no);
CREATE UNIQUE INDEX ix_notice_items_code ON notice_items (code);
CREATE UNIQUE INDEX ix_notice_items_live ON notice_items (live_key) WHERE live_key IS NOT NULL;
-- Lists count and page on these alone: the order first, then every filter.
CREATE INDEX ix_notice_items_created ON notice_items (created_at, id, region_code, state, kind, event_kind, way, answer_kind, officer_id);
CREATE INDEX ix_notice_items_state ON notice_items (state, created_at, id, region_code, kind, event_kind, way, answer_kind, officer_id);
CREATE INDEX ix_notice_items_shop ON notice_items (shop_id, created_at, id, region_code, state, kind, event_kind, way, answer_kind, officer_id);
CREATE INDEX ix_notice_items_open ON notice_items (region_code, state, way, answer_kind, due_at, paused) WHERE ended_at IS NULL;
CREATE INDEX ix_notice_items_order ON notice_items (order_id) WHERE order_id <> '';

-- What shops with notices are found by.
CREATE TABLE notice_grams (
    gram    TEXT NOT NULL,
    shop_id TEXT NOT NULL,
    PRIMARY KEY (gram, shop_id)
);

-- One row per step; nothing in it is ever changed.
CREATE TABLE notice_steps (
    id         TEXT PRIMARY KEY,
    notice_id  TEXT NOT NULL REFERENCES notice_items (id),
    made_at    BIGINT NOT NULL,
    act        TEXT NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    text       TEXT NOT NULL,
    photos     TEXT NOT NULL, -- JSON list of SM3 digests
    shown      SMALLINT NOT NULL -- 1: the shop sees it
);
CREATE INDEX ix_notice_steps_notice ON notice_steps (notice_id, made_at);

CREATE TABLE notice_sends (
    send_id   TEXT PRIMARY KEY,
    notice_id TEXT NOT NULL REFERENCES notice_items (id),
    channel   TEXT NOT NULL,
    what      TEXT NOT NULL, -- notice | withdrawal | reply
    state     TEXT NOT NULL,
    reason    TEXT NOT NULL,
    made_at   BIGINT NOT NULL,
    moved_at  BIGINT NOT NULL
);
CREATE INDEX ix_notice_sends_notice ON notice_sends (notice_id, made_at);

CREATE TABLE notice_answers (
    id           TEXT PRIMARY KEY,
    notice_id    TEXT NOT NULL REFERENCES notice_items (id),
    kind         TEXT NOT NULL, -- corrected | objection
    text         TEXT NOT NULL,
    photos       TEXT NOT NULL,
    late         SMALLINT NOT NULL,
    state        TEXT NOT NULL, -- pending | accepted | refused
    made_at      BIGINT NOT NULL,
    decided_by   TEXT NOT NULL,
    decided_name TEXT NOT NULL,
    decided_at   BIGINT,
    reason       TEXT NOT NULL,
    idem_key     TEXT NOT NULL
);
CREATE UNIQUE INDEX ix_notice_answers_idem ON notice_answers (notice_id, idem_key);

-- Pictures that may be seen by whoever may see the notice.
CREATE TABLE notice_photos (
    notice_id TEXT NOT NULL REFERENCES notice_items (id),
    sm3       TEXT NOT NULL,
    role      TEXT NOT NULL, -- seen | owner | visit
    added_at  BIGINT NOT NULL,
    PRIMARY KEY (notice_id, sm3, role)
);
CREATE INDEX ix_notice_photos_sm3 ON notice_photos (sm3);

CREATE VIEW v_notices_map AS
SELECT id, kind, state, shop_name AS name, region_code, lng, lat, created_at AS at
FROM notice_items
WHERE ended_at IS NULL;

-- For profiles: what came of each notice.
CREATE VIEW v_notices_shop AS
SELECT id, shop_id, order_id, kind, event_kind, state, answer_kind, created_at, delivered_at, read_at, answered_at, decided_at, due_at, ended_at
FROM notice_items
WHERE shop_id <> '';

-- +goose Down
DROP VIEW v_notices_shop;
DROP VIEW v_notices_map;
DROP TABLE notice_photos;
DROP TABLE notice_answers;
DROP TABLE notice_sends;
DROP TABLE notice_steps;
DROP TABLE notice_grams;
DROP TABLE notice_items;
DROP TABLE notice_numbers;
DROP TABLE notice_templates;
DELETE FROM deadline_rules WHERE code IN ('notice.correct', 'notice.comply');
DROP TABLE notice_rules;
