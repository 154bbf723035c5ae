-- +goose Up
-- When a recognition becomes an alert, when it joins the record before it, and
-- how far a shop is looked for. The newest version that is in force counts;
-- one for a camera goes before one for a kind, that before '*'.
CREATE TABLE alert_rules (
    id                TEXT PRIMARY KEY,
    kind              TEXT NOT NULL, -- of the event, or *
    camera_id         TEXT NOT NULL, -- empty: every camera
    camera_name       TEXT NOT NULL,
    region_code       TEXT NOT NULL, -- of the camera
    version           INTEGER NOT NULL,
    auto_score        DOUBLE PRECISION NOT NULL, -- below it a recognition is kept as a record only
    merge_minutes     INTEGER NOT NULL, -- 0: each recognition is a record
    nearest_m         DOUBLE PRECISION NOT NULL, -- 0: only the shop of the zone
    effective_from_at BIGINT NOT NULL,
    effective_to_at   BIGINT,
    reason            TEXT NOT NULL,
    made_by           TEXT NOT NULL,
    made_name         TEXT NOT NULL,
    made_at           BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_alert_rules_version ON alert_rules (kind, camera_id, version);
INSERT INTO alert_rules (id, kind, camera_id, camera_name, region_code, version, auto_score, merge_minutes, nearest_m,
    effective_from_at, effective_to_at, reason, made_by, made_name, made_at)
VALUES ('alert-rule-1', '*', '', '', '', 1, 0.5, 0, 30, 0, NULL, '出厂设置：置信度 0.50 以上预警，一次识别一条记录', '', '系统', 0),
    ('alert-rule-2', 'sign', '', '', '', 1, 0, 1440, 30, 0, NULL, '出厂设置：同一点位 24 小时一条变更预警', '', '系统', 0),
    ('alert-rule-3', 'picture', '', '', '', 1, 0, 0, 0, 0, NULL, '出厂设置：画面异常一律预警', '', '系统', 0);

ALTER TABLE alert_items ADD COLUMN rule_id TEXT NOT NULL DEFAULT '';
ALTER TABLE alert_items ADD COLUMN bind_rule TEXT NOT NULL DEFAULT ''; -- zone, nearest, person; empty: unclaimed
ALTER TABLE alert_items ADD COLUMN finding TEXT NOT NULL DEFAULT ''; -- of a sign: new, renamed, vanished, covered …
ALTER TABLE alert_items ADD COLUMN registered TEXT NOT NULL DEFAULT ''; -- the sign's name in the registry
ALTER TABLE alert_items ADD COLUMN seen_count INTEGER NOT NULL DEFAULT 1; -- recognitions in this record
ALTER TABLE alert_items ADD COLUMN group_key TEXT NOT NULL DEFAULT ''; -- kind, shop and spot while it waits for a person
ALTER TABLE alert_items ADD COLUMN look INTEGER NOT NULL DEFAULT 0; -- similar pictures of a group share it; 0: not compared yet
ALTER TABLE alert_items ADD COLUMN look_hash BIGINT NOT NULL DEFAULT 0;
ALTER TABLE alert_items ADD COLUMN look_tried_at BIGINT NOT NULL DEFAULT 0;
UPDATE alert_items SET bind_rule = CASE WHEN bind_reason LIKE '围栏%' THEN 'zone' WHEN bind_reason LIKE '距点位%' THEN 'nearest' ELSE 'person' END
WHERE shop_id <> '';
UPDATE alert_items SET group_key = kind || '|' || shop_id || '|' || CASE WHEN zone_id <> '' THEN zone_id ELSE camera_id END
WHERE state IN ('pending', 'later');
CREATE INDEX ix_alert_items_group ON alert_items (group_key, state, received_at, id, region_code, kind, evidence_use, score, camera_id, shop_id, look)
WHERE group_key <> '';
CREATE INDEX ix_alert_items_look ON alert_items (look_tried_at, id) WHERE group_key <> '' AND look = 0;
CREATE INDEX ix_alert_items_finding ON alert_items (finding, received_at, id, region_code, state) WHERE finding <> '';
DROP INDEX ix_alert_items_day;
CREATE INDEX ix_alert_items_day ON alert_items (received_ymd, region_code, state, camera_id, seen_kind, kind, score, received_at, id);

-- The record that the next recognition of a spot may join.
CREATE TABLE alert_latest (
    spot_key TEXT PRIMARY KEY, -- kind and spot
    alert_id TEXT NOT NULL REFERENCES alert_items (id)
);

-- Recognitions that joined a record: their further messages change nothing.
CREATE TABLE alert_joins (
    edge_id  TEXT NOT NULL,
    event_id TEXT NOT NULL,
    alert_id TEXT NOT NULL REFERENCES alert_items (id),
    made_at  BIGINT NOT NULL,
    PRIMARY KEY (edge_id, event_id)
);
CREATE INDEX ix_alert_joins_alert ON alert_joins (alert_id);

ALTER TABLE alert_history ADD COLUMN was TEXT NOT NULL DEFAULT '';
ALTER TABLE alert_history ADD COLUMN became TEXT NOT NULL DEFAULT '';

-- What people decided, by the month in which it was received, the kind that the
-- box saw and the score in twentieths.
CREATE TABLE alert_precision (
    ym          INTEGER NOT NULL,
    region_code TEXT NOT NULL,
    seen_kind   TEXT NOT NULL,
    bucket      INTEGER NOT NULL,
    right_n     BIGINT NOT NULL,
    wrong_n     BIGINT NOT NULL,
    PRIMARY KEY (ym, seen_kind, region_code, bucket)
);
CREATE TABLE alert_precision_cameras (
    ym          INTEGER NOT NULL,
    camera_id   TEXT NOT NULL,
    seen_kind   TEXT NOT NULL,
    bucket      INTEGER NOT NULL,
    region_code TEXT NOT NULL,
    camera_name TEXT NOT NULL,
    right_n     BIGINT NOT NULL,
    wrong_n     BIGINT NOT NULL,
    PRIMARY KEY (camera_id, ym, seen_kind, bucket)
);
CREATE INDEX ix_alert_precision_cameras_wrong ON alert_precision_cameras (ym, seen_kind, region_code, camera_id, right_n, wrong_n);
INSERT INTO alert_precision_cameras (ym, camera_id, seen_kind, bucket, region_code, camera_name, right_n, wrong_n)
SELECT x.ym, x.camera_id, x.seen_kind, x.bucket, MAX(x.region_code), MAX(x.camera_name), SUM(x.yes), SUM(1 - x.yes)
FROM (
    SELECT received_ymd / 100 AS ym, camera_id, seen_kind, region_code, camera_name,
        CASE WHEN state <> 'rejected' AND kind = seen_kind THEN 1 ELSE 0 END AS yes,
        CASE WHEN score >= 0.95 THEN 19 WHEN score >= 0.9 THEN 18 WHEN score >= 0.85 THEN 17 WHEN score >= 0.8 THEN 16 WHEN score >= 0.75 THEN 15
            WHEN score >= 0.7 THEN 14 WHEN score >= 0.65 THEN 13 WHEN score >= 0.6 THEN 12 WHEN score >= 0.55 THEN 11 WHEN score >= 0.5 THEN 10
            WHEN score >= 0.45 THEN 9 WHEN score >= 0.4 THEN 8 WHEN score >= 0.35 THEN 7 WHEN score >= 0.3 THEN 6 WHEN score >= 0.25 THEN 5
            WHEN score >= 0.2 THEN 4 WHEN score >= 0.15 THEN 3 WHEN score >= 0.1 THEN 2 WHEN score >= 0.05 THEN 1 ELSE 0 END AS bucket
    FROM alert_items
    WHERE state IN ('confirmed', 'merged', 'rejected')
) AS x
GROUP BY x.ym, x.camera_id, x.seen_kind, x.bucket;
INSERT INTO alert_precision (ym, region_code, seen_kind, bucket, right_n, wrong_n)
SELECT ym, region_code, seen_kind, bucket, SUM(right_n), SUM(wrong_n)
FROM alert_precision_cameras
GROUP BY ym, region_code, seen_kind, bucket;

DROP VIEW v_alerts_map;
CREATE VIEW v_alerts_map AS
SELECT id, no, kind, lng, lat, since_at, score, state, region_code, CASE WHEN shop_name <> '' THEN shop_name ELSE camera_name END AS name,
    address, received_at AS at
FROM alert_items
WHERE state IN ('pending', 'later');

-- For the heat of a time: all alerts, decided or not.
CREATE VIEW v_alerts_heat AS
SELECT id, kind, region_code, lng, lat, received_at, received_ymd
FROM alert_items
WHERE state NOT IN ('recorded', 'withdrawn');

DROP VIEW v_alerts_day;
CREATE VIEW v_alerts_day AS
SELECT camera_id, received_ymd, state, COUNT(*) AS n
FROM alert_items
WHERE state <> 'recorded'
GROUP BY camera_id, received_ymd, state;

-- +goose Down
DROP VIEW v_alerts_heat;
DROP VIEW v_alerts_day;
CREATE VIEW v_alerts_day AS
SELECT camera_id, received_ymd, state, COUNT(*) AS n
FROM alert_items
GROUP BY camera_id, received_ymd, state;
DROP VIEW v_alerts_map;
CREATE VIEW v_alerts_map AS
SELECT id, no, kind, lng, lat, since_at, score, state, region_code
FROM alert_items
WHERE state IN ('pending', 'later');
DROP TABLE alert_precision_cameras;
DROP TABLE alert_precision;
ALTER TABLE alert_history DROP COLUMN became;
ALTER TABLE alert_history DROP COLUMN was;
DROP TABLE alert_joins;
DROP TABLE alert_latest;
DROP INDEX ix_alert_items_day;
CREATE INDEX ix_alert_items_day ON alert_items (received_ymd, region_code, state, camera_id);
DROP INDEX ix_alert_items_finding;
DROP INDEX ix_alert_items_look;
DROP INDEX ix_alert_items_group;
ALTER TABLE alert_items DROP COLUMN look_tried_at;
ALTER TABLE alert_items DROP COLUMN look_hash;
ALTER TABLE alert_items DROP COLUMN look;
ALTER TABLE alert_items DROP COLUMN group_key;
ALTER TABLE alert_items DROP COLUMN seen_count;
ALTER TABLE alert_items DROP COLUMN registered;
ALTER TABLE alert_items DROP COLUMN finding;
ALTER TABLE alert_items DROP COLUMN bind_rule;
ALTER TABLE alert_items DROP COLUMN rule_id;
DROP TABLE alert_rules;
