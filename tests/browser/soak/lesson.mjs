// A long lesson that is looked at every half minute: pictures keep coming, the server's memory
// does not grow. Minutes by TONGKE_SOAK_MINUTES (40, a lesson). Run by tests/all --long.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CAST } from '../lib/clips.mjs';
import { framesPerSecond, hearsTones, holdLesson, showsTeacher } from '../lib/lesson.mjs';
import { until } from '../lib/wait.mjs';

const MINUTES = Number(process.env.TONGKE_SOAK_MINUTES ?? 40);
const say = (text) => console.log(`# ${text}`);

/** Resident memory of the server in MiB. */
function memoryMib(demo) {
  const status = readFileSync(`/proc/${demo.said.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024;
}

test('a whole lesson stays as it began', { timeout: (MINUTES + 5) * 60_000 }, async (t) => {
  const school = await holdLesson(t, 'soak', { minutes: MINUTES, startsIn_s: 20 });
  const lesson = await school.lesson();
  await until('the lesson is live', async () => (await school.lesson()).state === 'live',
    lesson.starts_ms - Date.now() + 3000);
  let early_mib = null;
  for (let look = 1; Date.now() < lesson.ends_ms - 40_000; look += 1) {
    for (const display of school.displays) {
      await showsTeacher(school, display);
      await hearsTones(display, [CAST.teacher.tone_hz]);
    }
    const rates = [];
    for (const display of school.displays) rates.push(await framesPerSecond(display));
    const mib = memoryMib(school.demo);
    if (look === 4) early_mib = mib;
    say(`${look}: ${rates.map((rate) => rate.toFixed(1)).join(', ')} fps; ${mib.toFixed(0)} MiB`);
    assert.ok(Math.min(...rates) >= 8, `frames a second: ${rates}`);
    if (early_mib) assert.ok(mib < early_mib * 1.2 + 20, `memory grew from ${early_mib} to ${mib} MiB`);
    const next_ms = Date.now() + 15_000;
    await until('the next look', () => Date.now() > next_ms, 20_000, 500);
  }
});
