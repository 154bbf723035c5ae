-- +goose Up
CREATE TABLE notify_channels (
    code          TEXT PRIMARY KEY, -- inapp | sms | ssb | mail | webhook
    mode          TEXT NOT NULL, -- off | fake | real
    address       TEXT NOT NULL,
    app_id        TEXT NOT NULL,
    secret        TEXT NOT NULL, -- sealed
    sender        TEXT NOT NULL, -- signature of an SMS, sender of a mail
    per_hour      INTEGER NOT NULL, -- for one person, 0 without limit
    quiet_from    INTEGER NOT NULL, -- minutes of the day, equal to quiet_to without
    quiet_to      INTEGER NOT NULL,
    tries         INTEGER NOT NULL,
    retry_minutes INTEGER NOT NULL,
    expire_hours  INTEGER NOT NULL,
    fails         INTEGER NOT NULL, -- in a row, of the gateway itself
    open_until_at BIGINT NOT NULL, -- nothing is tried before
    last_ok_at    BIGINT,
    last_error    TEXT NOT NULL,
    last_error_at BIGINT,
    rev           BIGINT NOT NULL
);

CREATE TABLE notify_templates (
    id           TEXT PRIMARY KEY,
    code         TEXT NOT NULL,
    channel      TEXT NOT NULL,
    version      INTEGER NOT NULL,
    name         TEXT NOT NULL,
    title        TEXT NOT NULL,
    body         TEXT NOT NULL,
    state        TEXT NOT NULL, -- draft | pending | approved | rejected | retired
    written_by   TEXT NOT NULL,
    written_name TEXT NOT NULL,
    written_at   BIGINT NOT NULL,
    decided_by   TEXT NOT NULL,
    decided_name TEXT NOT NULL,
    decided_at   BIGINT,
    note         TEXT NOT NULL,
    rev          BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_notify_templates_code ON notify_templates (code, channel, version);

CREATE TABLE notify_rules (
    id             TEXT PRIMARY KEY,
    name           TEXT NOT NULL,
    change         TEXT NOT NULL, -- of todo.changed
    kind           TEXT NOT NULL, -- '' for all
    min_priority   INTEGER NOT NULL,
    audience       TEXT NOT NULL, -- assignee,group,starter,cc
    channels       TEXT NOT NULL,
    template       TEXT NOT NULL, -- code
    urgent         SMALLINT NOT NULL, -- quiet hours and limits do not hold it
    dedupe_minutes INTEGER NOT NULL,
    enabled        SMALLINT NOT NULL,
    rev            BIGINT NOT NULL
);

CREATE TABLE notify_prefs (
    person     TEXT PRIMARY KEY,
    off        TEXT NOT NULL, -- channels that are switched off
    quiet_from INTEGER NOT NULL, -- -1 as the channel says
    quiet_to   INTEGER NOT NULL,
    mail       TEXT NOT NULL,
    rev        BIGINT NOT NULL
);

CREATE TABLE notify_sends (
    id           TEXT PRIMARY KEY,
    rule_id      TEXT NOT NULL,
    rule_name    TEXT NOT NULL,
    template_id  TEXT NOT NULL,
    channel      TEXT NOT NULL,
    op           TEXT NOT NULL, -- push | create | done | cancel
    person       TEXT NOT NULL,
    person_name  TEXT NOT NULL,
    address      TEXT NOT NULL, -- masked
    item_id      TEXT NOT NULL,
    kind         TEXT NOT NULL,
    change       TEXT NOT NULL,
    title        TEXT NOT NULL,
    body         TEXT NOT NULL,
    path         TEXT NOT NULL,
    phone_path   TEXT NOT NULL,
    urgent       SMALLINT NOT NULL,
    state        TEXT NOT NULL, -- queued | sending | sent | delivered | read | failed | expired | cancelled | skipped
    reason       TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    refusals     INTEGER NOT NULL,
    next_at      BIGINT NOT NULL,
    msg_id       TEXT NOT NULL,
    dedupe_key   TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    sent_at      BIGINT,
    receipt_at   BIGINT,
    read_at      BIGINT
);
CREATE UNIQUE INDEX ix_notify_sends_dedupe ON notify_sends (dedupe_key);
CREATE INDEX ix_notify_sends_due ON notify_sends (channel, state, next_at);
CREATE INDEX ix_notify_sends_person ON notify_sends (person, channel, created_at);
CREATE INDEX ix_notify_sends_item ON notify_sends (item_id, channel, person);
CREATE INDEX ix_notify_sends_created ON notify_sends (created_at, id);
CREATE INDEX ix_notify_sends_msg ON notify_sends (channel, msg_id);

-- What a gateway reported, each once.
CREATE TABLE notify_receipts (
    channel     TEXT NOT NULL,
    msg_id      TEXT NOT NULL,
    status      TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (channel, msg_id, status)
);

-- To-dos that stand in the other system's list.
CREATE TABLE notify_mirrors (
    item_id TEXT NOT NULL,
    person  TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    round   BIGINT NOT NULL,
    PRIMARY KEY (item_id, person)
);

-- +goose Down
DROP TABLE notify_mirrors;
DROP TABLE notify_receipts;
DROP TABLE notify_sends;
DROP TABLE notify_prefs;
DROP TABLE notify_rules;
DROP TABLE notify_templates;
DROP TABLE notify_channels;
