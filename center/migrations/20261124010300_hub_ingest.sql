-- +goose Up
-- One row for each numbering of a box: which numbers are committed (seqs), and
-- which the box itself gave up (gaps), both as JSON pairs.
CREATE TABLE hub_streams (
    edge TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seqs TEXT NOT NULL,
    gaps TEXT NOT NULL,
    reported_seq BIGINT NOT NULL DEFAULT 0,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (edge, epoch)
);
-- Each message as it came, for the record and for reconciliation.
CREATE TABLE hub_messages (
    edge TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq BIGINT NOT NULL,
    id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_rev INTEGER NOT NULL,
    made_at BIGINT NOT NULL,
    made_ymd INTEGER NOT NULL,
    received_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (edge, epoch, seq)
);
CREATE INDEX hub_messages_day ON hub_messages (edge, made_ymd, epoch, seq);
CREATE INDEX hub_messages_event ON hub_messages (event_id);
CREATE TABLE hub_rejections (
    edge TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq BIGINT NOT NULL,
    field TEXT NOT NULL,
    message TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (edge, epoch, seq)
);
CREATE TABLE hub_reconciles (
    edge TEXT NOT NULL,
    ymd INTEGER NOT NULL,
    box_made BIGINT NOT NULL,
    stored BIGINT NOT NULL,
    missing TEXT NOT NULL,
    gaps TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (edge, ymd)
);

-- +goose Down
DROP TABLE hub_reconciles;
DROP TABLE hub_rejections;
DROP TABLE hub_messages;
DROP TABLE hub_streams;
