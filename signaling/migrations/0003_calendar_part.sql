-- What lessons of a school can clash with is found by people, rooms and classes.

CREATE INDEX pairing_co_teacher_person ON pairing_co_teacher (person);
CREATE INDEX pairing_master_class ON pairing (master_class);
CREATE INDEX pairing_room_class ON pairing_room (class);

-- How long the lesson's sound was there: the teacher's voice sent, or heard in the room. Before, presence was all.
ALTER TABLE seat ADD COLUMN sound_ms BIGINT NOT NULL DEFAULT 0;
UPDATE seat SET sound_ms = attendance_ms;
