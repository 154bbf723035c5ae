-- +goose Up
-- Causes of action, versioned: what was decided at a moment is judged by the
-- version that held then. A version is never changed; only its end is set
-- when the next one begins.
CREATE TABLE cause_items (
    id                TEXT PRIMARY KEY,
    code              TEXT NOT NULL, -- domain (2) - number (4)
    version           INTEGER NOT NULL,
    name              TEXT NOT NULL,
    domain            TEXT NOT NULL,
    kinds             TEXT NOT NULL, -- event kinds that point at it: ,stacking,frontage,
    trades            TEXT NOT NULL, -- trades that it concerns, the same form; empty is all
    tags              TEXT NOT NULL, -- the same form: offsite, muck, lessen, exempt, discretion
    external_code     TEXT NOT NULL, -- of the city's list of matters
    penalty           TEXT NOT NULL, -- the gist of what follows
    fine_min          BIGINT NOT NULL, -- yuan, 0 is none
    fine_max          BIGINT NOT NULL,
    precondition      TEXT NOT NULL,
    remedy            TEXT NOT NULL, -- what to do, in plain words
    effective_from_at BIGINT NOT NULL,
    effective_to_at   BIGINT,
    source            TEXT NOT NULL,
    verified          SMALLINT NOT NULL,
    note              TEXT NOT NULL,
    made_by           TEXT NOT NULL,
    made_name         TEXT NOT NULL,
    made_at           BIGINT NOT NULL,
    reason            TEXT NOT NULL,
    search            TEXT NOT NULL
);
CREATE UNIQUE INDEX ix_cause_items_version ON cause_items (code, version);
CREATE INDEX ix_cause_items_from ON cause_items (code, effective_from_at);

CREATE TABLE cause_articles (
    cause_id TEXT NOT NULL REFERENCES cause_items (id),
    seq      INTEGER NOT NULL,
    role     TEXT NOT NULL, -- violates | penalty
    law      TEXT NOT NULL,
    article  TEXT NOT NULL,
    text     TEXT NOT NULL,
    digest   SMALLINT NOT NULL, -- 1: the gist, not the words of the law
    source   TEXT NOT NULL,
    verified SMALLINT NOT NULL,
    PRIMARY KEY (cause_id, seq)
);

-- +goose Down
DROP TABLE cause_articles;
DROP TABLE cause_items;
