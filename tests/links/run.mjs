// Lessons between real displays and the built server over bad lines; writes RESULTS.md, results.json and plots/.
//
//   node tests/links/run.mjs                         every scenario, three seeds, a minute each (about two hours)
//   node tests/links/run.mjs --only loss             those with this word in their name
//   node tests/links/run.mjs --seeds 1 --seconds 30  fewer and shorter
//   node tests/links/run.mjs --long                  also a line that is away for 60 s and for 15 minutes
//   node tests/links/run.mjs --table                 writes the table anew from results.json; plays nothing
//   node tests/links/run.mjs --quick                 each once and short; prints, writes nothing
//
// Needs what tests/all installs, and the release build (or TONGKE_BINARY). Ends with how many goals held.
import { parseArgs } from 'node:util';
import { play } from './play.mjs';
import { plot } from './plot.mjs';
import { figuresOf, publish, rewrite, rowsOf } from './results.mjs';
import { SCENARIOS } from './scenarios.mjs';

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
  },
});
if (options.table) {
  rewrite();
  process.exit(0);
}
// What is before is shorter, too, where less is played than a minute.
const [warm_s, calm_s] = Number(options.seconds) < 60 ? [3, 6] : [5, 10];
const length = options.quick
  ? { seeds: 1, seconds: 12, warm_s: 0, calm_s: 3 }
  : { seeds: Number(options.seeds), seconds: Number(options.seconds), warm_s, calm_s };
if (!(length.seeds >= 1 && length.seconds >= 10)) {
  console.error('at least one seed and ten seconds');
  process.exit(2);
}
const chosen = SCENARIOS.filter(({ name, long }) => name.includes(options.only) && (options.long || !long));

// Whoever stops it leaves no browser and no server behind.
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());

/** One run; a lesson that does not come about is a result too. */
async function run(scenario, seed) {
  try {
    const played = await play(scenario, { seed, ...length, signal: stop.signal });
    return { kept: { seed, figures: figuresOf(scenario, played) }, played };
  } catch (error) {
    if (stop.signal.aborted) return null;
    console.error(`${scenario.name}, seed ${seed}: ${error.stack}`);
    return { kept: { seed, failure: error.message.slice(0, 200) } };
  }
}

const counts = { held: 0, short: 0 };
for (const scenario of chosen) {
  const runs = [];
  let picture = null;
  for (let seed = 1; seed <= length.seeds; seed += 1) {
    const ran = await run(scenario, seed);
    if (!ran) process.exit(130);
    const { kept, played } = ran;
    runs.push(kept);
    picture ??= played && plot(played, scenario);
  }
  const seconds = Math.max(length.seconds, scenario.least_s ?? 0);
  console.log(`${scenario.name}: ${scenario.title}`);
  for (const { cells, holds } of rowsOf(scenario, { runs })) {
    if (holds !== null) counts[holds ? 'held' : 'short'] += 1;
    console.log(`  ${cells.filter(Boolean).join(' | ')}`);
  }
  if (!options.quick) publish(scenario, { seconds, runs }, picture);
}
console.log(`${counts.held} goals held, ${counts.short} short`);
