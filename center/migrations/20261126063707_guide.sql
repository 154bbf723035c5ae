-- +goose Up
-- Guidance for shops: an item has versions, one of which may be in force.
CREATE TABLE guide_items (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL, -- law | rule | standard | case
    title        TEXT NOT NULL,
    summary      TEXT NOT NULL,
    body         TEXT NOT NULL,
    trades       TEXT NOT NULL, -- ,餐饮,零售, ; empty is all
    causes       TEXT NOT NULL, -- ,01-0001,
    source       TEXT NOT NULL,
    item_id      TEXT NOT NULL, -- the same in all versions
    version      INTEGER NOT NULL,
    state        TEXT NOT NULL, -- reviewing | published | rejected | retired
    from_at      BIGINT NOT NULL,
    to_at        BIGINT,
    written_by   TEXT NOT NULL,
    written_name TEXT NOT NULL,
    written_at   BIGINT NOT NULL,
    decided_by   TEXT NOT NULL,
    decided_at   BIGINT,
    note         TEXT NOT NULL
);
CREATE UNIQUE INDEX ix_guide_items_version ON guide_items (item_id, version);
CREATE INDEX ix_guide_items_state ON guide_items (state, kind, from_at);

CREATE TABLE guide_grams (
    gram    TEXT NOT NULL,
    guide_id TEXT NOT NULL REFERENCES guide_items (id),
    PRIMARY KEY (gram, guide_id)
);

-- One row for each reader, item and day.
CREATE TABLE guide_reads (
    item_id TEXT NOT NULL,
    ymd     INTEGER NOT NULL,
    reader  TEXT NOT NULL, -- digest of what the browser calls itself
    read_at BIGINT NOT NULL,
    PRIMARY KEY (item_id, ymd, reader)
);

CREATE TABLE guide_votes (
    item_id  TEXT NOT NULL,
    reader   TEXT NOT NULL,
    useful   SMALLINT NOT NULL,
    voted_at BIGINT NOT NULL,
    PRIMARY KEY (item_id, reader)
);

-- +goose Down
DROP TABLE guide_votes;
DROP TABLE guide_reads;
DROP TABLE guide_grams;
DROP TABLE guide_items;
