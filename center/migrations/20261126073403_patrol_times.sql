-- +goose Up
-- Lists of observations go back in time from now.
CREATE INDEX ix_patrol_observations_time ON patrol_observations (at, id, region_code, kind);
DROP INDEX ix_patrol_observations_kind;

-- +goose Down
CREATE INDEX ix_patrol_observations_kind ON patrol_observations (kind, at);
DROP INDEX ix_patrol_observations_time;
