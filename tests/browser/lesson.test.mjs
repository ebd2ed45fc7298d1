// A whole lesson by the timetable, in Chromium.
import { test } from 'node:test';
import { wholeLesson } from './lib/whole.mjs';

test('a lesson in Chromium, H.264', { timeout: 300_000 }, (t) => wholeLesson(t, 'h264', []));
