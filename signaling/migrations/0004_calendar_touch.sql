-- Whose lessons each state of the calendar changed, so that only theirs are looked through again. The last 1,000 states.

CREATE TABLE calendar_touch (
    version BIGINT NOT NULL,
    school  TEXT NOT NULL,        -- id of a school that teaches; nothing: every school's
    PRIMARY KEY (version, school)
);
