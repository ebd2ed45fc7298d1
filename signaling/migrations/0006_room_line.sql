-- What a room's line took in its last lesson, so that the next one begins with the right pictures.

CREATE TABLE room_line (
    room     TEXT PRIMARY KEY REFERENCES room (id),
    down_bps BIGINT NOT NULL,   -- bit/s, towards the room
    at_ms    BIGINT NOT NULL    -- when that lesson ended
);
