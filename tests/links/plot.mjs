// A run as a picture: frames, made-up voice, bit rate and size of the picture over time. SVG by hand, one panel
// each, readable on light and dark pages.
import { FPS, LARGE } from '../browser/lib/clips.mjs';
import { between, concealedShare, fpsShare, received_bps, tallest } from './figures.mjs';

const WIDTH = 720;
const LEFT = 64;
const RIGHT = 16;
const TOP = 58;
const PANEL = 84;
const GAP = 22;
/** Points stand twice a second; a curve has one value for each two of them. */
const STEP_MS = 1000;

const PANELS = [
  { title: 'frames/s', of: (points) => fpsShare(points) * FPS, least: FPS },
  { title: 'voice made up, %', of: (points) => 100 * concealedShare(points), least: 5 },
  { title: 'received, kbit/s', of: (points) => received_bps(points) / 1000, least: 100 },
  { title: 'picture’s height', of: (points) => tallest(points) || NaN, least: LARGE.height },
];

const STYLE = `
text{font:11px system-ui,sans-serif;fill:#333}.title{font-size:14px;font-weight:600}.axis{stroke:#999;stroke-width:1}
.grid{stroke:#ddd;stroke-width:1}.mark{stroke:#b35900;stroke-width:1;stroke-dasharray:3 3}.event{fill:#b35900}
.c{fill:none;stroke-width:1.6;stroke-linejoin:round}.c0{stroke:#0b62c4}.c1{stroke:#c2185b}.c2{stroke:#2e7d32}
.k0{fill:#0b62c4}.k1{fill:#c2185b}.k2{fill:#2e7d32}
@media(prefers-color-scheme:dark){text{fill:#ddd}.axis{stroke:#888}.grid{stroke:#444}.mark{stroke:#ffb04d}.event{fill:#ffb04d}
.c0{stroke:#6db3ff}.c1{stroke:#ff7aa8}.c2{stroke:#7ddb82}.k0{fill:#6db3ff}.k1{fill:#ff7aa8}.k2{fill:#7ddb82}}`.trim();

const escaped = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.codePointAt(0)};`);
export const text = (x, y, said, more = '') => `<text x="${x}" y="${y}"${more}>${escaped(said)}</text>`;
export const line = (x1, y1, x2, y2, kind) => `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" class="${kind}"/>`;
const round = (value) => Math.round(value * 10) / 10;

/** The ends of scales, and the steps between times, as parts of ten. */
const ENDS = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];
const STEPS = [1, 2, 5, 10];

/** The least round number that is not below. */
export function roundUp(value, parts = ENDS) {
  const ten = 10 ** Math.floor(Math.log10(value));
  return Math.round(parts.find((part) => part * ten >= value * 0.999) * ten * 1000) / 1000;
}

/** A figure over time: one value a step, NaN where there is none. */
function curve(points, of, from_ms, to_ms) {
  const values = [];
  for (let at_ms = from_ms; at_ms + STEP_MS <= to_ms; at_ms += STEP_MS) {
    const some = between(points, at_ms, at_ms + STEP_MS);
    values.push(some.length === 0 ? NaN : of(some));
  }
  return values;
}

/** The path of a curve; where there is no value the pen is lifted. */
export function pathOf(values, x, y) {
  let isDown = false;
  return values.map((value, i) => {
    if (!Number.isFinite(value)) {
      isDown = false;
      return '';
    }
    const command = `${isDown ? 'L' : 'M'}${round(x(i))} ${round(y(value))}`;
    isDown = true;
    return command;
  }).join('');
}

function panel({ title, of, least }, at, { pages, from_ms, to_ms, x }) {
  const top = TOP + at * (PANEL + GAP);
  const bottom = top + PANEL;
  const curves = Object.values(pages).map(({ points }) => curve(points, of, from_ms, to_ms));
  const most = roundUp(Math.max(least, ...curves.flat().filter(Number.isFinite)));
  const y = (value) => bottom - (Math.min(value, most) / most) * PANEL;
  return [
    ...[0.5, 1].map((part) => line(LEFT, y(most * part), WIDTH - RIGHT, y(most * part), 'grid')),
    line(LEFT, bottom, WIDTH - RIGHT, bottom, 'axis'),
    ...[0, 0.5, 1].map((part) => text(LEFT - 6, y(most * part) + 4, most * part, ' text-anchor="end"')),
    text(LEFT, top - 5, title),
    ...curves.map((values, i) =>
      `<path class="c c${i % 3}" d="${pathOf(values, (step) => x(from_ms + (step + 0.5) * STEP_MS), y)}"/>`),
  ];
}

/** The picture of a run. */
export function plot(run, { name, title }) {
  const from_ms = run.begun_ms - run.calm_ms;
  const to_ms = run.ended_ms;
  const bottom = TOP + PANELS.length * (PANEL + GAP) - GAP;
  const height = bottom + 22;
  const x = (at_ms) => LEFT + ((at_ms - from_ms) / (to_ms - from_ms)) * (WIDTH - LEFT - RIGHT);
  const tick_s = roundUp((to_ms - from_ms) / 8000, STEPS);
  const ticks = [];
  for (let s = 0; run.begun_ms + s * 1000 <= to_ms; s += tick_s) ticks.push(s);
  const who = Object.keys(run.pages);
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${escaped(`${name}: ${title}`)}">`,
    `<style>${STYLE}</style>`,
    text(LEFT, 16, title, ' class="title"'),
    ...who.map((one, i) => text(WIDTH - RIGHT - (who.length - 1 - i) * 52, 16, one, ` text-anchor="end" class="k${i % 3}"`)),
    ...PANELS.flatMap((one, i) => panel(one, i, { pages: run.pages, from_ms, to_ms, x })),
    ...run.marks.flatMap(({ at_ms, label }) => [
      line(round(x(at_ms)), 26, round(x(at_ms)), bottom, 'mark'),
      text(round(x(at_ms)) + 3, 34, label, ' class="event"'),
    ]),
    ...ticks.map((s) => text(round(x(run.begun_ms + s * 1000)), bottom + 15, s === 0 ? '0 s' : s, ' text-anchor="middle"')),
    '</svg>',
  ].filter(Boolean).join('\n')}\n`;
}
