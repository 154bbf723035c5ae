-- +goose Up
CREATE TABLE security_calls (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    ymd INTEGER NOT NULL,
    op TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    app TEXT NOT NULL,
    person_id TEXT NOT NULL,
    person_name TEXT NOT NULL,
    org_id TEXT NOT NULL,
    region_code TEXT NOT NULL,
    ip TEXT NOT NULL,
    status INTEGER NOT NULL,
    ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX security_calls_at ON security_calls (at);
CREATE INDEX security_calls_op ON security_calls (op, at);
CREATE INDEX security_calls_person ON security_calls (person_id, at);
CREATE TABLE security_usage_hours (
    hour_at BIGINT NOT NULL,
    region_code TEXT NOT NULL,
    org_id TEXT NOT NULL,
    op TEXT NOT NULL,
    app TEXT NOT NULL,
    ymd INTEGER NOT NULL,
    calls BIGINT NOT NULL,
    ok BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    total_ms BIGINT NOT NULL,
    b0 BIGINT NOT NULL,
    b1 BIGINT NOT NULL,
    b2 BIGINT NOT NULL,
    b3 BIGINT NOT NULL,
    b4 BIGINT NOT NULL,
    b5 BIGINT NOT NULL,
    b6 BIGINT NOT NULL,
    b7 BIGINT NOT NULL,
    b8 BIGINT NOT NULL,
    b9 BIGINT NOT NULL,
    PRIMARY KEY (hour_at, region_code, org_id, op, app)
);
CREATE INDEX security_usage_hours_ymd ON security_usage_hours (ymd, region_code);
CREATE TABLE security_active_people (
    ymd INTEGER NOT NULL,
    person_id TEXT NOT NULL,
    person_name TEXT NOT NULL,
    org_id TEXT NOT NULL,
    region_code TEXT NOT NULL,
    calls BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (ymd, person_id)
);
CREATE INDEX security_active_people_region ON security_active_people (ymd, region_code);
CREATE TABLE security_rules (
    code TEXT NOT NULL,
    version INTEGER NOT NULL,
    title TEXT NOT NULL,
    params TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    verified SMALLINT NOT NULL DEFAULT 0,
    reason TEXT NOT NULL,
    by_name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (code, version)
);
CREATE TABLE security_hits (
    rule TEXT NOT NULL,
    source_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    at BIGINT NOT NULL,
    weight INTEGER NOT NULL,
    what TEXT NOT NULL,
    link TEXT NOT NULL DEFAULT '',
    alert_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (rule, source_id)
);
CREATE INDEX security_hits_subject ON security_hits (rule, subject, at);
CREATE INDEX security_hits_alert ON security_hits (alert_id);
CREATE TABLE security_alerts (
    id TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    rule_version INTEGER NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL,
    subject TEXT NOT NULL,
    person_id TEXT NOT NULL DEFAULT '',
    ip TEXT NOT NULL DEFAULT '',
    region_code TEXT NOT NULL,
    state TEXT NOT NULL,
    hits INTEGER NOT NULL,
    ymd INTEGER NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    assignee_id TEXT NOT NULL DEFAULT '',
    assignee_name TEXT NOT NULL DEFAULT '',
    outcome TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    closed_at BIGINT,
    rev INTEGER NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX security_alerts_open ON security_alerts (rule, subject) WHERE state <> 'closed';
CREATE INDEX security_alerts_state ON security_alerts (state, last_at);
CREATE INDEX security_alerts_ymd ON security_alerts (ymd);
CREATE TABLE security_acts (
    id TEXT PRIMARY KEY,
    alert_id TEXT NOT NULL,
    act TEXT NOT NULL,
    by_id TEXT NOT NULL,
    by_name TEXT NOT NULL,
    note TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX security_acts_alert ON security_acts (alert_id, id);
CREATE TABLE security_blocks (
    ip TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    alert_id TEXT NOT NULL DEFAULT '',
    by_name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE security_blocks;
DROP TABLE security_acts;
DROP TABLE security_alerts;
DROP TABLE security_hits;
DROP TABLE security_rules;
DROP TABLE security_active_people;
DROP TABLE security_usage_hours;
DROP TABLE security_calls;
