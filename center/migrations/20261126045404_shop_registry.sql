-- +goose Up
ALTER TABLE shop_items ADD COLUMN no TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_items ADD COLUMN aliases TEXT NOT NULL DEFAULT '[]'; -- JSON: name, kind (alias, former), at
ALTER TABLE shop_items ADD COLUMN road TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_items ADD COLUMN house_no BIGINT NOT NULL DEFAULT 0;
ALTER TABLE shop_items ADD COLUMN side TEXT NOT NULL DEFAULT ''; -- odd | even | '' unknown
ALTER TABLE shop_items ADD COLUMN door_line TEXT NOT NULL DEFAULT ''; -- JSON: [[lng, lat], …]
ALTER TABLE shop_items ADD COLUMN operator TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_items ADD COLUMN credit_code TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_items ADD COLUMN contact_blind TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_items ADD COLUMN contact_mask TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_items ADD COLUMN permits TEXT NOT NULL DEFAULT '[]'; -- JSON
ALTER TABLE shop_items ADD COLUMN pledge_ymd BIGINT NOT NULL DEFAULT 0; -- 告知承诺书, the day it was signed
ALTER TABLE shop_items ADD COLUMN pledge_sm3 TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_items ADD COLUMN smart BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE shop_items ADD COLUMN state TEXT NOT NULL DEFAULT 'open'; -- open | closed
ALTER TABLE shop_items ADD COLUMN source TEXT NOT NULL DEFAULT 'manual';
ALTER TABLE shop_items ADD COLUMN seen_at BIGINT; -- last seen on a picture as itself
ALTER TABLE shop_items ADD COLUMN merged_into TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_items ADD COLUMN deleted_by TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_items ADD COLUMN deleted_why TEXT NOT NULL DEFAULT '';
-- How the row is indexed for search; a job brings older ones up to date.
ALTER TABLE shop_items ADD COLUMN indexed BIGINT NOT NULL DEFAULT 0;

CREATE INDEX ix_shop_items_name ON shop_items (name, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_shop_items_live ON shop_items (region_code) WHERE deleted_at IS NULL;
CREATE INDEX ix_shop_items_updated ON shop_items (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_shop_items_road ON shop_items (road, region_code, house_no) WHERE deleted_at IS NULL;
CREATE INDEX ix_shop_items_bin ON shop_items (deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX ix_shop_items_business ON shop_items (business, name) WHERE deleted_at IS NULL;
CREATE INDEX ix_shop_items_credit ON shop_items (credit_code) WHERE credit_code <> '';
CREATE INDEX ix_shop_items_phone ON shop_items (contact_blind) WHERE contact_blind <> '';
CREATE INDEX ix_shop_items_no ON shop_items (no);
CREATE INDEX ix_shop_items_pledge ON shop_items (pledge_sm3) WHERE pledge_sm3 <> '';
CREATE INDEX ix_shop_items_indexed ON shop_items (indexed, id);

CREATE TABLE shop_grams (
    gram BIGINT NOT NULL, -- textkey: a pair of characters or of initials
    id   TEXT NOT NULL,
    PRIMARY KEY (gram, id)
);
CREATE INDEX ix_shop_grams_id ON shop_grams (id);

CREATE TABLE shop_numbers (
    region_code TEXT PRIMARY KEY,
    n           BIGINT NOT NULL
);

CREATE TABLE shop_pictures (
    shop_id    TEXT NOT NULL,
    sm3        TEXT NOT NULL,
    kind       TEXT NOT NULL, -- front | licence | pledge | sign | other
    note       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    by_name    TEXT NOT NULL,
    PRIMARY KEY (shop_id, sm3)
);
CREATE INDEX ix_shop_pictures_sm3 ON shop_pictures (sm3);

-- Every state of every shop: the history of each field, and what an undo
-- goes back to.
CREATE TABLE shop_versions (
    id      TEXT PRIMARY KEY,
    shop_id TEXT NOT NULL,
    rev     BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    by_id   TEXT NOT NULL,
    by_name TEXT NOT NULL,
    act     TEXT NOT NULL,
    reason  TEXT NOT NULL,
    op_id   TEXT NOT NULL,
    body    TEXT NOT NULL, -- JSON without the telephone number
    contact TEXT NOT NULL  -- sealed
);
CREATE UNIQUE INDEX ix_shop_versions_rev ON shop_versions (shop_id, rev);

-- Acts on one or several shops that can be taken back as a whole.
CREATE TABLE shop_ops (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL, -- merge | split | delete | restore | confirm | import
    at          BIGINT NOT NULL,
    by_id       TEXT NOT NULL,
    by_name     TEXT NOT NULL,
    region_code TEXT NOT NULL,
    summary     TEXT NOT NULL,
    body        TEXT NOT NULL, -- JSON: shops with the revisions before and after
    undone_at   BIGINT,
    undone_by   TEXT NOT NULL
);
CREATE INDEX ix_shop_ops_at ON shop_ops (region_code, at);

CREATE TABLE shop_op_shops (
    op_id   TEXT NOT NULL,
    shop_id TEXT NOT NULL,
    PRIMARY KEY (shop_id, op_id)
);

-- +goose Down
DROP TABLE shop_op_shops;
DROP TABLE shop_ops;
DROP TABLE shop_versions;
DROP TABLE shop_pictures;
DROP TABLE shop_numbers;
DROP TABLE shop_grams;
DROP INDEX ix_shop_items_indexed;
DROP INDEX ix_shop_items_pledge;
DROP INDEX ix_shop_items_no;
DROP INDEX ix_shop_items_phone;
DROP INDEX ix_shop_items_credit;
DROP INDEX ix_shop_items_business;
DROP INDEX ix_shop_items_bin;
DROP INDEX ix_shop_items_road;
DROP INDEX ix_shop_items_updated;
DROP INDEX ix_shop_items_live;
DROP INDEX ix_shop_items_name;
ALTER TABLE shop_items DROP COLUMN indexed;
ALTER TABLE shop_items DROP COLUMN deleted_why;
ALTER TABLE shop_items DROP COLUMN deleted_by;
ALTER TABLE shop_items DROP COLUMN merged_into;
ALTER TABLE shop_items DROP COLUMN seen_at;
ALTER TABLE shop_items DROP COLUMN source;
ALTER TABLE shop_items DROP COLUMN state;
ALTER TABLE shop_items DROP COLUMN smart;
ALTER TABLE shop_items DROP COLUMN pledge_sm3;
ALTER TABLE shop_items DROP COLUMN pledge_ymd;
ALTER TABLE shop_items DROP COLUMN permits;
ALTER TABLE shop_items DROP COLUMN contact_mask;
ALTER TABLE shop_items DROP COLUMN contact_blind;
ALTER TABLE shop_items DROP COLUMN credit_code;
ALTER TABLE shop_items DROP COLUMN operator;
ALTER TABLE shop_items DROP COLUMN door_line;
ALTER TABLE shop_items DROP COLUMN side;
ALTER TABLE shop_items DROP COLUMN house_no;
ALTER TABLE shop_items DROP COLUMN road;
ALTER TABLE shop_items DROP COLUMN aliases;
ALTER TABLE shop_items DROP COLUMN no;
