// The same lesson with Firefox ESR among the displays, which brings VP9.
import { test } from 'node:test';
import { wholeLesson } from './lib/whole.mjs';

test('a lesson with Firefox among the displays, VP9', { timeout: 300_000 }, (t) =>
  wholeLesson(t, 'vp9', ['chromium', 'firefox']));
