-- +goose Up
-- A record may bring its own limit and nearness in place of the rule's; both
-- are of hour rules only, 0 takes the rule's.
ALTER TABLE deadline_clocks ADD COLUMN limit_minutes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deadline_clocks ADD COLUMN near_minutes BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE deadline_clocks DROP COLUMN near_minutes;
ALTER TABLE deadline_clocks DROP COLUMN limit_minutes;
