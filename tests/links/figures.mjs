// Figures out of what was noted: pure functions of a run.
//
// A run is `{ begun_ms, ended_ms, calm_ms, far: [who], pages: { who: { points, sizes, seen_ms, opened_ms, joins_ms } },
// teacher: { points }, idle, queues: { who: [{ at_ms, worst_ms }] }, marks: [{ at_ms, label }] }`; `points` are those of
// watch.mjs, `seen_ms` the times of new pictures. The line is left alone for `calm_ms` before `begun_ms`. `idle` is
// the share of this machine's processors that nobody used. A figure that cannot be had is NaN, what never came Infinity.
import { FPS } from '../browser/lib/clips.mjs';

const MOVING = 0.8;
const TEACHER = 'teacher_video';
const VOICE = 'teacher_audio';

/** The points of a page in a span of time. */
export const between = (points, from_ms, to_ms) => points.filter(({ at_ms }) => at_ms > from_ms && at_ms <= to_ms);

const sum = (points, slot, name) => points.reduce((all, point) => all + (point.slots[slot]?.[name] ?? 0), 0);

/** The time that points stand for: each for what passed since the one before. */
const spanOf_s = (points) => points.reduce((all, { span_ms }) => all + span_ms, 0) / 1000;

/** Frames a second of the teacher, as a share of what the camera gives. */
export const fpsShare = (points) => sum(points, TEACHER, 'frames') / spanOf_s(points) / FPS;

/** The share of the teacher's voice that was made up because it did not come in time. */
export const concealedShare = (points) => sum(points, VOICE, 'concealed') / sum(points, VOICE, 'samples');

/** What a page receives in all its slots. */
export const received_bps = (points) =>
  (points.flatMap(({ slots }) => Object.values(slots)).reduce((all, { bytes }) => all + bytes, 0) * 8) / spanOf_s(points);

/** What a slot receives, bit/s. */
const slot_bps = (points, slot) => (sum(points, slot, 'bytes') * 8) / spanOf_s(points);

/** What a page sends of its camera's finest layer, bit/s. */
function finest_bps(points) {
  const layers = {};
  for (const { sent } of points) {
    for (const [rid, bytes] of Object.entries(sent.camera ?? {})) layers[rid] = (layers[rid] ?? 0) + bytes;
  }
  return (Math.max(0, ...Object.values(layers)) * 8) / spanOf_s(points);
}

/**
 * What a page receives as a share of what it received before. An encoder gives now more, now less: the camera counts
 * as if it were sent at the rate of before. All four are points of the same two spans: the page's and the teacher's.
 */
export function keptShare({ before, after, sentBefore, sentAfter }) {
  const camera = slot_bps(after, TEACHER);
  const alike = camera * (finest_bps(sentBefore) / finest_bps(sentAfter));
  return (received_bps(after) - camera + alike) / received_bps(before);
}

/** Connections that were made or restarted within the points. */
export const reconnects = (points) =>
  points.length === 0
    ? NaN
    : points.at(-1).connections - points[0].connections + points.at(-1).restarts - points[0].restarts;

/** The share of the time in which a page's machine was too slow for what it sends. */
export const slowShare = (points) => points.filter(({ isSlow }) => isSlow).length / points.length;

/** Pictures of the slides, and as many a second. */
export const slides = (points) => sum(points, 'screen', 'frames');
export const slidesRate = (points) => slides(points) / spanOf_s(points);

/** Freezes as the browser counts them. */
export const freezes = (points) => sum(points, TEACHER, 'freezes');

/** The heights of the teacher's picture with their times, where there was a picture. */
const heights = (points) =>
  points.filter(({ slots }) => slots[TEACHER]?.height).map(({ at_ms, slots }) => ({ at_ms, height: slots[TEACHER].height }));

export const tallest = (points) => Math.max(0, ...heights(points).map(({ height }) => height));

/** How often the size of the teacher's picture changed. */
export const changesOfSize = (points) =>
  heights(points).filter(({ height }, i, all) => i > 0 && height !== all[i - 1].height).length;

/** So little of the voice may be made up where it is called whole. */
const WHOLE = 0.05;
/** Two seconds of points: a slide a second is a picture. */
const STRETCH = 4;

/**
 * Seconds until the line carries what is sent: a stretch in which the voice is whole and something is seen, slides or
 * a teacher smaller than `height`. Told is when the stretch began.
 */
export function fits_s(points, from_ms, height) {
  for (let i = 0; i + STRETCH < points.length; i += 1) {
    const some = points.slice(i + 1, i + 1 + STRETCH);
    const isSeen = sum(some, TEACHER, 'frames') + sum(some, 'screen', 'frames') > 0;
    if (isSeen && tallest(some) < height && concealedShare(some) <= WHOLE) return (points[i].at_ms - from_ms) / 1000;
  }
  return Infinity;
}

/** Seconds until the picture had this height and moved as the camera does, over two points. */
export function tall_s(points, from_ms, height) {
  const at = points.findIndex((point, i) =>
    i > 0 && (point.slots[TEACHER]?.height ?? 0) >= height && fpsShare(points.slice(i - 1, i + 1)) >= MOVING);
  return at < 0 ? Infinity : (points[at].at_ms - from_ms) / 1000;
}

/** Seconds until the teacher was first shown in this height. */
export function sized_s(sizes, from_ms, height) {
  const first = sizes.find((size) => size.slot === TEACHER && size.height >= height && size.at_ms > from_ms);
  return first ? (first.at_ms - from_ms) / 1000 : Infinity;
}

/** Seconds until the first picture. */
export function first_s(points, from_ms) {
  const first = points.find(({ slots }) => slots[TEACHER]?.frames > 0);
  return first ? (first.at_ms - from_ms) / 1000 : Infinity;
}

/** The longest time between two new pictures, of those that end after `from_ms`. */
export function gap_s(seen_ms, from_ms, to_ms) {
  const before = seen_ms.filter((at_ms) => at_ms <= from_ms).at(-1);
  const after = seen_ms.filter((at_ms) => at_ms > from_ms && at_ms <= to_ms);
  if (before === undefined) return NaN;
  // A picture that never came back is missing to the end and beyond.
  if (after.length === 0) return Infinity;
  const all = [before, ...after, to_ms];
  return Math.max(...all.slice(1).map((at_ms, i) => at_ms - all[i])) / 1000;
}

/** Seconds until the first new picture after a time. */
export function next_s(seen_ms, from_ms) {
  const next = seen_ms.find((at_ms) => at_ms > from_ms);
  return next === undefined ? Infinity : (next - from_ms) / 1000;
}

/** The longest that a packet waited in the queue in a span of time. */
export const queue_ms = (queue, from_ms, to_ms) =>
  Math.max(0, ...queue.filter(({ at_ms }) => at_ms > from_ms && at_ms <= to_ms).map(({ worst_ms }) => worst_ms));
