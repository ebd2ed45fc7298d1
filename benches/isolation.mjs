// What bad lines cost everybody else: ten lessons × ten rooms, as they are, and with one room at 300 kbit/s and 20 % loss
// and one publisher whose uplink loses 20 %, in turn; prints medians over the pairs.
//
//   node benches/isolation.mjs
//   node benches/isolation.mjs --runs 5 --seconds 15 --tongke target/release/tongke
//
// Server and load have a core each. Of the lesson with the bad uplink nobody is counted, of the one with the weak room all
// others are.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { BUILT, median, tongkeOf } from '../tests/peers/tongke.mjs';

const LESSONS = 10;
const RECEIVERS = 10;
const GOALS = { received: 0.95, later_ms: 5 };

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '15' },
    tongke: { type: 'string', default: BUILT },
  },
});
const { start, load } = tongkeOf(options.tongke);

/** One run on a server of its own. */
async function run(...more) {
  const server = await start({ rooms: LESSONS });
  try {
    return await load(server, [...server.where, '--receivers', String(RECEIVERS), '--seconds', options.seconds, ...more]);
  } finally {
    await server.stop();
  }
}

/** Packets a second of the viewer that gets fewest. */
const fewest = ({ fewest: packets, seconds }) => packets / seconds;
const word = (holds) => (holds ? 'held' : '**short**');

console.log(`${cpus()[0].model}, ${cpus().length} cores; ${options.runs} pairs of ${options.seconds} s each, medians\n`);
console.log('| | fewest packets/s of the others, of before | their added delay p99, before → beside | later | lost by them | apart: lost |');
console.log('|---|---|---|---|---|---|');
for (const paced of [false, true]) {
  const pace = paced ? ['--paced'] : [];
  const pairs = [];
  for (let n = 0; n < Number(options.runs); n += 1) {
    const before = await run(...pace);
    pairs.push({ before, beside: await run('--weak', '1', '--weak-uplinks', '1', ...pace) });
  }
  const of = (figure) => median(pairs.map(figure));
  const received = of(({ before, beside }) => fewest(beside) / fewest(before));
  const later = of(({ before, beside }) => beside.delay_p99_ms - before.delay_p99_ms);
  const [p99, besideP99] = ['before', 'beside'].map((which) => of((pair) => pair[which].delay_p99_ms));
  const apart = of(({ beside: { apart } }) => (100 * apart.lost) / (apart.lost + apart.packets));
  console.log(`| ${paced ? 'paced' : 'bursts'} | ${(100 * received).toFixed(1)} % (${word(received >= GOALS.received)}) | ` +
    `${p99.toFixed(2)} → ${besideP99.toFixed(2)} ms | ${later.toFixed(2)} ms (${word(later <= GOALS.later_ms)}) | ` +
    `${pairs.reduce((all, { beside }) => all + beside.lost, 0)} | ${apart.toFixed(1)} % |`);
}
