// Figures of runs made by hand, how they are judged, and how they are drawn.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  between, changesOfSize, concealedShare, first_s, fits_s, fpsShare, gap_s, keptShare, next_s, queue_ms, received_bps, reconnects,
  sized_s, slidesRate, slowShare, tall_s,
} from './figures.mjs';
import { pathOf, plot, roundUp } from './plot.mjs';
import { judge, rowsOf } from './results.mjs';
import { SCENARIOS, toldOf } from './scenarios.mjs';

/** A point every half second; `of(i)` says what is other than in a calm lesson. */
const points = (count, of = () => ({})) => Array.from({ length: count }, (_, i) => {
  const { height = 540, frames = 7.5, connections = 1, restarts = 0, concealed = 0, sentBytes = 50_000 } = of(i);
  return {
    at_ms: 500 * (i + 1),
    span_ms: 500,
    connections,
    restarts,
    sent: { camera: { q: 2_000, f: sentBytes } },
    slots: {
      teacher_video: { bytes: sentBytes, frames, freezes: 0, height: frames > 0 ? height : undefined },
      screen: { bytes: 5_000, frames: 5, freezes: 0 },
      teacher_audio: { bytes: 2_500, samples: 24_000, concealed },
    },
  };
});

test('a calm lesson', () => {
  const all = points(20);
  assert.equal(fpsShare(all), 1);
  assert.equal(concealedShare(all), 0);
  assert.equal(received_bps(all), 920_000);
  assert.equal(reconnects(all), 0);
  assert.equal(changesOfSize(all), 0);
  assert.equal(first_s(all, 0), 0.5);
});

test('shares are of a span of time', () => {
  const all = points(20, (i) => (i < 10 ? { frames: 0, concealed: 2400 } : {}));
  assert.equal(fpsShare(all), 0.5);
  assert.equal(fpsShare(between(all, 5000, 10_000)), 1);
  assert.equal(concealedShare(all), 0.05);
  assert.equal(first_s(all, 0), 5.5);
});

test('what a page still receives does not depend on the encoder', () => {
  const all = points(20, (i) => ({ sentBytes: i < 10 ? 50_000 : 40_000 }));
  const [before, after] = [between(all, 0, 5000), between(all, 5000, 10_000)];
  const spans = { before, sentBefore: before, sentAfter: after };
  assert.ok(Math.abs(keptShare({ ...spans, after }) - 1) < 1e-9);
  const without = after.map((point) => ({ ...point, slots: { ...point.slots, screen: { bytes: 0, frames: 0 } } }));
  assert.ok(Math.abs(keptShare({ ...spans, after: without }) - (1 - 5_000 / 57_500)) < 1e-9);
  assert.equal(slidesRate(all), 10);
});

test('a fall and the way back', () => {
  const all = points(40, (i) => ({ height: i < 10 || i >= 30 ? 540 : i < 14 ? 270 : 135 }));
  assert.equal(changesOfSize(all), 3);
  assert.equal(fits_s(between(all, 2500, 15_000), 2500, 540), 2.5);
  assert.equal(fits_s(between(all, 5000, 15_000), 5000, 540), 0.5);
  assert.equal(fits_s(between(all, 0, 5000), 0, 540), Infinity);
  const silent = points(20, () => ({ height: 135, concealed: 2400 }));
  assert.equal(fits_s(silent, 0, 540), Infinity, 'a voice that breaks does not fit');
  assert.equal(tall_s(between(all, 10_000, 20_000), 10_000, 540), 5.5);
  assert.equal(tall_s(between(all, 5000, 15_000), 5000, 540), Infinity);
});

test('the first picture in full size, after a time, in the teacher’s place', () => {
  const sizes = [[100, 'teacher_video', 540], [200, 'screen', 720], [300, 'teacher_video', 270], [400, 'teacher_video', 540]]
    .map(([at_ms, slot, height]) => ({ at_ms, slot, height }));
  assert.equal(sized_s(sizes, 150, 540), 0.25);
  assert.equal(sized_s(sizes, 0, 270), 0.1);
  assert.equal(sized_s(sizes, 400, 540), Infinity);
});

test('a machine that is too slow for a quarter of the time', () => {
  assert.equal(slowShare(points(20).map((point, i) => ({ ...point, isSlow: i < 5 }))), 0.25);
});

test('a point that comes late stands for the longer time', () => {
  const late = points(4).map((point, i) => (i === 2 ? { ...point, span_ms: 1500 } : point));
  assert.equal(fpsShare(late), 30 / 3 / 15);
});

test('restarts and new connections are reconnects', () => {
  assert.equal(reconnects(points(10, (i) => ({ connections: i < 5 ? 1 : 2, restarts: i < 3 ? 0 : 1 }))), 2);
  assert.ok(Number.isNaN(reconnects([])));
});

