// What was measured, kept as numbers and written as a table.
import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IDLE, SCENARIOS, toldOf } from './scenarios.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const NUMBERS = join(HERE, 'results.json');
const TABLE = join(HERE, 'RESULTS.md');
const PLOTS = join(HERE, 'plots');

/** All figures of a run, as JSON can hold them: what never came is `never`, what could not be had is null. */
export function figuresOf(scenario, run) {
  return Object.fromEntries([...scenario.goals, ...toldOf(scenario)].map(({ what, figure }) => {
    const value = figure(run);
    return [what, value === Infinity ? 'never' : Number.isFinite(value) ? Math.round(value * 1000) / 1000 : null];
  }));
}

const numberOf = (kept) => (kept === 'never' ? Infinity : kept ?? NaN);

/**
 * The middle and the worst of the seeds. A figure that could not be had counts as the worst there is: a lesson
 * that did not come about holds no goal.
 */
export function judge(goal, kept) {
  const isLeast = goal.least !== undefined;
  const values = kept.map(numberOf).map((value) => (Number.isNaN(value) ? (isLeast ? -Infinity : Infinity) : value));
  const fromBest = [...values].sort((a, b) => (isLeast ? b - a : a - b));
  // Of an even number the worse of the two in the middle.
  const median = fromBest[fromBest.length >> 1];
  const limit = isLeast ? goal.least : goal.most;
  const holds = limit === undefined ? null : isLeast ? median >= limit : median <= limit;
  return { median, worst: fromBest.at(-1), holds };
}

const shown = (value, unit) => {
  if (!Number.isFinite(value)) return 'never';
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)}${unit && ` ${unit}`}`;
};

const goalOf = ({ most, least, unit }) =>
  most !== undefined ? `≤ ${shown(most, unit)}` : least !== undefined ? `≥ ${shown(least, unit)}` : '–';

/** With less left of the machine than this, percent, it was itself too slow. */
const FULL = 5;

const verdict = (holds, isFull) => (holds === null ? '' : holds ? 'held' : `**short**${isFull ? ', machine full' : ''}`);

/** The rows of one scenario: its goals, then what is only told. */
export function rowsOf(scenario, kept) {
  const keptOf = (what) => kept.runs.map(({ figures }) => figures?.[what] ?? null);
  const isFull = judge({ least: FULL }, keptOf(IDLE)).holds === false && kept.runs.some(({ figures }) => figures);
  return [...scenario.goals, ...toldOf(scenario)].map((goal) => {
    const { median, worst, holds } = judge(goal, keptOf(goal.what));
    const said = (value) => (holds === null && !Number.isFinite(value) ? '–' : shown(value, goal.unit));
    return { holds, cells: [goal.what, goalOf(goal), said(median), said(worst), verdict(holds, isFull)] };
  });
}

function table(results) {
  const lines = [
    '# Lessons on bad lines',
    '',
    'A teacher’s console and displays in Chromium and the release build, each display behind a relay with a seeded model',
    'of its line (`models.mjs`). Measured at the display twice a second with `getStats`; gaps by the frame counters in the',
    'picture. Everything runs on one machine, so its own load is in the figures: the idle time tells how much; a',
    'verdict of runs that left no processor time says so. The teacher’s camera gives 15 frames a second at 960 × 540, so',
    'limits of frames are shares of that. HTTP and ICE-TCP are not shaped.',
    '',
    'Whole: `node tests/links/run.mjs`; one scenario: `--only NAME`; the long ones too: `--long`; a quick look that writes',
    'nothing: `--quick`. Where one page of several is meant it is the worst. Median and worst are over the seeds; the',
    'pictures show the first seed.',
    '',
    '| scenario | figure | goal | median | worst | |',
    '|---|---|---|---|---|---|',
  ];
  const counts = { held: 0, short: 0 };
  for (const scenario of SCENARIOS) {
    const kept = results[scenario.name];
    if (!kept) continue;
    const failed = kept.runs.filter(({ failure }) => failure);
    rowsOf(scenario, kept).forEach(({ cells, holds }, i) => {
      if (holds !== null) counts[holds ? 'held' : 'short'] += 1;
      const head = [
        `[**${scenario.name}**](plots/${scenario.name}.svg)`, scenario.title,
        `${kept.runs.length} × ${kept.seconds} s${failed.length > 0 ? `, ${failed.length} without a lesson` : ''}`,
      ][i] ?? '';
      lines.push(`| ${[head, ...cells].join(' | ')} |`);
    });
  }
  lines.splice(11, 0, '', `${counts.held} goals held, ${counts.short} short.`);
  return `${lines.join('\n')}\n`;
}

const keptSoFar = () => (existsSync(NUMBERS) ? JSON.parse(readFileSync(NUMBERS, 'utf8')) : {});

/** Writes the table anew from the numbers that are kept: goals may have changed. */
export const rewrite = () => writeFileSync(TABLE, table(keptSoFar()));

/** Keeps the runs of a scenario, `[{ seed, figures } | { seed, failure }]`, and its picture; the rest stays as it was. */
export function publish(scenario, { seconds, runs }, picture) {
  const results = keptSoFar();
  results[scenario.name] = { seconds, runs };
  const inOrder = Object.fromEntries(SCENARIOS.filter(({ name }) => results[name]).map(({ name }) => [name, results[name]]));
  writeFileSync(NUMBERS, `${JSON.stringify(inOrder, null, 1)}\n`);
  rewrite();
  mkdirSync(PLOTS, { recursive: true });
  if (picture) writeFileSync(join(PLOTS, `${scenario.name}.svg`), picture);
}
