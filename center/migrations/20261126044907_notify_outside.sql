-- +goose Up
-- 1: the person is nobody of the organisation but a shop, whose number and
-- page are asked for when the message is sent.
ALTER TABLE notify_sends ADD COLUMN outside SMALLINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE notify_sends DROP COLUMN outside;
