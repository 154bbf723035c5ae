-- +goose Up
CREATE TABLE access_roles (
    code TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    builtin SMALLINT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,
    mac TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    rev INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE access_role_perms (
    role TEXT NOT NULL REFERENCES access_roles (code),
    perm TEXT NOT NULL,
    pass SMALLINT NOT NULL,
    PRIMARY KEY (role, perm, pass)
);
CREATE TABLE access_versions (
    name TEXT PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO access_versions (name, version) VALUES ('roles', 1);
CREATE TABLE access_exclusions (
    id TEXT PRIMARY KEY,
    name_a TEXT NOT NULL,
    perms_a TEXT NOT NULL,
    name_b TEXT NOT NULL,
    perms_b TEXT NOT NULL,
    source TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,
    mac TEXT NOT NULL DEFAULT '',
    updated_at BIGINT NOT NULL,
    rev INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE access_scopes (
    code TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    prefixes TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,
    mac TEXT NOT NULL DEFAULT '',
    updated_at BIGINT NOT NULL,
    rev INTEGER NOT NULL DEFAULT 1
);
ALTER TABLE access_orgs ADD COLUMN scope_code TEXT NOT NULL DEFAULT '';
ALTER TABLE access_orgs ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
ALTER TABLE access_orgs ADD COLUMN merged_into TEXT NOT NULL DEFAULT '';
ALTER TABLE access_orgs ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE access_orgs ADD COLUMN rev INTEGER NOT NULL DEFAULT 1;
ALTER TABLE access_orgs ADD COLUMN mac TEXT NOT NULL DEFAULT '';
CREATE INDEX access_orgs_parent ON access_orgs (parent_id);
CREATE TABLE access_org_history (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES access_orgs (id),
    act TEXT NOT NULL,
    name TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    by_id TEXT NOT NULL,
    by_name TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX access_org_history_org ON access_org_history (org_id, at);
ALTER TABLE access_persons ADD COLUMN phone_blind TEXT NOT NULL DEFAULT '';
ALTER TABLE access_persons ADD COLUMN id_no TEXT NOT NULL DEFAULT '';
ALTER TABLE access_persons ADD COLUMN id_blind TEXT NOT NULL DEFAULT '';
ALTER TABLE access_persons ADD COLUMN posts TEXT NOT NULL DEFAULT '';
ALTER TABLE access_persons ADD COLUMN cert_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access_persons ADD COLUMN cert_to INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access_persons ADD COLUMN left_at BIGINT;
CREATE INDEX access_persons_phone ON access_persons (phone_blind);
CREATE INDEX access_persons_id_no ON access_persons (id_blind);
CREATE INDEX access_persons_cert ON access_persons (cert_to);
ALTER TABLE access_grants ADD COLUMN kind TEXT NOT NULL DEFAULT 'region';
ALTER TABLE access_grants ADD COLUMN org_id TEXT NOT NULL DEFAULT '';
ALTER TABLE access_grants ADD COLUMN scope_code TEXT NOT NULL DEFAULT '';
ALTER TABLE access_grants ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE access_grants ADD COLUMN granted_by TEXT NOT NULL DEFAULT '';
ALTER TABLE access_grants ADD COLUMN revoked_at BIGINT;
ALTER TABLE access_grants ADD COLUMN revoked_by TEXT NOT NULL DEFAULT '';
ALTER TABLE access_grants ADD COLUMN revoke_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE access_grants ADD COLUMN mac TEXT NOT NULL DEFAULT '';
CREATE INDEX access_grants_role ON access_grants (role);
CREATE INDEX access_grants_end ON access_grants (to_at);
CREATE TABLE access_faults (
    tbl TEXT NOT NULL,
    row_id TEXT NOT NULL,
    what TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (tbl, row_id)
);
CREATE TABLE access_substitutes (
    id TEXT PRIMARY KEY,
    absent_id TEXT NOT NULL REFERENCES access_persons (id),
    substitute_id TEXT NOT NULL REFERENCES access_persons (id),
    perms TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    absent_agreed_at BIGINT,
    substitute_agreed_at BIGINT,
    ended_at BIGINT,
    ended_by TEXT NOT NULL DEFAULT '',
    mac TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    rev INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX access_substitutes_absent ON access_substitutes (absent_id, to_at);
CREATE INDEX access_substitutes_substitute ON access_substitutes (substitute_id, to_at);
CREATE TABLE access_moves (
    id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES access_persons (id),
    kind TEXT NOT NULL,
    from_org TEXT NOT NULL,
    to_org TEXT NOT NULL DEFAULT '',
    hand_to TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL,
    by_id TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX access_moves_person ON access_moves (person_id, at);

-- +goose Down
DROP TABLE access_moves;
DROP TABLE access_substitutes;
DROP TABLE access_faults;
DROP INDEX access_grants_end;
DROP INDEX access_grants_role;
ALTER TABLE access_grants DROP COLUMN mac;
ALTER TABLE access_grants DROP COLUMN revoke_reason;
ALTER TABLE access_grants DROP COLUMN revoked_by;
ALTER TABLE access_grants DROP COLUMN revoked_at;
ALTER TABLE access_grants DROP COLUMN granted_by;
ALTER TABLE access_grants DROP COLUMN reason;
ALTER TABLE access_grants DROP COLUMN scope_code;
ALTER TABLE access_grants DROP COLUMN org_id;
ALTER TABLE access_grants DROP COLUMN kind;
DROP INDEX access_persons_cert;
DROP INDEX access_persons_id_no;
DROP INDEX access_persons_phone;
ALTER TABLE access_persons DROP COLUMN left_at;
ALTER TABLE access_persons DROP COLUMN cert_to;
ALTER TABLE access_persons DROP COLUMN cert_from;
ALTER TABLE access_persons DROP COLUMN posts;
ALTER TABLE access_persons DROP COLUMN id_blind;
ALTER TABLE access_persons DROP COLUMN id_no;
ALTER TABLE access_persons DROP COLUMN phone_blind;
DROP TABLE access_org_history;
DROP INDEX access_orgs_parent;
ALTER TABLE access_orgs DROP COLUMN mac;
ALTER TABLE access_orgs DROP COLUMN rev;
ALTER TABLE access_orgs DROP COLUMN updated_at;
ALTER TABLE access_orgs DROP COLUMN merged_into;
ALTER TABLE access_orgs DROP COLUMN state;
ALTER TABLE access_orgs DROP COLUMN scope_code;
DROP TABLE access_scopes;
DROP TABLE access_exclusions;
DROP TABLE access_versions;
DROP TABLE access_role_perms;
DROP TABLE access_roles;
