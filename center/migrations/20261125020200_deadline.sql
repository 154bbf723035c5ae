-- +goose Up
-- Days off and worked weekends; staff edit them year by year.
CREATE TABLE deadline_days (
    ymd        INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL, -- off | on
    name       TEXT NOT NULL,
    updated_by TEXT NOT NULL
);
CREATE TABLE deadline_years (
    year       INTEGER PRIMARY KEY,
    source     TEXT NOT NULL,
    verified   SMALLINT NOT NULL,
    updated_at BIGINT NOT NULL
);
-- One row: the hours of a working day, and a number that grows with every
-- change of the calendar.
CREATE TABLE deadline_calendar (
    id    INTEGER PRIMARY KEY,
    hours TEXT NOT NULL, -- JSON list of minutes from and to
    rev   BIGINT NOT NULL
);
INSERT INTO deadline_calendar (id, hours, rev) VALUES (1, '[{"from":540,"to":720},{"from":810,"to":1080}]', 1);
INSERT INTO deadline_years (year, source, verified, updated_at) VALUES
    (2025, '国务院办公厅关于 2025 年部分节假日安排的通知', 0, 0),
    (2026, '国务院办公厅关于 2026 年部分节假日安排的通知', 0, 0);
INSERT INTO deadline_days (ymd, kind, name, updated_by) VALUES
    (20250101, 'off', '元旦', ''),
    (20250126, 'on', '春节调休', ''),
    (20250128, 'off', '春节', ''),
    (20250129, 'off', '春节', ''),
    (20250130, 'off', '春节', ''),
    (20250131, 'off', '春节', ''),
    (20250201, 'off', '春节', ''),
    (20250202, 'off', '春节', ''),
    (20250203, 'off', '春节', ''),
    (20250204, 'off', '春节', ''),
    (20250208, 'on', '春节调休', ''),
    (20250404, 'off', '清明节', ''),
    (20250405, 'off', '清明节', ''),
    (20250406, 'off', '清明节', ''),
    (20250427, 'on', '劳动节调休', ''),
    (20250501, 'off', '劳动节', ''),
    (20250502, 'off', '劳动节', ''),
    (20250503, 'off', '劳动节', ''),
    (20250504, 'off', '劳动节', ''),
    (20250505, 'off', '劳动节', ''),
    (20250531, 'off', '端午节', ''),
    (20250601, 'off', '端午节', ''),
    (20250602, 'off', '端午节', ''),
    (20250928, 'on', '国庆节调休', ''),
    (20251001, 'off', '国庆节、中秋节', ''),
    (20251002, 'off', '国庆节、中秋节', ''),
    (20251003, 'off', '国庆节、中秋节', ''),
    (20251004, 'off', '国庆节、中秋节', ''),
    (20251005, 'off', '国庆节、中秋节', ''),
    (20251006, 'off', '国庆节、中秋节', ''),
    (20251007, 'off', '国庆节、中秋节', ''),
    (20251008, 'off', '国庆节、中秋节', ''),
    (20251011, 'on', '国庆节调休', ''),
    (20260101, 'off', '元旦', ''),
    (20260102, 'off', '元旦', ''),
    (20260103, 'off', '元旦', ''),
    (20260104, 'on', '元旦调休', ''),
    (20260214, 'on', '春节调休', ''),
    (20260215, 'off', '春节', ''),
    (20260216, 'off', '春节', ''),
    (20260217, 'off', '春节', ''),
    (20260218, 'off', '春节', ''),
    (20260219, 'off', '春节', ''),
    (20260220, 'off', '春节', ''),
    (20260221, 'off', '春节', ''),
    (20260222, 'off', '春节', ''),
    (20260223, 'off', '春节', ''),
    (20260228, 'on', '春节调休', ''),
    (20260404, 'off', '清明节', ''),
    (20260405, 'off', '清明节', ''),
    (20260406, 'off', '清明节', ''),
    (20260501, 'off', '劳动节', ''),
    (20260502, 'off', '劳动节', ''),
    (20260503, 'off', '劳动节', ''),
    (20260504, 'off', '劳动节', ''),
    (20260505, 'off', '劳动节', ''),
    (20260509, 'on', '劳动节调休', ''),
    (20260619, 'off', '端午节', ''),
    (20260620, 'off', '端午节', ''),
    (20260621, 'off', '端午节', ''),
    (20260920, 'on', '国庆节调休', ''),
    (20260925, 'off', '中秋节', ''),
    (20260926, 'off', '中秋节', ''),
    (20260927, 'off', '中秋节', ''),
    (20261001, 'off', '国庆节', ''),
    (20261002, 'off', '国庆节', ''),
    (20261003, 'off', '国庆节', ''),
    (20261004, 'off', '国庆节', ''),
    (20261005, 'off', '国庆节', ''),
    (20261006, 'off', '国庆节', ''),
    (20261007, 'off', '国庆节', ''),
    (20261010, 'on', '国庆节调休', '');