test('gaps between pictures', () => {
  const seen = [900, 1000, 1066, 3000, 3066];
  assert.equal(gap_s(seen, 1010, 3100), 1.934);
  assert.equal(gap_s(seen, 3070, 9000), Infinity);
  assert.equal(gap_s(seen, 3010, 9000), 5.934, 'pictures that end are missing to the end');
  assert.equal(next_s(seen, 2000), 1);
  assert.equal(next_s(seen, 4000), Infinity);
});

test('the longest wait in a span of time', () => {
  const queue = [{ at_ms: 1000, worst_ms: 900 }, { at_ms: 6000, worst_ms: 300 }, { at_ms: 9000, worst_ms: 700 }];
  assert.equal(queue_ms(queue, 5000, 8000), 300);
  assert.equal(queue_ms([], 0, 8000), 0);
});

test('the median of the seeds is what counts, and a lesson that was not held is the worst', () => {
  const most = { what: 'a', most: 5, unit: '%' };
  assert.deepEqual(judge(most, [4, 9, 1]), { median: 4, worst: 9, holds: true });
  assert.deepEqual(judge(most, [4, 'never', null]), { median: Infinity, worst: Infinity, holds: false });
  assert.deepEqual(judge({ what: 'a', least: 80, unit: '%' }, [90, null, 85]), { median: 85, worst: -Infinity, holds: true });
  assert.equal(judge({ what: 'a', unit: '%' }, [1]).holds, null);
});

test('every scenario has a name of its own, and its goals have figures of their own', () => {
  assert.equal(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length);
  for (const scenario of SCENARIOS) {
    const { name, goals, far, rooms, comes = [] } = scenario;
    const all = [...goals, ...toldOf(scenario)].map(({ what }) => what);
    assert.equal(new Set(all).size, all.length, name);
    for (const goal of goals) assert.ok((goal.most === undefined) !== (goal.least === undefined), `${name}: ${goal.what}`);
    assert.ok(far.every((who) => Number(who.at(-1)) <= rooms || comes.includes(who)), name);
  }
});

/** A calm run as every scenario has it. */
function runOf(scenario) {
  const seconds = scenario.least_s ?? 20;
  const isNarrow = (i) => scenario.name.startsWith('fall') && i >= 24 && i < 20 + seconds;
  const seen_ms = Array.from({ length: seconds * 15 + 150 }, (_, i) => i * 66.7);
  const page = {
    points: points(2 * seconds + 20, (i) => ({ height: isNarrow(i) ? 135 : 540 })),
    seen_ms,
    sizes: [{ at_ms: 1000, slot: 'teacher_video', height: 540 }],
    opened_ms: 0,
    joins_ms: 500,
  };
  const all = scenario.far.length;
  const pages = { room1: page, room2: page, room3: page };
  return {
    kept: { seated: all, recorded: all, recordings: 1, pieces: 1 },
    begun_ms: 10_000, ended_ms: (10 + seconds) * 1000, calm_ms: 10_000,
    far: scenario.far, pages, teacher: page, idle: 0.5, queues: { room1: [] },
    marks: scenario.steps(seconds).map(([second, label]) => ({ at_ms: (10 + second) * 1000, label })),
  };
}

test('a lesson in which nothing goes wrong holds every goal', () => {
  for (const scenario of SCENARIOS) {
    const run = runOf(scenario);
    for (const goal of scenario.goals) {
      assert.ok(judge(goal, [goal.figure(run)]).holds, `${scenario.name}: ${goal.what} is ${goal.figure(run)}`);
    }
    assert.equal(rowsOf(scenario, { runs: [{ failure: 'none' }] }).filter(({ holds }) => holds).length, 0, scenario.name);
  }
});

test('the pen is lifted where there is no value', () => {
  const same = (value) => value;
  assert.equal(pathOf([1, 2, NaN, 4, 5], same, same), 'M0 1L1 2M3 4L4 5');
});

test('scales end at round numbers', () => {
  assert.deepEqual([0.3, 1, 15, 420, 2100, 540].map((one) => roundUp(one)), [0.3, 1, 15, 500, 3000, 600]);
  assert.equal(roundUp(7, [1, 2, 5, 10]), 10);
});

test('a picture is small, whole and says what happened', () => {
  const scenario = SCENARIOS.find(({ name }) => name === 'fall-300k');
  const svg = plot(runOf(scenario), scenario);
  assert.ok(svg.length < 20_000, `${svg.length}`);
  assert.ok(svg.startsWith('<svg ') && svg.endsWith('</svg>\n'));
  assert.match(svg, />300 kbit\/s</);
  assert.match(svg, /prefers-color-scheme:dark/);
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
});
