// What lessons that run pay for a bell, and for more load than their server carries; prints medians.
//
//   node benches/overload.mjs                      200 joins within a second beside 10 running lessons;
//                                                  twice what one core carries, paced
//   node benches/overload.mjs --twice              only this
//   node benches/overload.mjs --runs 5 --tongke target/release/tongke
//
// Server and load have a core each. Both parts of the load share one, so that delays include its own work. Twice what a core carries
// in bursts is more than the load's core can make and take; evenly paced packets cost the server more and the load less.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { BUILT, median, tongkeOf } from '../tests/peers/tongke.mjs';

const RECEIVERS = 10;
const RUNNING = 10;
const JOINING = 20;
/** Lessons among which the limit is searched; twice as many are open. */
const MOST = 200;
/** The new load comes when the old one is counted already: its viewers join 5 ms apart, and 2 s pass, with 1.5 s to spare. */
const untilCountedMs = (lessons) => lessons * RECEIVERS * 5 + 3_500;
/** Of what a core carries, what runs before the rest is offered. */
const BEFORE = 0.7;

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    tongke: { type: 'string', default: BUILT },
    twice: { type: 'boolean', default: false },
  },
});
const { start, load } = tongkeOf(options.tongke);
const runs = Number(options.runs);
const lossOf = (report) => (100 * report.lost) / (report.packets + report.lost);
const later = (ms) => new Promise((done) => setTimeout(done, ms));

/** Runs one load of so many lessons and, once it is counted, another beside it. */
async function beside(server, lessons, first, second) {
  const running = load(server, first);
  await later(untilCountedMs(lessons));
  const coming = await load(server, second);
  return { running: await running, coming };
}

const shape = (part, seconds, ...more) => [...part, '--receivers', String(RECEIVERS), '--seconds', String(seconds), ...more];

async function bell() {
  const seen = [];
  for (let run = 0; run < runs; run += 1) {
    const server = await start({ rooms: RUNNING + JOINING });
    try {
      seen.push(await beside(
        server,
        RUNNING,
        shape(server.part(0, RUNNING), 12),
        shape(server.part(RUNNING, RUNNING + JOINING), 2, '--ramp', '1'),
      ));
    } finally {
      await server.stop();
    }
  }
  const of = (figure) => median(seen.map(figure));
  console.log(`| ${JOINING * RECEIVERS} joins within a second, ${RUNNING} lessons running | |`);
  console.log('|---|---|');
  console.log(`| joined, of all runs | ${seen.reduce((all, s) => all + s.coming.joins.made, 0)} of ${runs * JOINING * RECEIVERS} |`);
  console.log(`| POST to connected, p50 / p95 | ${of((s) => s.coming.joins.connected_ms[0]).toFixed(0)} / ${of((s) => s.coming.joins.connected_ms[1]).toFixed(0)} ms |`);
  console.log(`| POST to first picture, p50 / p95 | ${of((s) => s.coming.joins.media_ms[0]).toFixed(0)} / ${of((s) => s.coming.joins.media_ms[1]).toFixed(0)} ms |`);
  console.log(`| lost by the running lessons, of all runs | ${seen.reduce((all, s) => all + s.running.lost, 0)} of ${seen.reduce((all, s) => all + s.running.packets, 0)} packets |`);
  console.log(`| their added delay, p99 | ${of((s) => s.running.delay_p99_ms).toFixed(1)} ms |`);
}

/** One viewer after the other, a second apart. */
async function single() {
  const server = await start({ rooms: 1 });
  try {
    const { joins } = await load(server, [...server.where, '--receivers', '20', '--seconds', '1', '--ramp', '20']);
    console.log(`\na single join, 20 of them a second apart: connected ${joins.connected_ms[0].toFixed(0)} ms, ` +
      `first picture ${joins.media_ms[0].toFixed(0)} ms at p50\n`);
  } finally {
    await server.stop();
  }
}

async function twice() {
  const server = await start({ rooms: 2 * MOST });
  try {
    // Its core is kept busy, so that the server is not charged for waking it: this is what the server carries.
    const best = await load(server, shape(server.part(0, MOST), 4, '--paced', '--find-limit', '--spin'));
    const carried = best.lessons;
    const before = Math.floor(carried * BEFORE);
    console.log(`one core carries ${carried} lessons × ${RECEIVERS}: ${Math.round(best.report.packets / best.report.seconds)} packets/s\n`);
    const seen = [];
    for (let run = 0; run < runs; run += 1) {
      // As many again as make twice what is carried.
      const more = server.part(before, 2 * carried);
      seen.push(await beside(server, before, shape(server.part(0, before), 20, '--paced', '--look'), shape(more, 4, '--paced', '--ramp', '5', '--look')));
    }
    const of = (figure) => median(seen.map(figure));
    console.log(`| ${before} lessons run, ${2 * carried - before} more are offered | |`);
    console.log('|---|---|');
    console.log(`| viewers let in / refused / failed | ${of((s) => s.coming.joins.made)} / ${of((s) => s.coming.joins.refused)} / ${of((s) => s.coming.joins.failed)} |`);
    const why = seen.map((s) => s.coming.joins.first_failure).find(Boolean);
    if (why) console.log(`| first failure | ${why} |`);
    console.log(`| slowest refusal | ${of((s) => s.coming.joins.slowest_refusal_ms).toFixed(0)} ms |`);
    console.log(`| lost by the running lessons | ${of((s) => lossOf(s.running)).toFixed(4)} % |`);
    console.log(`| their added delay, p99 | ${of((s) => s.running.delay_p99_ms).toFixed(1)} ms |`);
  } finally {
    await server.stop();
  }
}

console.log(`${cpus()[0].model}, ${cpus().length} cores; ${runs} runs, medians\n`);
if (!options.twice) await bell();
if (!options.twice) await single();
await twice();