-- Rules are versioned: a clock keeps the version it started with unless it is
-- moved on purpose.
CREATE TABLE deadline_rules (
    id                TEXT PRIMARY KEY,
    code              TEXT NOT NULL,
    version           INTEGER NOT NULL,
    name              TEXT NOT NULL,
    unit              TEXT NOT NULL, -- day | workday | hour | workhour
    amount            INTEGER NOT NULL,
    same_day          SMALLINT NOT NULL,
    office            SMALLINT NOT NULL,
    roll              SMALLINT NOT NULL,
    near              INTEGER NOT NULL, -- in the unit, before the end
    pause_events      TEXT NOT NULL, -- JSON list
    ext_count         INTEGER NOT NULL,
    ext_amount        INTEGER NOT NULL, -- of one extension, in the unit
    levels            TEXT NOT NULL, -- JSON list
    effective_from_at BIGINT NOT NULL,
    effective_to_at   BIGINT,
    source            TEXT NOT NULL,
    verified          SMALLINT NOT NULL,
    enabled           SMALLINT NOT NULL,
    made_by           TEXT NOT NULL,
    made_at           BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_deadline_rules_code ON deadline_rules (code, version);
INSERT INTO deadline_rules (id, code, version, name, unit, amount, same_day, office, roll, near, pause_events, ext_count, ext_amount,
    levels, source, effective_from_at, effective_to_at, made_by, verified, enabled, made_at) VALUES
    ('order.handle-1', 'order.handle', 1, '非现工单到场反馈', 'hour', 4, 0, 0, 0, 1, '[]', 0, 0,
        '[{"id":"over","offset":0,"action":"notify","to":"squad_leader","label":"到期通知中队长"},{"id":"over2","offset":2,"action":"notify","to":"district_dispatcher","label":"超期 2 小时通知区局派单员"}]',
        '默认配置，无公开依据，待业务部门确认', 0, NULL, 'system', 0, 1, 0),
    ('clue.file-1', 'clue.file', 1, '线索核查立案', 'workday', 7, 0, 0, 0, 2, '[]', 1, 10,
        '[{"id":"warn","offset":-1,"action":"notify","to":"squad_leader","label":"到期前 1 个工作日提醒"},{"id":"over","offset":0,"action":"raise","label":"到期提高优先级"}]',
        '地方口径，住建部令第 55 号另有 15 个工作日核查的规定，待法制确认', 0, NULL, 'system', 0, 1, 0),
    ('report.reply-1', 'report.reply', 1, '举报核查告知举报人', 'workday', 5, 0, 0, 0, 1, '[]', 0, 0,
        '[{"id":"over","offset":0,"action":"red","label":"到期待办标红"}]',
        '上海市城市管理综合行政执法条例（2018）第二十六条', 0, NULL, 'system', 0, 1, 0),
    ('complaint.answer-1', 'complaint.answer', 1, '市容环卫投诉答复', 'day', 5, 0, 0, 0, 1, '[]', 0, 0,
        '[{"id":"over","offset":0,"action":"red","label":"到期待办标红"}]',
        '上海市市容环境卫生管理条例（2018）第五十七条', 0, NULL, 'system', 0, 1, 0),
    ('case.decide-1', 'case.decide', 1, '作出处罚决定', 'day', 90, 0, 0, 0, 15, '["听证","公告","检测鉴定","中止"]', 2, 30,
        '[{"id":"warn15","offset":-15,"action":"notify","to":"squad_leader","label":"到期前 15 天提醒"},{"id":"warn7","offset":-7,"action":"raise","label":"到期前 7 天提高优先级"},{"id":"over","offset":0,"action":"notify","to":"legal_reviewer","label":"到期通知法制审核员"},{"id":"over7","offset":7,"action":"red","label":"超期 7 天标红"}]',
        '行政处罚法第六十条；延长依据住建部令第 55 号，待法制确认', 0, NULL, 'system', 0, 1, 0),
    ('case.close-1', 'case.close', 1, '处罚决定送达后结案', 'day', 60, 0, 0, 0, 10, '["申请法院强制执行"]', 1, 30,
        '[{"id":"over","offset":0,"action":"red","label":"到期待办标红"}]',
        '默认配置（15 日缴款加余量），三超期无公开定义，待业务部门确认', 0, NULL, 'system', 0, 1, 0),
    ('evidence.hold-1', 'evidence.hold', 1, '先行登记保存处理', 'workday', 7, 0, 0, 0, 2, '[]', 0, 0,
        '[{"id":"over","offset":0,"action":"notify","to":"legal_reviewer","label":"到期通知法制审核员"}]',
        '行政处罚法第五十六条', 0, NULL, 'system', 0, 1, 0),
    ('hearing.ask-1', 'hearing.ask', 1, '要求听证', 'workday', 5, 0, 0, 0, 1, '[]', 0, 0,
        '[]',
        '行政处罚法第六十四条', 0, NULL, 'system', 0, 1, 0),
    ('document.serve-1', 'document.serve', 1, '送达决定书', 'workday', 7, 0, 0, 0, 2, '[]', 0, 0,
        '[{"id":"over","offset":0,"action":"red","label":"到期待办标红"}]',
        '行政处罚法第六十一条', 0, NULL, 'system', 0, 1, 0),
    ('fine.pay-1', 'fine.pay', 1, '缴纳罚款', 'day', 15, 0, 0, 1, 3, '["延期缴纳"]', 1, 30,
        '[]',
        '行政处罚法第六十七条；末日遇节假日顺延按配置', 0, NULL, 'system', 0, 1, 0),
    ('seal.end-1', 'seal.end', 1, '查封扣押', 'day', 30, 0, 0, 0, 5, '["检测鉴定"]', 1, 30,
        '[{"id":"warn","offset":-3,"action":"notify","to":"squad_leader","label":"到期前 3 天提醒"},{"id":"over","offset":0,"action":"red","label":"到期待办标红"}]',
        '行政强制法第二十五条', 0, NULL, 'system', 0, 1, 0),
    ('assist.reply-1', 'assist.reply', 1, '协助认定书面意见', 'day', 10, 0, 0, 0, 2, '[]', 0, 0,
        '[{"id":"over","offset":0,"action":"notify","to":"squad_leader","label":"到期通知中队长催办"}]',
        '上海市城市管理综合行政执法条例（2018）第二十九条', 0, NULL, 'system', 0, 1, 0),
    ('demolition.arrive-1', 'demolition.arrive', 1, '违法建筑接报到场', 'hour', 24, 0, 0, 0, 4, '[]', 0, 0,
        '[{"id":"over","offset":0,"action":"red","label":"到期待办标红"}]',
        '上海市拆除违法建筑若干规定第七条', 0, NULL, 'system', 0, 1, 0);

CREATE TABLE deadline_clocks (
    id          TEXT PRIMARY KEY,
    record      TEXT NOT NULL,
    record_id   TEXT NOT NULL,
    name        TEXT NOT NULL, -- one open clock of a name per record
    title       TEXT NOT NULL, -- of the record, for lists
    path        TEXT NOT NULL,
    region_code TEXT NOT NULL,
    rule_code   TEXT NOT NULL,
    rule_id     TEXT NOT NULL REFERENCES deadline_rules (id),
    vars        TEXT NOT NULL, -- JSON, for conditions of levels
    started_at  BIGINT NOT NULL,
    extra       INTEGER NOT NULL,
    state       TEXT NOT NULL, -- running | paused | done | off
    round       INTEGER NOT NULL, -- grows when a record comes back
    due_at      BIGINT,
    near_at     BIGINT,
    over_at     BIGINT, -- when it first was overdue
    level       TEXT NOT NULL, -- the last level that fired and still stands
    note        TEXT NOT NULL, -- what the computation could not know
    ended_at    BIGINT,
    outcome     TEXT NOT NULL,
    rev         BIGINT NOT NULL
);
CREATE UNIQUE INDEX ix_deadline_clocks_record ON deadline_clocks (record, record_id, name);
CREATE INDEX ix_deadline_clocks_due ON deadline_clocks (state, due_at, id, record, region_code, rule_code, near_at);
CREATE INDEX ix_deadline_clocks_rule ON deadline_clocks (rule_code, state, id);

CREATE TABLE deadline_pauses (
    id       TEXT PRIMARY KEY,
    clock_id TEXT NOT NULL REFERENCES deadline_clocks (id),
    from_at  BIGINT NOT NULL,
    to_at    BIGINT,
    reason   TEXT NOT NULL,
    note     TEXT NOT NULL,
    by_id    TEXT NOT NULL,
    by_name  TEXT NOT NULL
);
CREATE INDEX ix_deadline_pauses_clock ON deadline_pauses (clock_id, from_at);

CREATE TABLE deadline_extensions (
    id           TEXT PRIMARY KEY,
    clock_id     TEXT NOT NULL REFERENCES deadline_clocks (id),
    amount       INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    state        TEXT NOT NULL, -- asked | approved | refused
    by_id        TEXT NOT NULL,
    by_name      TEXT NOT NULL,
    asked_at     BIGINT NOT NULL,
    decided_id   TEXT NOT NULL,
    decided_name TEXT NOT NULL,
    decided_at   BIGINT,
    opinion      TEXT NOT NULL
);
CREATE INDEX ix_deadline_extensions_clock ON deadline_extensions (clock_id, asked_at);

-- What fired, once a round.
CREATE TABLE deadline_fired (
    clock_id   TEXT NOT NULL REFERENCES deadline_clocks (id),
    round      INTEGER NOT NULL,
    key        TEXT NOT NULL, -- near | due | level:<id>
    due_at     BIGINT NOT NULL, -- when it was to fire
    fired_at   BIGINT NOT NULL,
    skipped    SMALLINT NOT NULL, -- its condition did not hold
    cleared_at BIGINT,
    PRIMARY KEY (clock_id, round, key)
);

-- +goose Down
DROP TABLE deadline_fired;
DROP TABLE deadline_extensions;
DROP TABLE deadline_pauses;
DROP TABLE deadline_clocks;
DROP TABLE deadline_rules;
DROP TABLE deadline_calendar;
DROP TABLE deadline_years;
DROP TABLE deadline_days;
