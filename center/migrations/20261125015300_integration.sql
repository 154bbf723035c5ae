-- +goose Up
CREATE TABLE integration_entries (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    app_id TEXT NOT NULL DEFAULT '',
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    internal SMALLINT NOT NULL,
    owner_org_id TEXT NOT NULL DEFAULT '',
    version TEXT NOT NULL DEFAULT '',
    menu TEXT NOT NULL DEFAULT '',
    route TEXT NOT NULL DEFAULT '',
    operations TEXT NOT NULL DEFAULT '[]',
    rules TEXT NOT NULL DEFAULT '[]',
    state TEXT NOT NULL,
    enabled SMALLINT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    applied_by TEXT NOT NULL DEFAULT '',
    applied_name TEXT NOT NULL DEFAULT '',
    applied_at BIGINT NOT NULL,
    decided_by TEXT NOT NULL DEFAULT '',
    decided_name TEXT NOT NULL DEFAULT '',
    decided_at BIGINT,
    mac TEXT NOT NULL DEFAULT '',
    updated_at BIGINT NOT NULL,
    rev INTEGER NOT NULL
);
CREATE UNIQUE INDEX integration_entries_code ON integration_entries (kind, code);
CREATE INDEX integration_entries_app ON integration_entries (app_id);
CREATE TABLE integration_changes (
    id TEXT PRIMARY KEY,
    object TEXT NOT NULL,
    object_id TEXT NOT NULL,
    act TEXT NOT NULL,
    summary TEXT NOT NULL,
    before_json TEXT NOT NULL DEFAULT '',
    after_json TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    by_id TEXT NOT NULL,
    by_name TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX integration_changes_object ON integration_changes (object, object_id, at);

CREATE TABLE integration_clients (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES integration_entries (id),
    app_key TEXT NOT NULL DEFAULT '',
    purpose TEXT NOT NULL,
    kinds TEXT NOT NULL,
    quota_day BIGINT NOT NULL,
    rate_second INTEGER NOT NULL,
    ips TEXT NOT NULL,
    prefixes TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    applied_by TEXT NOT NULL,
    applied_name TEXT NOT NULL,
    applied_at BIGINT NOT NULL,
    decided_by TEXT NOT NULL DEFAULT '',
    decided_name TEXT NOT NULL DEFAULT '',
    decided_at BIGINT,
    last_call_at BIGINT,
    updated_at BIGINT NOT NULL,
    rev INTEGER NOT NULL
);
CREATE INDEX integration_clients_app ON integration_clients (app_id);
CREATE INDEX integration_clients_keyed ON integration_clients (app_key);
CREATE TABLE integration_keys (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES integration_clients (id),
    sealed TEXT NOT NULL,
    hint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at BIGINT,
    used_at BIGINT
);
CREATE INDEX integration_keys_client ON integration_keys (client_id);
CREATE TABLE integration_nonces (
    client_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (client_id, nonce)
);
CREATE INDEX integration_nonces_at ON integration_nonces (at);
CREATE TABLE integration_meters (
    client_id TEXT PRIMARY KEY,
    ymd INTEGER NOT NULL,
    calls BIGINT NOT NULL,
    sec BIGINT NOT NULL,
    burst INTEGER NOT NULL
);
CREATE TABLE integration_calls (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    app_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    operation TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL,
    code TEXT NOT NULL,
    ms INTEGER NOT NULL,
    bytes BIGINT NOT NULL,
    ip TEXT NOT NULL,
    request_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    ymd INTEGER NOT NULL
);
CREATE INDEX integration_calls_at ON integration_calls (at);
CREATE INDEX integration_calls_client ON integration_calls (client_id, at);
CREATE TABLE integration_replays (
    client_id TEXT NOT NULL,
    idem_key TEXT NOT NULL,
    request_sm3 TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (client_id, idem_key)
);
CREATE INDEX integration_replays_at ON integration_replays (at);
CREATE TABLE integration_tickets (
    hash TEXT PRIMARY KEY,
    app_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    ends_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE TABLE integration_todos (
    client_id TEXT NOT NULL,
    external_id TEXT NOT NULL,
    title TEXT NOT NULL,
    summary TEXT NOT NULL,
    url TEXT NOT NULL,
    assignee_id TEXT NOT NULL,
    region_code TEXT NOT NULL,
    priority INTEGER NOT NULL,
    due_at BIGINT,
    state TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, external_id)
);

CREATE TABLE integration_hooks (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES integration_clients (id),
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    topics TEXT NOT NULL,
    sealed TEXT NOT NULL,
    state TEXT NOT NULL,
    failures INTEGER NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    rev INTEGER NOT NULL
);
CREATE TABLE integration_deliveries (
    id TEXT PRIMARY KEY,
    hook_id TEXT NOT NULL REFERENCES integration_hooks (id),
    event_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    status INTEGER NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    ms INTEGER NOT NULL,
    next_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    done_at BIGINT
);
CREATE UNIQUE INDEX integration_deliveries_event ON integration_deliveries (hook_id, event_id);
CREATE INDEX integration_deliveries_due ON integration_deliveries (state, next_at);

CREATE TABLE integration_staff_sources (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    sealed TEXT NOT NULL,
    page_size INTEGER NOT NULL,
    limit_percent INTEGER NOT NULL,
    every_minutes INTEGER NOT NULL,
    enabled SMALLINT NOT NULL,
    previewed SMALLINT NOT NULL,
    cursor TEXT NOT NULL DEFAULT '',
    next_at BIGINT,
    updated_at BIGINT NOT NULL,
    rev INTEGER NOT NULL
);
CREATE TABLE integration_staff_runs (
    id TEXT PRIMARY KEY,
    source_id TEXT NOT NULL REFERENCES integration_staff_sources (id),
    preview SMALLINT NOT NULL,
    state TEXT NOT NULL,
    seen INTEGER NOT NULL,
    added INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    moved INTEGER NOT NULL,
    disabled INTEGER NOT NULL,
    same INTEGER NOT NULL,
    conflicts INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '[]',
    by_name TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX integration_staff_runs_source ON integration_staff_runs (source_id, started_at);
CREATE TABLE integration_staff_links (
    source_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    external_id TEXT NOT NULL,
    local_id TEXT NOT NULL,
    applied TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (source_id, kind, external_id)
);
CREATE TABLE integration_staff_conflicts (
    id TEXT PRIMARY KEY,
    source_id TEXT NOT NULL REFERENCES integration_staff_sources (id),
    kind TEXT NOT NULL,
    external_id TEXT NOT NULL,
    local_id TEXT NOT NULL DEFAULT '',
    theirs TEXT NOT NULL,
    ours TEXT NOT NULL,
    state TEXT NOT NULL,
    decision TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    by_id TEXT NOT NULL DEFAULT '',
    by_name TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    decided_at BIGINT
);
CREATE INDEX integration_staff_conflicts_state ON integration_staff_conflicts (source_id, state);

CREATE TABLE integration_feeds (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    sealed TEXT NOT NULL,
    query TEXT NOT NULL DEFAULT '',
    mapping TEXT NOT NULL,
    rules TEXT NOT NULL,
    key_field TEXT NOT NULL,
    row_cap INTEGER NOT NULL,
    every_minutes INTEGER NOT NULL,
    workdays_only SMALLINT NOT NULL,
    enabled SMALLINT NOT NULL,
    next_at BIGINT,
    updated_at BIGINT NOT NULL,
    rev INTEGER NOT NULL
);
CREATE TABLE integration_feed_runs (
    id TEXT PRIMARY KEY,
    feed_id TEXT NOT NULL REFERENCES integration_feeds (id),
    state TEXT NOT NULL,
    kind TEXT NOT NULL,
    position BIGINT NOT NULL,
    source_count BIGINT NOT NULL,
    loaded BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    warned BIGINT NOT NULL,
    balanced SMALLINT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    by_name TEXT NOT NULL,
    lease_at BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX integration_feed_runs_feed ON integration_feed_runs (feed_id, started_at);
CREATE TABLE integration_feed_rows (
    id TEXT PRIMARY KEY,
    feed_id TEXT NOT NULL REFERENCES integration_feeds (id),
    run_id TEXT NOT NULL,
    row_no BIGINT NOT NULL,
    row_key TEXT NOT NULL,
    raw TEXT NOT NULL,
    reasons TEXT NOT NULL,
    level TEXT NOT NULL,
    state TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX integration_feed_rows_feed ON integration_feed_rows (feed_id, state);
CREATE TABLE integration_feed_links (
    feed_id TEXT NOT NULL,
    row_key TEXT NOT NULL,
    target_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    run_id TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (feed_id, row_key)
);
CREATE TABLE integration_records (
    id TEXT PRIMARY KEY,
    feed_id TEXT NOT NULL REFERENCES integration_feeds (id),
    row_key TEXT NOT NULL,
    data TEXT NOT NULL,
    region_code TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX integration_records_keyed ON integration_records (feed_id, row_key);

-- +goose Down
DROP TABLE integration_records;
DROP TABLE integration_feed_links;
DROP TABLE integration_feed_rows;
DROP TABLE integration_feed_runs;
DROP TABLE integration_feeds;
DROP TABLE integration_staff_conflicts;
DROP TABLE integration_staff_links;
DROP TABLE integration_staff_runs;
DROP TABLE integration_staff_sources;
DROP TABLE integration_deliveries;
DROP TABLE integration_hooks;
DROP TABLE integration_todos;
DROP TABLE integration_tickets;
DROP TABLE integration_replays;
DROP TABLE integration_calls;
DROP TABLE integration_meters;
DROP TABLE integration_nonces;
DROP TABLE integration_keys;
DROP TABLE integration_clients;
DROP TABLE integration_changes;
DROP TABLE integration_entries;
