// What a moment without half of its core costs a worker that carries much, and how soon it is itself again.
//
//   node benches/hiccup.mjs                     140 lessons × 10, evenly paced
//   node benches/hiccup.mjs --lessons 170 --bursts --tongke target/release/tongke
//
// Server and load have a core each. Once the load runs, another program takes what it can of the server's core for 1.5 s. Prints each
// second what was sent, and what found no room in the worker's sockets.
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { BUILT, ON_SERVER_CORE, tongkeOf } from '../tests/peers/tongke.mjs';

const RECEIVERS = 10;
/** Viewers join 10 ms apart, and what they cost is over. */
const SETTLED_MS = 6_000;
const HICCUP_S = 1.5;
/** It is watched for so long after that. */
const AFTER_S = 9;

const { values: options } = parseArgs({
  options: {
    lessons: { type: 'string', default: '140' },
    bursts: { type: 'boolean', default: false },
    tongke: { type: 'string', default: BUILT },
  },
});
const { start, load } = tongkeOf(options.tongke);
const later = (ms) => new Promise((done) => setTimeout(done, ms));

/** A worker's figure, since its start. */
async function figure(server, name) {
  const text = await (await fetch(server.metrics)).text();
  return Number(new RegExp(`^${name}\\{worker="0"\\} (\\S+)`, 'm').exec(text)?.[1] ?? NaN);
}

const lessons = Number(options.lessons);
const ramp = (lessons * RECEIVERS) / 100;
const server = await start({ rooms: lessons });
try {
  console.log(`${cpus()[0].model}, ${cpus().length} cores; ${lessons} lessons × ${RECEIVERS}, ${options.bursts ? 'bursts' : 'evenly paced'}\n`);
  const seconds = String(Math.ceil(SETTLED_MS / 1_000 + HICCUP_S + AFTER_S));
  const shape = ['--lessons', options.lessons, '--receivers', String(RECEIVERS), '--seconds', seconds, '--ramp', String(ramp), '--spin'];
  const running = load(server, [...server.where, ...shape, ...(options.bursts ? [] : ['--paced'])]);
  await later(ramp * 1_000 + SETTLED_MS);
  console.log('| second | sent | found no room |');
  console.log('|---|---|---|');
  const [taskset, ...pinned] = ON_SERVER_CORE;
  spawn(taskset, [...pinned, 'timeout', String(HICCUP_S), 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' });
  let before = null;
  for (let second = 0; second <= AFTER_S; second += 1) {
    const now = [await figure(server, 'tongke_datagrams_sent_total'), await figure(server, 'tongke_receive_drops_total')];
    if (before) console.log(`| ${second} | ${now[0] - before[0]} | ${now[1] - before[1]} |`);
    before = now;
    await later(1_000);
  }
  const report = await running;
  console.log(`\nof ${report.packets + report.lost} packets ${report.lost} lost; added delay p99 ${report.delay_p99_ms.toFixed(0)} ms`);
} finally {
  await server.stop();
}
