-- +goose Up
CREATE INDEX ix_order_items_urged ON order_items (state, due_at) WHERE urged > 0;

-- +goose Down
DROP INDEX ix_order_items_urged;
