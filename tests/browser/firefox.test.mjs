// The same lesson with Firefox ESR among the displays, which brings VP9.
//
// Firefox gathers no loopback candidate, so this runs in a network namespace of its own with one address beside
// loopback: see `in_own_network` of tests/all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wholeLesson } from './lib/whole.mjs';

test('a lesson with Firefox among the displays, VP9', { timeout: 300_000 }, async (t) => {
  assert.ok(process.env.TONGKE_NET_ADDRESS, 'run by tests/all, in a network of its own');
  await wholeLesson(t, 'vp9', ['chromium', 'chromium', 'firefox']);
});
