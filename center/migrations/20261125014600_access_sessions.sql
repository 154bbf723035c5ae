-- +goose Up
ALTER TABLE access_sessions ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE access_sessions ADD COLUMN method TEXT NOT NULL DEFAULT 'password';
UPDATE access_sessions SET id = substr(token_hash, 1, 26);
CREATE UNIQUE INDEX access_sessions_id ON access_sessions (id);

-- +goose Down
DROP INDEX access_sessions_id;
ALTER TABLE access_sessions DROP COLUMN method;
ALTER TABLE access_sessions DROP COLUMN id;
