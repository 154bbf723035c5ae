-- +goose Up
-- Who uploaded a file: until a record refers to it, only they may see it.
CREATE TABLE blob_uploads (
    sm3 TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (sm3, actor_id)
);

-- +goose Down
DROP TABLE blob_uploads;
