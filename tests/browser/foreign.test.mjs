// Foreign clients: aiortc publishes by WHIP and receives by WHEP.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { PLACES, hearsTones, holdLesson } from './lib/lesson.mjs';
import { FOREIGN_DIR, PYTHON } from './lib/places.mjs';
import { until } from './lib/wait.mjs';

const CLIP = 7;
const TONE_HZ = 530;
const say = (text) => console.log(`# ${text}`);

/** Starts one of the Python programs; its lines as they come, its end as a promise. */
function python(name, options) {
  const child = spawn(PYTHON, [join(FOREIGN_DIR, name), ...options], { stdio: ['pipe', 'pipe', 'pipe'] });
  const program = { lines: [], errors: '', child };
  let rest = '';
  child.stdout.on('data', (bytes) => {
    const parts = (rest + bytes).split('\n');
    rest = parts.pop();
    program.lines.push(...parts.map((line) => JSON.parse(line)));
  });
  child.stderr.on('data', (bytes) => { program.errors += bytes; });
  program.ended = new Promise((done) => child.on('close', done));
  return program;
}

const saw = (program, test) => {
  if (program.child.exitCode) throw new Error(program.errors.slice(-1000));
  return program.lines.find(test);
};

test('aiortc teaches by WHIP and watches by WHEP', { timeout: 180_000 }, async (t) => {
  const school = await holdLesson(t, 'foreign', { minutes: 2, startsIn_s: 15, withTeacher: false });
  const { whip, whep, token } = school.demo.said.lessons[0];
  const publisher = python('whip_publish.py', ['--url', whip, '--token', token, '--clip', String(CLIP), '--tone-hz', String(TONE_HZ)]);
  t.after(() => publisher.child.kill());
  await until('aiortc is connected', () => saw(publisher, (line) => line.state === 'connected'), 30_000);
  for (const display of school.displays) {
    const shown = await until(`${display.who} shows aiortc`, async () => {
      const read = await display.evaluate((place) => __look.counter(place), PLACES.teacher);
      return read?.clip === CLIP && read;
    }, 40_000);
    await until('it moves', async () =>
      (await display.evaluate((place) => __look.counter(place), PLACES.teacher))?.count !== shown.count);
    const heard = await hearsTones(display, [TONE_HZ]);
    say(`${display.who}: ${shown.width}×${shown.height}, ${heard[0].hz} Hz`);
  }
  const receiver = python('whep_receive.py', ['--url', whep, '--token', token, '--frames', '60']);
  const code = await receiver.ended;
  say(`aiortc by WHEP: ${JSON.stringify(receiver.lines.at(-1))} ${receiver.errors.slice(-400)}`);
  assert.equal(code, 0);
  assert.deepEqual(receiver.lines.at(-1).clips, [CLIP]);
  assert.ok(Math.abs(receiver.lines.at(-1).tone_hz - TONE_HZ) <= 12);
  publisher.child.stdin.end();
  await until('WHIP says goodbye', () => saw(publisher, (line) => line.deleted), 15_000);
  assert.ok([200, 204].includes(saw(publisher, (line) => line.deleted).deleted));
});
