-- +goose Up
-- What stands on the map, as its owners' views show it.
CREATE TABLE map_objects (
    layer       TEXT NOT NULL, -- camera | shop | alert | order | permit
    id          TEXT NOT NULL,
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL,
    name        TEXT NOT NULL,
    note        TEXT NOT NULL, -- address
    ref         TEXT NOT NULL, -- number of an alert or order
    region_code TEXT NOT NULL,
    lng         DOUBLE PRECISION NOT NULL,
    lat         DOUBLE PRECISION NOT NULL,
    begun_at    BIGINT NOT NULL, -- 0 without
    until_at    BIGINT NOT NULL, -- 0 without
    org_id      TEXT NOT NULL, -- squad of an order
    person_id   TEXT NOT NULL, -- officer of an order
    shape       TEXT NOT NULL, -- JSON ring of a permit area, or empty
    qk          BIGINT NOT NULL, -- Morton code of the place at zoom 17
    PRIMARY KEY (layer, id)
);
CREATE INDEX ix_map_objects_tile ON map_objects (layer, qk, region_code);
CREATE INDEX ix_map_objects_region ON map_objects (layer, region_code, begun_at, id);
CREATE INDEX ix_map_objects_time ON map_objects (layer, begun_at, id);
CREATE INDEX ix_map_objects_org ON map_objects (layer, org_id) WHERE org_id <> '';
CREATE INDEX ix_map_objects_person ON map_objects (layer, person_id) WHERE person_id <> '';

-- Counts by cell of the tile pyramid and street, so that a tile of the whole
-- city is a few hundred rows and shows only what the viewer may see.
CREATE TABLE map_cells (
    layer       TEXT NOT NULL,
    z           INTEGER NOT NULL,
    qk          BIGINT NOT NULL, -- Morton code at zoom z
    region_code TEXT NOT NULL,
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL,
    n           BIGINT NOT NULL,
    sum_lng     DOUBLE PRECISION NOT NULL,
    sum_lat     DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (layer, z, qk, region_code, kind, state)
);

CREATE TABLE map_layers (
    layer     TEXT PRIMARY KEY,
    version   BIGINT NOT NULL, -- grows with each change: the tiles' ETag
    synced_at BIGINT -- last comparison with the owner
);

-- Alerts by day and cell, for the heat.
CREATE TABLE map_heat (
    ymd         INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    region_code TEXT NOT NULL,
    qk          BIGINT NOT NULL, -- Morton code at zoom 16
    n           BIGINT NOT NULL,
    PRIMARY KEY (ymd, kind, region_code, qk)
);
CREATE TABLE map_heat_days (
    ymd     INTEGER PRIMARY KEY,
    made_at BIGINT NOT NULL
);

-- Profiles of Shanghai 2000: every version stays.
CREATE TABLE map_profiles (
    id         TEXT PRIMARY KEY,
    code       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    name       TEXT NOT NULL,
    params     TEXT NOT NULL, -- JSON
    controls   TEXT NOT NULL, -- JSON of the control points, [] without
    fit        TEXT NOT NULL, -- JSON of the fit, or empty
    source     TEXT NOT NULL,
    verified   INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    made_by    TEXT NOT NULL,
    made_name  TEXT NOT NULL,
    made_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_map_profiles_version ON map_profiles (code, version);

CREATE TABLE map_settings (
    code  TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    rev   BIGINT NOT NULL
);

-- Services outside: the customer's own and those of the map companies.
CREATE TABLE map_providers (
    code        TEXT PRIMARY KEY, -- customer | amap | baidu | tianditu | wmts
    name        TEXT NOT NULL,
    address     TEXT NOT NULL,
    secret      TEXT NOT NULL, -- sealed
    mode        TEXT NOT NULL, -- off | fake | real
    seq         INTEGER NOT NULL, -- order of preference
    timeout_ms  INTEGER NOT NULL,
    quota_day   INTEGER NOT NULL, -- 0 without a limit
    updated_at  BIGINT NOT NULL,
    updated_by  TEXT NOT NULL,
    rev         BIGINT NOT NULL
);
CREATE TABLE map_provider_days (
    code    TEXT NOT NULL,
    ymd     INTEGER NOT NULL,
    calls   BIGINT NOT NULL,
    failed  BIGINT NOT NULL,
    PRIMARY KEY (code, ymd)
);
CREATE TABLE map_cache (
    digest  TEXT PRIMARY KEY, -- SM3 of what was asked
    code    TEXT NOT NULL,
    body    TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE INDEX ix_map_cache_made ON map_cache (made_at);

-- The city's addresses: from shops and cameras, and from files.
CREATE TABLE map_addresses (
    id          TEXT PRIMARY KEY, -- source:ref
    source      TEXT NOT NULL, -- shop | camera | file
    ref         TEXT NOT NULL,
    text        TEXT NOT NULL, -- as it was written
    standard    TEXT NOT NULL,
    region_code TEXT NOT NULL,
    road        TEXT NOT NULL,
    lane        TEXT NOT NULL,
    num         INTEGER NOT NULL, -- house number, 0 without
    suffix      TEXT NOT NULL, -- 甲, 乙, -1 …
    building    TEXT NOT NULL,
    room        TEXT NOT NULL,
    lng         DOUBLE PRECISION NOT NULL,
    lat         DOUBLE PRECISION NOT NULL,
    qk          BIGINT NOT NULL
);
CREATE INDEX ix_map_addresses_road ON map_addresses (road, lane, num);
CREATE INDEX ix_map_addresses_place ON map_addresses (qk);
CREATE INDEX ix_map_addresses_source ON map_addresses (source, ref);

-- +goose Down
DROP TABLE map_addresses;
DROP TABLE map_cache;
DROP TABLE map_provider_days;
DROP TABLE map_providers;
DROP TABLE map_settings;
DROP TABLE map_profiles;
DROP TABLE map_heat_days;
DROP TABLE map_heat;
DROP TABLE map_layers;
DROP TABLE map_cells;
DROP TABLE map_objects;
