-- +goose Up
-- How long an order may take and what happens afterwards are the deadline
-- rules' work alone: order.handle, and order.handle.<kind> where a kind has
-- its own. What stays here are the numbers that no clock knows.
DROP TABLE order_escalations;
UPDATE order_items SET near_ms = CASE
    WHEN due_at - (((due_at + 28800000) / 86400000) * 86400000 - 28800000) > near_ms
    THEN due_at - (((due_at + 28800000) / 86400000) * 86400000 - 28800000) ELSE near_ms END
WHERE near_today = 1;
UPDATE order_items SET near_today = 0 WHERE near_today = 1;
ALTER TABLE order_rules DROP COLUMN limit_minutes;
ALTER TABLE order_rules DROP COLUMN near_percent;
ALTER TABLE order_rules DROP COLUMN near_today;
ALTER TABLE order_rules DROP COLUMN escalate_minutes;
ALTER TABLE order_rules ADD COLUMN urge_minutes BIGINT NOT NULL DEFAULT 30;
ALTER TABLE order_rules ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
ALTER TABLE order_rules ADD COLUMN made_at BIGINT NOT NULL DEFAULT 0;
UPDATE order_rules SET name = '工单合并与到场核对' WHERE id = 'order-rule-1';

INSERT INTO deadline_rules (id, code, version, name, unit, amount, same_day, office, roll, near, pause_events, ext_count, ext_amount,
    levels, source, effective_from_at, effective_to_at, made_by, verified, enabled, made_at) VALUES
    ('order.handle.sign-1', 'order.handle.sign', 1, '店招变更工单到场反馈', 'hour', 24, 0, 0, 0, 4, '[]', 1, 24,
        '[{"id":"over","offset":0,"action":"notify","to":"squad_leader","label":"到期通知中队长"},{"id":"over24","offset":24,"action":"notify","to":"district_dispatcher","label":"超期 24 小时通知区局派单员"}]',
        '默认配置，无公开依据，待业务部门确认', 0, NULL, 'system', 0, 1, 0);

ALTER TABLE order_items ADD COLUMN zone_id TEXT NOT NULL DEFAULT '';
ALTER TABLE order_items ADD COLUMN urged BIGINT NOT NULL DEFAULT 0; -- times
ALTER TABLE order_items ADD COLUMN urged_at BIGINT;
ALTER TABLE order_items ADD COLUMN handled_by TEXT NOT NULL DEFAULT ''; -- who handed the result in
-- Lists by deadline, and of one street.
CREATE INDEX ix_order_items_due ON order_items (due_at, id, voided_at, region_code, squad_org_id, officer_id, state, kind, near_ms);
CREATE INDEX ix_order_items_region ON order_items (region_code, created_at, id, voided_at, squad_org_id, officer_id, state, kind, due_at, near_ms);

-- In whose place a step was done, by name; empty when in the actor's own.
ALTER TABLE order_steps ADD COLUMN on_behalf TEXT NOT NULL DEFAULT '';

-- The shown picture is a copy with a watermark; original names the untouched
-- file. What the phone said of the picture, and what the file itself says.
ALTER TABLE order_photos ADD COLUMN original TEXT NOT NULL DEFAULT '';
ALTER TABLE order_photos ADD COLUMN taken_at BIGINT;
ALTER TABLE order_photos ADD COLUMN lng DOUBLE PRECISION;
ALTER TABLE order_photos ADD COLUMN lat DOUBLE PRECISION;
ALTER TABLE order_photos ADD COLUMN accuracy_m DOUBLE PRECISION;
ALTER TABLE order_photos ADD COLUMN exif_at BIGINT;
ALTER TABLE order_photos ADD COLUMN exif_lng DOUBLE PRECISION;
ALTER TABLE order_photos ADD COLUMN exif_lat DOUBLE PRECISION;
ALTER TABLE order_photos ADD COLUMN device TEXT NOT NULL DEFAULT '';

-- What something else than a person found out about an order.
CREATE TABLE order_proposals (
    id           TEXT PRIMARY KEY,
    order_id     TEXT NOT NULL REFERENCES order_items (id),
    source       TEXT NOT NULL, -- recheck | notice
    source_id    TEXT NOT NULL,
    clean        SMALLINT NOT NULL,
    found_at     BIGINT NOT NULL,
    text         TEXT NOT NULL,
    pictures     TEXT NOT NULL, -- JSON list of SM3 digests
    state        TEXT NOT NULL, -- open | taken | dismissed | void
    decided_id   TEXT NOT NULL,
    decided_name TEXT NOT NULL,
    decided_at   BIGINT
);
CREATE UNIQUE INDEX ix_order_proposals_source ON order_proposals (source, source_id);
CREATE INDEX ix_order_proposals_order ON order_proposals (order_id, found_at);

