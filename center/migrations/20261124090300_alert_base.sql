-- +goose Up
CREATE TABLE alert_numbers (
    ymd  INTEGER PRIMARY KEY,
    last BIGINT NOT NULL
);

-- One alert per event of a box. Narrow on purpose: the event itself is in
-- alert_events, and the lists count on the covering indexes below.
CREATE TABLE alert_items (
    id              TEXT PRIMARY KEY,
    no              TEXT NOT NULL,
    edge_id         TEXT NOT NULL,
    event_id        TEXT NOT NULL,
    event_rev       INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    seen_kind       TEXT NOT NULL, -- as the box saw it; differs after a reclassification
    phase           TEXT NOT NULL,
    state           TEXT NOT NULL,
    camera_id       TEXT NOT NULL,
    camera_name     TEXT NOT NULL,
    address         TEXT NOT NULL,
    region_code     TEXT NOT NULL,
    street_name     TEXT NOT NULL,
    lng             DOUBLE PRECISION NOT NULL,
    lat             DOUBLE PRECISION NOT NULL,
    zone_id         TEXT NOT NULL,
    zone_name       TEXT NOT NULL,
    shop_id         TEXT NOT NULL,
    shop_name       TEXT NOT NULL,
    bind_reason     TEXT NOT NULL,
    score           DOUBLE PRECISION NOT NULL,
    since_at        BIGINT NOT NULL,
    confirmed_at    BIGINT NOT NULL,
    ended_at        BIGINT,
    received_at     BIGINT NOT NULL,
    evidence_use    TEXT NOT NULL,
    evidence_reason TEXT NOT NULL,
    thumb           TEXT NOT NULL,
    text            TEXT NOT NULL,
    sign_text       TEXT NOT NULL,
    decided_by      TEXT NOT NULL,
    decided_name    TEXT NOT NULL,
    decided_at      BIGINT,
    decision        TEXT NOT NULL, -- last act: confirm, reject, later; empty when none
    prior_state     TEXT NOT NULL, -- where an undo leads back to
    order_id        TEXT NOT NULL,
    order_no        TEXT NOT NULL,
    order_state     TEXT NOT NULL,
    order_result    TEXT NOT NULL,
    text_key        TEXT NOT NULL, -- of alert_texts
    received_ymd    INTEGER NOT NULL,
    rev             BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_alert_items_event ON alert_items (edge_id, event_id);
CREATE UNIQUE INDEX ix_alert_items_no ON alert_items (no);
-- Lists count and page on these alone: the order first, then every filter.
CREATE INDEX ix_alert_items_state ON alert_items (state, received_at, id, region_code, kind, evidence_use, score, camera_id, shop_id);
CREATE INDEX ix_alert_items_received ON alert_items (received_at, id, region_code, state, kind, evidence_use, score, camera_id, shop_id);
CREATE INDEX ix_alert_items_camera ON alert_items (camera_id, received_at, id, region_code, state, kind, evidence_use, score, shop_id);
CREATE INDEX ix_alert_items_shop ON alert_items (shop_id, received_at, id, region_code, state, kind, evidence_use, score, camera_id);
CREATE INDEX ix_alert_items_region ON alert_items (region_code, state);
CREATE INDEX ix_alert_items_text ON alert_items (text_key, received_at, id, region_code, state);
CREATE INDEX ix_alert_items_order_no ON alert_items (order_no) WHERE order_no <> '';
CREATE INDEX ix_alert_items_mine ON alert_items (decided_by, received_at, id, region_code, state) WHERE decided_by <> '';
CREATE INDEX ix_alert_items_decided ON alert_items (decided_at, region_code, state, received_at) WHERE decided_at IS NOT NULL;
CREATE INDEX ix_alert_items_day ON alert_items (received_ymd, region_code, state, camera_id);
CREATE INDEX ix_alert_items_order ON alert_items (order_id) WHERE order_id <> '';

-- What free text is searched in: names of shop, camera, place and zone. Many
-- alerts share one, so that a search reads few rows.
CREATE TABLE alert_texts (
    id   TEXT PRIMARY KEY, -- digest of the text
    text TEXT NOT NULL
);

CREATE TABLE alert_events (
    alert_id TEXT PRIMARY KEY REFERENCES alert_items (id),
    rev      INTEGER NOT NULL,
    body     TEXT NOT NULL
);

CREATE TABLE alert_blobs (
    alert_id TEXT NOT NULL REFERENCES alert_items (id),
    sm3      TEXT NOT NULL,
    role     TEXT NOT NULL,
    PRIMARY KEY (alert_id, sm3)
);
CREATE INDEX ix_alert_blobs_sm3 ON alert_blobs (sm3);

CREATE TABLE alert_history (
    id         TEXT PRIMARY KEY,
    alert_id   TEXT NOT NULL REFERENCES alert_items (id),
    made_at    BIGINT NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    act        TEXT NOT NULL,
    text       TEXT NOT NULL,
    idem_key   TEXT
);
CREATE INDEX ix_alert_history_alert ON alert_history (alert_id, made_at);
CREATE UNIQUE INDEX ix_alert_history_idem ON alert_history (alert_id, idem_key);

-- What a person found wrong: labelled samples for training.
CREATE TABLE alert_samples (
    id          TEXT PRIMARY KEY,
    alert_id    TEXT NOT NULL REFERENCES alert_items (id),
    camera_id   TEXT NOT NULL,
    region_code TEXT NOT NULL,
    seen_kind   TEXT NOT NULL,
    label       TEXT NOT NULL, -- the right kind, or none
    reason      TEXT NOT NULL,
    note        TEXT NOT NULL,
    sm3         TEXT NOT NULL,
    box         TEXT NOT NULL, -- JSON, normalised
    made_by     TEXT NOT NULL,
    made_at     BIGINT NOT NULL,
    made_ymd    INTEGER NOT NULL,
    withdrawn_at BIGINT
);
CREATE INDEX ix_alert_samples_alert ON alert_samples (alert_id);
CREATE INDEX ix_alert_samples_camera ON alert_samples (camera_id, seen_kind);

CREATE VIEW v_alerts_open AS
SELECT id, camera_id, shop_id, zone_id, region_code
FROM alert_items
WHERE state IN ('pending', 'later');

CREATE VIEW v_alerts_map AS
SELECT id, no, kind, lng, lat, since_at, score, state, region_code
FROM alert_items
WHERE state IN ('pending', 'later');

-- What a work order shows of its alerts.
CREATE VIEW v_alerts_item AS
SELECT id, no, kind, state, phase, camera_id, camera_name, address, region_code, street_name, zone_name,
    shop_id, shop_name, score, since_at, confirmed_at, ended_at, received_at, evidence_use, evidence_reason,
    thumb, text, sign_text, decided_by, decided_name, decided_at, order_id, order_no, order_state, rev
FROM alert_items;

-- For a camera's day: alerts by outcome.
CREATE VIEW v_alerts_day AS
SELECT camera_id, received_ymd, state, COUNT(*) AS n
FROM alert_items
GROUP BY camera_id, received_ymd, state;

-- +goose Down
DROP VIEW v_alerts_day;
DROP VIEW v_alerts_item;
DROP VIEW v_alerts_map;
DROP VIEW v_alerts_open;
DROP TABLE alert_samples;
DROP TABLE alert_history;
DROP TABLE alert_blobs;
DROP TABLE alert_events;
DROP TABLE alert_texts;
DROP TABLE alert_items;
DROP TABLE alert_numbers;
