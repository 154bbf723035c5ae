-- +goose Up
CREATE TABLE security_registrations (
    entry_id TEXT NOT NULL,
    act TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    person_id TEXT NOT NULL,
    region_code TEXT NOT NULL,
    ymd INTEGER NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (entry_id, act)
);
CREATE INDEX security_registrations_ymd ON security_registrations (ymd, region_code);

-- +goose Down
DROP TABLE security_registrations;
