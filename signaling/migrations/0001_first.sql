-- Types: ids are TEXT uuid, times BIGINT epoch milliseconds (UTC), flags BIGINT 0/1, documents TEXT json.
-- Only what SQLite and PostgreSQL both understand.

CREATE TABLE setting (            -- facts of this installation, such as the key that signs playback links
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

CREATE TABLE school (
    id           TEXT PRIMARY KEY NOT NULL,
    name         TEXT NOT NULL UNIQUE,
    kind         TEXT NOT NULL,   -- urban | village | teaching_point
    school_group TEXT,            -- name of the school group, where there is one
    created_ms   BIGINT NOT NULL
);

CREATE TABLE room (               -- a classroom
    id     TEXT PRIMARY KEY NOT NULL,
    school TEXT NOT NULL REFERENCES school (id),
    name   TEXT NOT NULL,
    kind   TEXT NOT NULL,         -- master | interactive | terminal
    class  TEXT,                  -- the class that usually sits there
    UNIQUE (school, name)
);

CREATE TABLE person (
    id       TEXT PRIMARY KEY NOT NULL,
    name     TEXT NOT NULL,
    login    TEXT NOT NULL UNIQUE,
    password TEXT,                -- PHC string; null: cannot sign in
    role     TEXT NOT NULL,
    school   TEXT REFERENCES school (id)
);
CREATE INDEX person_school ON person (school);

CREATE TABLE person_session (     -- a signed-in browser
    hash       TEXT PRIMARY KEY NOT NULL, -- SHA-256 of the cookie's 256 random bits
    person     TEXT NOT NULL REFERENCES person (id),
    expires_ms BIGINT NOT NULL
);

CREATE TABLE pairing (            -- 结对: one master room, 1..n rural rooms
    id          TEXT PRIMARY KEY NOT NULL,
    subject     TEXT NOT NULL,
    grade       TEXT NOT NULL,
    teacher     TEXT NOT NULL REFERENCES person (id),
    master_room TEXT NOT NULL REFERENCES room (id)
);

CREATE TABLE pairing_room (
    pairing TEXT NOT NULL REFERENCES pairing (id),
    room    TEXT NOT NULL REFERENCES room (id),
    PRIMARY KEY (pairing, room)
);

CREATE TABLE lesson (             -- one dated lesson; its places are in `seat`
    id          TEXT PRIMARY KEY NOT NULL,
    pairing     TEXT REFERENCES pairing (id),
    title       TEXT NOT NULL,
    subject     TEXT NOT NULL,
    grade       TEXT NOT NULL,
    unit        TEXT,
    teacher     TEXT NOT NULL REFERENCES person (id),
    master_room TEXT NOT NULL REFERENCES room (id),
    starts_ms   BIGINT NOT NULL,
    ends_ms     BIGINT NOT NULL,
    extended    BIGINT NOT NULL,  -- 1: its one extension is used up
    state       TEXT NOT NULL,    -- planned | open | live | closed | archived | cancelled
    started_ms  BIGINT,           -- when it became live
    closed_ms   BIGINT
);
CREATE INDEX lesson_time ON lesson (starts_ms);
CREATE INDEX lesson_state ON lesson (state, ends_ms);

CREATE TABLE seat (               -- a place in a lesson: the teacher's (person) or a rural room's (room)
    id            TEXT PRIMARY KEY NOT NULL,
    lesson        TEXT NOT NULL REFERENCES lesson (id),
    position      BIGINT NOT NULL, -- order within the lesson; 0 is the teacher
    person        TEXT REFERENCES person (id),
    room          TEXT REFERENCES room (id),
    attendance_ms BIGINT NOT NULL, -- connected between the bells
    UNIQUE (lesson, position)
);
CREATE INDEX seat_room ON seat (room);

CREATE TABLE lesson_token (       -- bearer for WHIP and WHEP
    hash   TEXT PRIMARY KEY NOT NULL,
    lesson TEXT NOT NULL REFERENCES lesson (id),
    role   TEXT NOT NULL          -- whip | whep | both
);

CREATE TABLE display (            -- a device that asked to be paired
    id           TEXT PRIMARY KEY NOT NULL,
    room         TEXT REFERENCES room (id),
    state        TEXT NOT NULL,   -- waiting | paired | expired | revoked
    code_hash    TEXT,            -- SHA-256 of the pairing code while waiting
    expires_ms   BIGINT,          -- of the code
    last_seen_ms BIGINT,
    capabilities TEXT             -- what it said it can do
);
CREATE INDEX display_room ON display (room);
CREATE INDEX display_code ON display (code_hash);

CREATE TABLE display_secret (     -- bearers of a display; a demo's display has several
    hash       TEXT PRIMARY KEY NOT NULL,
    display    TEXT NOT NULL REFERENCES display (id),
    kind       TEXT NOT NULL,     -- device | fragment | page
    created_ms BIGINT NOT NULL
);
CREATE INDEX display_secret_display ON display_secret (display);

CREATE TABLE recording (          -- written before the first byte is
    id          TEXT PRIMARY KEY NOT NULL,
    lesson      TEXT NOT NULL UNIQUE REFERENCES lesson (id),
    started_ms  BIGINT NOT NULL,
    duration_ms BIGINT,
    state       TEXT NOT NULL     -- growing | kept | lost
);

CREATE TABLE track (
    recording TEXT NOT NULL REFERENCES recording (id),
    track     TEXT NOT NULL,      -- random name, also its folder
    seat      TEXT NOT NULL,
    kind      TEXT NOT NULL,      -- microphone | camera | screen | screen_slow | computer_sound
    PRIMARY KEY (recording, track)
);

CREATE TABLE part (               -- a finished file of a track; the disk is the truth
    recording   TEXT NOT NULL,
    track       TEXT NOT NULL,
    number      BIGINT NOT NULL,
    epoch       BIGINT NOT NULL,
    start_ms    BIGINT NOT NULL,  -- lesson time
    duration_ms BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    blake3      TEXT NOT NULL,
    fragments   TEXT NOT NULL,    -- the recorder's own index, handed back unread
    recovered   BIGINT NOT NULL,
    PRIMARY KEY (recording, track, number)
);

CREATE TABLE gap (                -- a hole in a track
    recording TEXT NOT NULL,
    track     TEXT NOT NULL,
    from_ms   BIGINT NOT NULL,
    to_ms     BIGINT NOT NULL,
    PRIMARY KEY (recording, track, from_ms)
);

CREATE TABLE chapter (            -- marks on the player's bar
    recording TEXT NOT NULL,
    at_ms     BIGINT NOT NULL,    -- lesson time
    kind      TEXT NOT NULL,      -- start | stage | end
    seat      TEXT,
    PRIMARY KEY (recording, at_ms, kind)
);

CREATE TABLE outcome (            -- what became of a planned lesson, with evidence
    lesson   TEXT PRIMARY KEY NOT NULL REFERENCES lesson (id),
    result   TEXT NOT NULL,       -- delivered | partial | failed
    evidence TEXT NOT NULL        -- json
);
