-- The school calendar. Dates are TEXT like 2026-09-01; documents are as in plan files.

CREATE TABLE term (               -- 学期; terms do not overlap
    id        TEXT PRIMARY KEY NOT NULL,
    name      TEXT NOT NULL,
    first_day TEXT NOT NULL,
    last_day  TEXT NOT NULL,
    zone      TEXT NOT NULL       -- IANA name
);

CREATE TABLE class (
    id     TEXT PRIMARY KEY NOT NULL,
    school TEXT NOT NULL REFERENCES school (id),
    name   TEXT NOT NULL,
    grade  TEXT NOT NULL,
    UNIQUE (school, name)
);

CREATE TABLE bell_table (         -- 作息时间表
    id        TEXT PRIMARY KEY NOT NULL,
    school    TEXT NOT NULL REFERENCES school (id),
    name      TEXT NOT NULL,
    first_day TEXT NOT NULL,
    last_day  TEXT NOT NULL,
    weekdays  TEXT NOT NULL,      -- json: numbers, 1 is Monday
    temporary BIGINT NOT NULL,
    periods   TEXT NOT NULL       -- json: no, name, start, end
);
CREATE INDEX bell_table_school ON bell_table (school);

CREATE TABLE day_rule (           -- 调休, 放假, 补课
    id      TEXT PRIMARY KEY NOT NULL,
    scope   TEXT NOT NULL,        -- region | group | school
    owner   TEXT NOT NULL,        -- name of the group, id of the school, or nothing
    day     TEXT NOT NULL,
    kind    TEXT NOT NULL,        -- holiday | runs_as
    weekday BIGINT,
    week    TEXT,                 -- own | odd | even | number
    UNIQUE (scope, owner, day)
);
CREATE INDEX day_rule_day ON day_rule (day);

ALTER TABLE pairing ADD COLUMN first_day TEXT;
ALTER TABLE pairing ADD COLUMN last_day TEXT;
ALTER TABLE pairing ADD COLUMN level TEXT;         -- county | city | province
ALTER TABLE pairing ADD COLUMN master_class TEXT REFERENCES class (id);
ALTER TABLE pairing_room ADD COLUMN class TEXT REFERENCES class (id);
CREATE INDEX pairing_teacher ON pairing (teacher);
CREATE INDEX pairing_master ON pairing (master_room);
CREATE INDEX pairing_room_room ON pairing_room (room);

CREATE TABLE pairing_co_teacher (
    pairing TEXT NOT NULL REFERENCES pairing (id),
    person  TEXT NOT NULL REFERENCES person (id),
    PRIMARY KEY (pairing, person)
);

CREATE TABLE entry (              -- 排课: a line of the weekly timetable
    id      TEXT PRIMARY KEY NOT NULL,
    term    TEXT NOT NULL REFERENCES term (id),
    pairing TEXT NOT NULL REFERENCES pairing (id),
    weekday BIGINT NOT NULL,
    period  BIGINT NOT NULL,      -- of the master's bell table
    weeks   TEXT NOT NULL         -- json: "all", "odd", "even" or numbers
);
CREATE INDEX entry_term ON entry (term);
CREATE INDEX entry_pairing ON entry (pairing);

CREATE TABLE calendar_change (    -- 调课, 代课
    id      TEXT PRIMARY KEY NOT NULL,
    term    TEXT NOT NULL REFERENCES term (id),
    number  BIGINT NOT NULL,      -- order in the term; those made are applied in this order
    act     TEXT NOT NULL,        -- json
    state   TEXT NOT NULL,        -- asked | made | undone
    person  TEXT NOT NULL REFERENCES person (id),
    at_ms   BIGINT NOT NULL,
    why     TEXT NOT NULL,
    UNIQUE (term, number)
);

CREATE TABLE change_lesson (      -- the lessons a change touches
    change TEXT NOT NULL REFERENCES calendar_change (id),
    entry  TEXT NOT NULL REFERENCES entry (id),
    day    TEXT NOT NULL,
    PRIMARY KEY (change, entry, day)
);
CREATE INDEX change_lesson_entry ON change_lesson (entry);

CREATE TABLE change_consent (     -- schools that must agree before a change is made
    change TEXT NOT NULL REFERENCES calendar_change (id),
    school TEXT NOT NULL REFERENCES school (id),
    person TEXT REFERENCES person (id), -- who agreed
    at_ms  BIGINT,
    PRIMARY KEY (change, school)
);
CREATE INDEX change_consent_school ON change_consent (school);

ALTER TABLE lesson ADD COLUMN entry TEXT REFERENCES entry (id);
ALTER TABLE lesson ADD COLUMN original_day TEXT;   -- with the entry: the lesson's name
CREATE UNIQUE INDEX lesson_name ON lesson (entry, original_day);

CREATE TABLE audit (              -- who did what to the calendar
    id      TEXT PRIMARY KEY NOT NULL,
    at_ms   BIGINT NOT NULL,
    person  TEXT REFERENCES person (id),
    act     TEXT NOT NULL,
    subject TEXT NOT NULL         -- id of what it was done to
);
CREATE INDEX audit_time ON audit (at_ms);

CREATE TABLE need (               -- 需求
    id      TEXT PRIMARY KEY NOT NULL,
    room    TEXT NOT NULL REFERENCES room (id),
    class   TEXT REFERENCES class (id),
    subject TEXT NOT NULL,
    grade   TEXT NOT NULL,
    edition TEXT,
    unit    BIGINT,
    periods BIGINT NOT NULL,      -- a week
    rank    BIGINT NOT NULL,      -- the school's own, 1 first
    free    TEXT NOT NULL,        -- json: weekday, period
    pairing TEXT REFERENCES pairing (id) -- that meets it
);

CREATE TABLE supply (             -- 供给
    id      TEXT PRIMARY KEY NOT NULL,
    teacher TEXT NOT NULL REFERENCES person (id),
    room    TEXT NOT NULL REFERENCES room (id),
    subject TEXT NOT NULL,
    grade   TEXT NOT NULL,
    edition TEXT,
    unit    BIGINT,
    periods BIGINT NOT NULL,
    free    TEXT NOT NULL,
    interactive BIGINT NOT NULL,  -- 1: wants to see and hear the class
    pairing TEXT REFERENCES pairing (id)
);

CREATE TABLE feed (               -- an iCalendar address
    id         TEXT PRIMARY KEY NOT NULL,
    hash       TEXT NOT NULL UNIQUE, -- SHA-256 of the secret in the address
    kind       TEXT NOT NULL,     -- teacher | class | room | school
    subject    TEXT NOT NULL,
    person     TEXT NOT NULL REFERENCES person (id),
    created_ms BIGINT NOT NULL
);
CREATE INDEX feed_person ON feed (person);
