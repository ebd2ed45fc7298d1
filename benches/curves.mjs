// How the estimate of a line converges, drawn: runs it before the emulated narrow place of its own tests.
//
//   node benches/curves.mjs      writes benches/curves/*.svg
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { line, pathOf, roundUp, text } from '../tests/links/plot.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const OUT = join(HERE, 'curves');
const TITLES = {
  steady: 'A steady 2 Mbit/s',
  fall: '5 Mbit/s, 300 kbit/s from 20 to 50 s',
  others: '3 Mbit/s, of which others send 2 from 20 to 60 s',
  loss: '4 Mbit/s; 10 % lost from 20 s, 30 % from 40 s, none from 60 s',
  thin: '100 kbit/s',
};
const [WIDTH, LEFT, RIGHT, TOP, HIGH, LOW, GAP] = [720, 64, 16, 44, 170, 70, 34];

const STYLE = `text{font:11px system-ui,sans-serif;fill:#333}.title{font-size:14px;font-weight:600}.axis{stroke:#999}.grid{stroke:#ddd}
.curve{fill:none;stroke-width:1.6;stroke-linejoin:round}.takes{stroke:#999;stroke-dasharray:5 4}.believed{stroke:#0b62c4}.queue{stroke:#c2185b}
@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}.believed{stroke:#6db3ff}.queue{stroke:#ff7aa8}}`;

/** One panel: a scale, its grid, and curves by class. */
function panel(top, height, unit, curves, seconds) {
  const most = roundUp(Math.max(...Object.values(curves).flat()));
  const bottom = top + height;
  const x = (i) => LEFT + (i / (seconds * 10)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => bottom - (value / most) * height;
  return [
    ...[0.5, 1].map((part) => line(LEFT, y(most * part), WIDTH - RIGHT, y(most * part), 'grid')),
    line(LEFT, bottom, WIDTH - RIGHT, bottom, 'axis'),
    ...[0, 0.5, 1].map((part) => text(LEFT - 6, y(most * part) + 4, most * part, ' text-anchor="end"')),
    text(LEFT, top - 5, unit),
    ...Object.entries(curves).map(([kind, values]) => `<path class="curve ${kind}" d="${pathOf(values, x, y)}"/>`),
    ...[0, 20, 40, 60, 80].filter((s) => s <= seconds).map((s) => text(x(s * 10), bottom + 14, `${s} s`, ' text-anchor="middle"')),
  ];
}

function draw(name, points) {
  const seconds = points.length / 10;
  const column = (at) => points.map((point) => point[at]);
  const height = TOP + HIGH + GAP + LOW + 24;
  const parts = [
    text(LEFT, 18, TITLES[name], ' class="title"'),
    ...panel(TOP, HIGH, 'kbit/s: what the line leaves (dashed), what is believed', { takes: column(1), believed: column(2) }, seconds),
    ...panel(TOP + HIGH + GAP, LOW, 'queue, ms', { queue: column(3) }, seconds),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${TITLES[name]}"><style>${STYLE}</style>\n${parts.join('\n')}\n</svg>\n`;
}

const said = execFileSync(
  'cargo', ['test', '--locked', '-p', 'tongke', '--lib', 'media::estimate::tests::curves', '--', '--ignored', '--nocapture'],
  { cwd: dirname(HERE), encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'inherit'] },
);
const curves = new Map();
for (const [, name, numbers] of said.matchAll(/^curve (\w+) (.+)$/gm)) {
  curves.set(name, [...(curves.get(name) ?? []), numbers.split(' ').map(Number)]);
}
if (curves.size === 0) throw new Error('no curves were printed');
mkdirSync(OUT, { recursive: true });
for (const [name, points] of curves) writeFileSync(join(OUT, `${name}.svg`), draw(name, points));
console.log(`${curves.size} curves in benches/curves`);
