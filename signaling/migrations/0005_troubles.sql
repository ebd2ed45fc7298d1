-- What the network did to each room during a lesson, in spans of lesson time, for the player. At most some dozens a seat.

CREATE TABLE trouble (
    recording     TEXT NOT NULL REFERENCES recording (id),
    seat          TEXT NOT NULL,
    kind          TEXT NOT NULL,      -- reduced | weak | held | absent
    from_ms       BIGINT NOT NULL,    -- lesson time
    to_ms         BIGINT NOT NULL,
    bad_ms        BIGINT NOT NULL,    -- how much of the span: short pauses between two of a kind are in it
    cause         TEXT,               -- of absence: not_come | line_lost | left
    down_kbps     BIGINT,             -- the least that the way down was believed to take
    loss_permille BIGINT NOT NULL,    -- the most that was lost, either way
    round_trip_ms BIGINT,             -- the longest
    PRIMARY KEY (recording, seat, kind, from_ms)
);
