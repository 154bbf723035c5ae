-- +goose Up
-- Processes and forms: one draft of each key, and every published version,
-- which never changes.
CREATE TABLE workflow_drafts (
    kind         TEXT NOT NULL, -- process | form
    def_key      TEXT NOT NULL,
    name         TEXT NOT NULL,
    category     TEXT NOT NULL,
    body         TEXT NOT NULL, -- BPMN XML, or the rules as JSON
    options      TEXT NOT NULL, -- of a form, JSON
    updated_by   TEXT NOT NULL,
    updated_name TEXT NOT NULL,
    updated_at   BIGINT NOT NULL,
    rev          BIGINT NOT NULL,
    PRIMARY KEY (kind, def_key)
);

CREATE TABLE workflow_versions (
    id             TEXT PRIMARY KEY,
    kind           TEXT NOT NULL,
    def_key        TEXT NOT NULL,
    version        INTEGER NOT NULL,
    name           TEXT NOT NULL,
    category       TEXT NOT NULL,
    body           TEXT NOT NULL,
    options        TEXT NOT NULL,
    derived        TEXT NOT NULL, -- a form's JSON Schema, a process's versions of forms
    startable      SMALLINT NOT NULL,
    note           TEXT NOT NULL,
    digest         TEXT NOT NULL, -- SM3 of body and options
    published_by   TEXT NOT NULL,
    published_name TEXT NOT NULL,
    published_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_workflow_versions_keyed ON workflow_versions (kind, def_key, version);

CREATE TABLE workflow_numbers (
    ymd  INTEGER PRIMARY KEY,
    last BIGINT NOT NULL
);

CREATE TABLE workflow_instances (
    id           TEXT PRIMARY KEY,
    no           TEXT NOT NULL,
    process      TEXT NOT NULL,
    process_name TEXT NOT NULL,
    version_id   TEXT NOT NULL REFERENCES workflow_versions (id),
    version      INTEGER NOT NULL,
    record       TEXT NOT NULL, -- kind of the business record, '' without one
    record_id    TEXT NOT NULL,
    title        TEXT NOT NULL,
    region_code  TEXT NOT NULL,
    starter      TEXT NOT NULL,
    starter_name TEXT NOT NULL,
    starter_org  TEXT NOT NULL,
    state        TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    vars         TEXT NOT NULL, -- JSON
    tokens       TEXT NOT NULL, -- JSON
    data         TEXT NOT NULL, -- JSON: form key -> field -> value
    pins         TEXT NOT NULL, -- JSON: form key -> version
    taken        TEXT NOT NULL, -- JSON list of flows
    at_nodes     TEXT NOT NULL, -- names of the current nodes, for lists
    seq          INTEGER NOT NULL,
    acted        SMALLINT NOT NULL,
    urged_at     BIGINT,
    due_at       BIGINT, -- soonest deadline of the open tasks
    created_at   BIGINT NOT NULL,
    ended_at     BIGINT,
    rev          BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_workflow_instances_no ON workflow_instances (no);
CREATE INDEX ix_workflow_instances_created ON workflow_instances (created_at, id);
CREATE INDEX ix_workflow_instances_process ON workflow_instances (process, state, created_at);
CREATE INDEX ix_workflow_instances_version ON workflow_instances (version_id, state);
CREATE INDEX ix_workflow_instances_record ON workflow_instances (record, record_id);

CREATE TABLE workflow_tasks (
    id            TEXT PRIMARY KEY,
    instance_id   TEXT NOT NULL REFERENCES workflow_instances (id),
    node          TEXT NOT NULL,
    node_name     TEXT NOT NULL,
    token         INTEGER NOT NULL,
    round         INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    ord           INTEGER NOT NULL,
    state         TEXT NOT NULL,
    candidates    TEXT NOT NULL, -- JSON
    assignee      TEXT NOT NULL,
    assignee_name TEXT NOT NULL,
    owner         TEXT NOT NULL,
    owner_name    TEXT NOT NULL,
    parent        TEXT NOT NULL,
    outcome       TEXT NOT NULL,
    acted_by      TEXT NOT NULL,
    acted_name    TEXT NOT NULL,
    behalf        TEXT NOT NULL,
    behalf_name   TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    due_at        BIGINT,
    ended_at      BIGINT,
    seq           INTEGER NOT NULL, -- order of making
    rev           BIGINT NOT NULL
);
CREATE INDEX ix_workflow_tasks_instance ON workflow_tasks (instance_id, seq);
CREATE INDEX ix_workflow_tasks_assignee ON workflow_tasks (assignee, state);

-- What happened; nothing in it is ever changed.
CREATE TABLE workflow_history (
    id          TEXT PRIMARY KEY,
    instance_id TEXT NOT NULL REFERENCES workflow_instances (id),
    seq         INTEGER NOT NULL,
    made_at     BIGINT NOT NULL,
    act         TEXT NOT NULL,
    node        TEXT NOT NULL,
    node_name   TEXT NOT NULL,
    task_id     TEXT NOT NULL,
    actor       TEXT NOT NULL,
    actor_name  TEXT NOT NULL,
    actor_org   TEXT NOT NULL,
    behalf      TEXT NOT NULL,
    behalf_name TEXT NOT NULL,
    to_names    TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    outcome_name TEXT NOT NULL,
    reason      TEXT NOT NULL,
    files       TEXT NOT NULL -- JSON list of SM3 digests
);
CREATE INDEX ix_workflow_history_instance ON workflow_history (instance_id, seq);

-- Who has to do with an instance and may therefore see it.
CREATE TABLE workflow_people (
    person_id   TEXT NOT NULL,
    role        TEXT NOT NULL, -- starter | handler | cc
    instance_id TEXT NOT NULL REFERENCES workflow_instances (id),
    since_at    BIGINT NOT NULL,
    PRIMARY KEY (person_id, role, instance_id)
);
CREATE INDEX ix_workflow_people_instance ON workflow_people (instance_id);

CREATE TABLE workflow_files (
    sm3         TEXT NOT NULL,
    instance_id TEXT NOT NULL REFERENCES workflow_instances (id),
    PRIMARY KEY (sm3, instance_id)
);

-- Half-filled forms, per person and task (or process to be started).
CREATE TABLE workflow_saves (
    person_id  TEXT NOT NULL,
    target     TEXT NOT NULL, -- task id, or start:KEY
    vals       TEXT NOT NULL, -- JSON
    device     TEXT NOT NULL, -- which page saved it, to tell two of them apart
    saved_at   BIGINT NOT NULL,
    rev        BIGINT NOT NULL,
    PRIMARY KEY (person_id, target)
);

-- +goose Down
DROP TABLE workflow_saves;
DROP TABLE workflow_files;
DROP TABLE workflow_people;
DROP TABLE workflow_history;
DROP TABLE workflow_tasks;
DROP TABLE workflow_instances;
DROP TABLE workflow_numbers;
DROP TABLE workflow_versions;
DROP TABLE workflow_drafts;
