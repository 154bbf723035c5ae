-- +goose Up
CREATE TABLE shop_items (
    id                 TEXT PRIMARY KEY,
    name               TEXT NOT NULL,
    sign_name          TEXT NOT NULL,
    address            TEXT NOT NULL,
    region_code        TEXT NOT NULL,
    street_name        TEXT NOT NULL,
    lng                DOUBLE PRECISION NOT NULL,
    lat                DOUBLE PRECISION NOT NULL,
    business           TEXT NOT NULL,
    contact            TEXT NOT NULL,
    camera_id          TEXT NOT NULL,
    zone_id            TEXT NOT NULL,
    sign_reference_sm3 TEXT NOT NULL,
    search             TEXT NOT NULL,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    deleted_at         BIGINT,
    rev                BIGINT NOT NULL
);
CREATE INDEX ix_shop_items_region ON shop_items (region_code, name);
CREATE INDEX ix_shop_items_camera ON shop_items (camera_id);
CREATE INDEX ix_shop_items_zone ON shop_items (zone_id);
CREATE INDEX ix_shop_items_place ON shop_items (lat, lng);
CREATE INDEX ix_shop_items_sign ON shop_items (sign_reference_sm3);

CREATE VIEW v_shops_signs AS
SELECT id, name, sign_name, sign_reference_sm3, camera_id, zone_id, region_code, address, lng, lat
FROM shop_items
WHERE deleted_at IS NULL;

-- +goose Down
DROP VIEW v_shops_signs;
DROP TABLE shop_items;