-- The areas that squads are responsible for, WGS-84 rings.
CREATE TABLE order_areas (
    id           TEXT PRIMARY KEY,
    squad_org_id TEXT NOT NULL,
    name         TEXT NOT NULL,
    ring         TEXT NOT NULL, -- JSON list of [lng, lat]
    west         DOUBLE PRECISION NOT NULL,
    south        DOUBLE PRECISION NOT NULL,
    east         DOUBLE PRECISION NOT NULL,
    north        DOUBLE PRECISION NOT NULL,
    made_by      TEXT NOT NULL,
    made_at      BIGINT NOT NULL
);
CREATE INDEX ix_order_areas_box ON order_areas (west, east, south, north);

-- Filters of the list that a person keeps.
CREATE TABLE order_filters (
    id        TEXT PRIMARY KEY,
    person_id TEXT NOT NULL,
    name      TEXT NOT NULL,
    query     TEXT NOT NULL, -- JSON object of query parameters
    made_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_order_filters_name ON order_filters (person_id, name);

DROP VIEW v_orders_map;
CREATE VIEW v_orders_map AS
SELECT id, no, kind, lng, lat, due_at, near_ms, near_today, state, region_code, squad_org_id, officer_id,
    CASE WHEN shop_name = '' THEN address ELSE shop_name END AS name, address, created_at AS at
FROM order_items
WHERE voided_at IS NULL AND state IN ('dispatched', 'accepted', 'onSite', 'handled', 'returned', 'filing');

DROP VIEW v_orders_open_shop;
CREATE VIEW v_orders_open_shop AS
SELECT id, shop_id
FROM order_items
WHERE voided_at IS NULL AND shop_id <> '' AND state IN ('dispatched', 'accepted', 'onSite', 'handled', 'returned', 'filing');

-- +goose Down
DROP VIEW v_orders_open_shop;
CREATE VIEW v_orders_open_shop AS
SELECT id, shop_id
FROM order_items
WHERE voided_at IS NULL AND shop_id <> '' AND state IN ('dispatched', 'accepted', 'onSite', 'handled', 'returned');
DROP VIEW v_orders_map;
CREATE VIEW v_orders_map AS
SELECT id, no, kind, lng, lat, due_at, near_ms, near_today, state, region_code, squad_org_id, officer_id
FROM order_items
WHERE voided_at IS NULL AND state IN ('dispatched', 'accepted', 'onSite', 'handled', 'returned');
DROP TABLE order_filters;
DROP TABLE order_areas;
DROP TABLE order_proposals;
ALTER TABLE order_photos DROP COLUMN device;
ALTER TABLE order_photos DROP COLUMN exif_lat;
ALTER TABLE order_photos DROP COLUMN exif_lng;
ALTER TABLE order_photos DROP COLUMN exif_at;
ALTER TABLE order_photos DROP COLUMN accuracy_m;
ALTER TABLE order_photos DROP COLUMN lat;
ALTER TABLE order_photos DROP COLUMN lng;
ALTER TABLE order_photos DROP COLUMN taken_at;
ALTER TABLE order_photos DROP COLUMN original;
ALTER TABLE order_steps DROP COLUMN on_behalf;
DROP INDEX ix_order_items_region;
DROP INDEX ix_order_items_due;
ALTER TABLE order_items DROP COLUMN handled_by;
ALTER TABLE order_items DROP COLUMN urged_at;
ALTER TABLE order_items DROP COLUMN urged;
ALTER TABLE order_items DROP COLUMN zone_id;
DELETE FROM deadline_rules WHERE id = 'order.handle.sign-1';
ALTER TABLE order_rules DROP COLUMN made_at;
ALTER TABLE order_rules DROP COLUMN made_by;
ALTER TABLE order_rules DROP COLUMN urge_minutes;
ALTER TABLE order_rules ADD COLUMN escalate_minutes TEXT NOT NULL DEFAULT '[0,120]';
ALTER TABLE order_rules ADD COLUMN near_today SMALLINT NOT NULL DEFAULT 1;
ALTER TABLE order_rules ADD COLUMN near_percent BIGINT NOT NULL DEFAULT 20;
ALTER TABLE order_rules ADD COLUMN limit_minutes BIGINT NOT NULL DEFAULT 240;
CREATE TABLE order_escalations (
    order_id TEXT NOT NULL REFERENCES order_items (id),
    level    INTEGER NOT NULL,
    made_at  BIGINT NOT NULL,
    PRIMARY KEY (order_id, level)
);
