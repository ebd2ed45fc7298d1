// The server is killed in the middle of a lesson and started again; nobody touches anything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAST, FPS } from './lib/clips.mjs';
import { distance, median } from './lib/counter.mjs';
import { PLACES, ROOMS, SMALL_WINDOWS, hearsTones, holdLesson, seatsOfRooms, showsTeacher } from './lib/lesson.mjs';
import { holeInCamera } from './lib/library.mjs';
import { until } from './lib/wait.mjs';

const say = (text) => console.log(`# ${text}`);

/** The first new count that a page showed at a place after a time, or null. */
const firstAfter = (seat, place, after_ms, clip) =>
  seat.evaluate(([where, when, wanted]) =>
    __look.watched(where).find((frame) => frame.at_ms > when && frame.clip === wanted)?.at_ms ?? null,
  [place, after_ms, clip]);

test('kill -9 in the middle of a lesson', { timeout: 300_000 }, async (t) => {
  const school = await holdLesson(t, 'restart', { minutes: 2, startsIn_s: 35, windows: SMALL_WINDOWS });
  const { teacher, displays, demo } = school;
  const lesson = await school.lesson();
  const seats = await seatsOfRooms(school);
  await until('the lesson is live', async () => (await school.lesson()).state === 'live',
    lesson.starts_ms - Date.now() + 3000);
  for (const display of displays) await showsTeacher(school, display);
  const thumbnails = seats.map((seat) => `[data-seat="${seat}"] video, video[data-seat="${seat}"]`);
  for (const [index, place] of thumbnails.entries()) {
    await until(`${ROOMS[index]} is seen`, async () =>
      (await teacher.evaluate((where) => __look.counter(where), place))?.clip === CAST[ROOMS[index]].clip);
    await teacher.evaluate((where) => __look.follow(where), place);
  }
  for (const display of displays) await display.evaluate((where) => __look.follow(where), PLACES.teacher);
  // So much is recorded that its last second can be told from its middle.
  await until('twenty seconds of the lesson', () => Date.now() > lesson.starts_ms + 20_000, 30_000);

  const sent = await teacher.evaluate(() => __look.counter('video[data-own=camera]'));
  const killed_ms = await demo.kill();
  await demo.restart();
  say(`serves again ${demo.serving_ms - killed_ms} ms after the kill`);

  const back_ms = [];
  for (const display of displays) {
    const at_ms = await until(`${display.who} shows the teacher again`, () =>
      firstAfter(display, PLACES.teacher, demo.serving_ms, CAST.teacher.clip), 30_000);
    back_ms.push(at_ms - demo.serving_ms);
  }
  for (const [index, place] of thumbnails.entries()) {
    const at_ms = await until(`the teacher sees ${ROOMS[index]} again`, () =>
      firstAfter(teacher, place, demo.serving_ms, CAST[ROOMS[index]].clip), 30_000);
    back_ms.push(at_ms - demo.serving_ms);
  }
  say(`median back ${median(back_ms).toFixed(0)} ms after it says it serves (${back_ms.join(', ')})`);
  for (const display of displays) {
    await showsTeacher(school, display);
    await hearsTones(display, [CAST.teacher.tone_hz]);
  }
  assert.ok(median(back_ms) < 10_000, 'back soon');

  await until('the lesson is closed', async () => ['closed', 'archived'].includes((await school.lesson()).state),
    lesson.ends_ms - Date.now() + 5000);
  const items = await school.api('GET', '/api/library');
  const ours = items.items.filter((item) => item.lesson === lesson.id);
  assert.equal(ours.length, 1, 'the lesson is one item');
  const { detail, holes, frames } = await until('the recording is kept', async () => {
    const detail = await school.api('GET', `/api/library/${ours[0].id}`);
    return detail.state === 'kept' && holeInCamera(school, ours[0].id);
  }, 15_000);
  const camera = detail.tracks.find((one) => one.teacher && one.kind === 'camera');
  say(`runs of the camera: ${camera.runs.map((run) => `${run.start_ms}+${run.duration_ms}`).join(', ')} ms`);
  say(`holes: ${JSON.stringify(holes)}; ${frames.length} frames`);
  const hole = holes.find((one) => distance(one.before.count, sent.count, CAST.teacher.frames) >= -FPS / 2 &&
    distance(sent.count, one.after.count, CAST.teacher.frames) >= 0);
  assert.ok(hole, 'the hole of the kill is where it was killed');
  const lost_s = Math.max(0, distance(hole.before.count, sent.count, CAST.teacher.frames) / FPS);
  say(`lost of what was sent before the kill: ${lost_s.toFixed(2)} s`);
  assert.ok(lost_s <= 1, `${lost_s} s were lost`);
  assert.ok(frames.at(-1).at_s > (lesson.ends_ms - lesson.starts_ms) / 1000 - 3, 'it goes on to the bell');
});
