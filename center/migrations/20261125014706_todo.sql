-- +goose Up
-- What waits for whom. Every source writes here in its own transaction.
CREATE TABLE todo_items (
    id            TEXT PRIMARY KEY,
    source        TEXT NOT NULL,
    source_id     TEXT NOT NULL,
    item_key      TEXT NOT NULL,
    kind          TEXT NOT NULL,
    title         TEXT NOT NULL,
    summary       TEXT NOT NULL,
    path          TEXT NOT NULL,
    phone_path    TEXT NOT NULL,
    region_code   TEXT NOT NULL,
    assignee      TEXT NOT NULL, -- person, '' while nobody of the group took it
    assignee_name TEXT NOT NULL,
    group_role    TEXT NOT NULL,
    group_org     TEXT NOT NULL,
    group_name    TEXT NOT NULL,
    starter       TEXT NOT NULL,
    starter_name  TEXT NOT NULL,
    priority      SMALLINT NOT NULL,
    due_at        BIGINT,
    near_at       BIGINT,
    due_note      TEXT NOT NULL,
    step          INTEGER NOT NULL,
    steps         INTEGER NOT NULL,
    step_name     TEXT NOT NULL,
    state         TEXT NOT NULL, -- open | done | cancelled
    outcome       TEXT NOT NULL,
    closed_by     TEXT NOT NULL,
    closed_name   TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    closed_at     BIGINT,
    fire_at       BIGINT, -- the next moment at which people are told
    fire_what     TEXT NOT NULL, -- near | overdue
    rev           BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_todo_items_source ON todo_items (source, source_id, item_key);
CREATE INDEX ix_todo_items_fire ON todo_items (fire_at) WHERE fire_at IS NOT NULL;
CREATE INDEX ix_todo_items_assignee ON todo_items (assignee, state);

-- One row for each person or group that an item concerns, with all that lists
-- sort and count by: a page reads one range of one index.
CREATE TABLE todo_people (
    item_id     TEXT NOT NULL REFERENCES todo_items (id),
    holder      TEXT NOT NULL, -- person id, or role@organisation
    tab         TEXT NOT NULL, -- todo | group | started | cc | done
    is_open     SMALLINT NOT NULL,
    sort_at     BIGINT NOT NULL, -- deadline while open, then when it was closed
    kind        TEXT NOT NULL,
    source      TEXT NOT NULL,
    region_code TEXT NOT NULL,
    priority    SMALLINT NOT NULL,
    late        SMALLINT NOT NULL, -- closed after its deadline
    read_at     BIGINT,
    PRIMARY KEY (item_id, holder, tab)
);
CREATE INDEX ix_todo_people_page ON todo_people (holder, is_open, tab, sort_at, item_id, source, read_at);

CREATE TABLE todo_filters (
    id         TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    owner_name TEXT NOT NULL,
    org_id     TEXT NOT NULL,
    name       TEXT NOT NULL,
    query      TEXT NOT NULL, -- the page's query string
    shared     SMALLINT NOT NULL,
    is_default SMALLINT NOT NULL,
    created_at BIGINT NOT NULL,
    rev        BIGINT NOT NULL
);
CREATE INDEX ix_todo_filters_owner ON todo_filters (owner);
CREATE INDEX ix_todo_filters_org ON todo_filters (org_id, shared);

-- +goose Down
DROP TABLE todo_filters;
DROP TABLE todo_people;
DROP TABLE todo_items;
