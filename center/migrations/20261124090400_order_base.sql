-- +goose Up
-- Numbers that decide about orders, versioned; an order keeps its version.
CREATE TABLE order_rules (
    id               TEXT PRIMARY KEY,
    kind             TEXT NOT NULL, -- event kind, or * for all
    name             TEXT NOT NULL,
    version          INTEGER NOT NULL,
    limit_minutes    BIGINT NOT NULL,
    merge_hours      BIGINT NOT NULL,
    near_percent     BIGINT NOT NULL,
    near_today       SMALLINT NOT NULL,
    warn_distance_m  DOUBLE PRECISION NOT NULL,
    escalate_minutes TEXT NOT NULL, -- JSON list, minutes after the deadline
    effective_from_at BIGINT NOT NULL,
    effective_to_at  BIGINT,
    source           TEXT NOT NULL,
    verified         SMALLINT NOT NULL
);
CREATE UNIQUE INDEX ix_order_rules_kind ON order_rules (kind, version);

INSERT INTO order_rules (id, kind, name, version, limit_minutes, merge_hours, near_percent, near_today,
    warn_distance_m, escalate_minutes, effective_from_at, effective_to_at, source, verified)
VALUES ('order-rule-1', '*', '非现工单到场反馈时限', 1, 240, 24, 20, 1,
    200, '[0,120]', 0, NULL, '默认配置，无公开依据，待业务部门确认', 0);

CREATE TABLE order_numbers (
    ymd  INTEGER PRIMARY KEY,
    last BIGINT NOT NULL
);

CREATE TABLE order_items (
    id                 TEXT PRIMARY KEY,
    no                 TEXT NOT NULL,
    kind               TEXT NOT NULL,
    state              TEXT NOT NULL,
    shop_id            TEXT NOT NULL,
    shop_name          TEXT NOT NULL,
    camera_id          TEXT NOT NULL,
    camera_name        TEXT NOT NULL,
    address            TEXT NOT NULL,
    lng                DOUBLE PRECISION NOT NULL,
    lat                DOUBLE PRECISION NOT NULL,
    region_code        TEXT NOT NULL,
    street_name        TEXT NOT NULL,
    suggested_squad_id TEXT NOT NULL,
    suggested_squad    TEXT NOT NULL,
    suggest_reason     TEXT NOT NULL,
    squad_org_id       TEXT NOT NULL,
    squad_name         TEXT NOT NULL,
    officer_id         TEXT NOT NULL,
    officer_name       TEXT NOT NULL,
    evidence_use       TEXT NOT NULL,
    thumb              TEXT NOT NULL,
    result             TEXT NOT NULL,
    result_note        TEXT NOT NULL,
    alert_count        INTEGER NOT NULL,
    rule_id            TEXT NOT NULL REFERENCES order_rules (id),
    limit_ms           BIGINT NOT NULL,
    near_ms            BIGINT NOT NULL,
    near_today         SMALLINT NOT NULL,
    created_at         BIGINT NOT NULL,
    due_at             BIGINT NOT NULL,
    handled_at         BIGINT,
    closed_at          BIGINT,
    voided_at          BIGINT, -- set when the confirmation was undone; the number stays used
    created_ymd        INTEGER NOT NULL,
    closed_ymd         INTEGER NOT NULL,
    text_key           TEXT NOT NULL, -- of order_texts
    rev                BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_order_items_no ON order_items (no);
-- Lists count and page on these alone: the order first, then who may see it,
-- then every filter.
CREATE INDEX ix_order_items_created ON order_items (created_at, id, voided_at, region_code, squad_org_id, officer_id, state, kind, due_at, near_ms, near_today);
CREATE INDEX ix_order_items_state ON order_items (state, created_at, id, voided_at, region_code, squad_org_id, officer_id, kind, due_at, near_ms, near_today);
CREATE INDEX ix_order_items_squad ON order_items (squad_org_id, created_at, id, voided_at, region_code, officer_id, state, kind, due_at, near_ms, near_today);
CREATE INDEX ix_order_items_officer ON order_items (officer_id, created_at, id, voided_at, region_code, squad_org_id, state, kind, due_at, near_ms, near_today);
CREATE INDEX ix_order_items_text ON order_items (text_key, created_at, id, voided_at, region_code, squad_org_id, officer_id);
CREATE INDEX ix_order_items_shop ON order_items (shop_id, kind, created_at);
CREATE INDEX ix_order_items_camera ON order_items (camera_id, created_at);
CREATE INDEX ix_order_items_closed ON order_items (closed_ymd, voided_at, region_code, squad_org_id, officer_id) WHERE closed_ymd > 0;

-- What free text is searched in; many orders share one, so that a search
-- reads few rows.
CREATE TABLE order_texts (
    id   TEXT PRIMARY KEY, -- digest of the text
    text TEXT NOT NULL
);

-- One row per step; nothing in it is ever changed.
CREATE TABLE order_steps (
    id         TEXT PRIMARY KEY,
    order_id   TEXT NOT NULL REFERENCES order_items (id),
    made_at    BIGINT NOT NULL,
    act        TEXT NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    actor_org  TEXT NOT NULL,
    text       TEXT NOT NULL,
    photos     TEXT NOT NULL, -- JSON list of SM3 digests
    lng        DOUBLE PRECISION,
    lat        DOUBLE PRECISION,
    accuracy_m DOUBLE PRECISION,
    distance_m DOUBLE PRECISION,
    idem_key   TEXT
);
CREATE INDEX ix_order_steps_order ON order_steps (order_id, made_at);
CREATE UNIQUE INDEX ix_order_steps_idem ON order_steps (order_id, idem_key);

CREATE TABLE order_alerts (
    order_id TEXT NOT NULL REFERENCES order_items (id),
    alert_id TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (order_id, alert_id)
);
CREATE INDEX ix_order_alerts_alert ON order_alerts (alert_id);

-- Pictures that may be seen by whoever may see the order.
CREATE TABLE order_photos (
    order_id TEXT NOT NULL REFERENCES order_items (id),
    sm3      TEXT NOT NULL,
    role     TEXT NOT NULL, -- alert | after
    PRIMARY KEY (order_id, sm3, role)
);
CREATE INDEX ix_order_photos_sm3 ON order_photos (sm3);

-- Serialises the making of orders of one shop and kind.
CREATE TABLE order_merges (
    shop_id    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    touched_at BIGINT NOT NULL,
    PRIMARY KEY (shop_id, kind)
);

CREATE TABLE order_escalations (
    order_id TEXT NOT NULL REFERENCES order_items (id),
    level    INTEGER NOT NULL,
    made_at  BIGINT NOT NULL,
    PRIMARY KEY (order_id, level)
);

CREATE VIEW v_orders_map AS
SELECT id, no, kind, lng, lat, due_at, near_ms, near_today, state, region_code, squad_org_id, officer_id
FROM order_items
WHERE voided_at IS NULL AND state IN ('dispatched', 'accepted', 'onSite', 'handled', 'returned');

CREATE VIEW v_orders_open_shop AS
SELECT id, shop_id
FROM order_items
WHERE voided_at IS NULL AND shop_id <> '' AND state IN ('dispatched', 'accepted', 'onSite', 'handled', 'returned');

-- +goose Down
DROP VIEW v_orders_open_shop;
DROP VIEW v_orders_map;
DROP TABLE order_escalations;
DROP TABLE order_merges;
DROP TABLE order_photos;
DROP TABLE order_alerts;
DROP TABLE order_steps;
DROP TABLE order_texts;
DROP TABLE order_items;
DROP TABLE order_numbers;
DROP TABLE order_rules;
