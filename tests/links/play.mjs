// Plays one scenario with one seed: a lesson of its own, from the opening of the pages to the last look.
import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { LARGE } from '../browser/lib/clips.mjs';
import { PLACES, ROOMS, holdLesson, showsSlides, showsTeacher } from '../browser/lib/lesson.mjs';
import { makeLine } from '../browser/lib/relay.mjs';
import { until } from '../browser/lib/wait.mjs';
import { RECORD } from './watch.mjs';

/** Starting, joining and the calm take less than this. */
const BEFORE_S = 150;
const LOOK_MS = 500;
/** Fates of other seeds have nothing in common; two numbers are a line's. */
const SEEDS_APART = 1000;

const pass = (until_ms, signal) => pause(Math.max(0, until_ms - Date.now()), undefined, { signal });

/** Notes the waits in the queues of the lines until told to stop. */
function followQueues(lines) {
  const queues = Object.fromEntries(Object.keys(lines).map((who) => [who, []]));
  const timer = setInterval(() => {
    for (const [who, { models }] of Object.entries(lines)) {
      const [up_ms, down_ms] = [models.up.bottleneck.takeWorst(), models.down.bottleneck.takeWorst()];
      queues[who].push({ at_ms: Date.now(), up_ms, down_ms, worst_ms: Math.max(up_ms, down_ms) });
    }
  }, LOOK_MS);
  return { queues, stop: () => clearInterval(timer) };
}

/** Processor time of this machine so far: what was idle, and all. */
function processors() {
  const all = cpus().flatMap(({ times }) => Object.entries(times));
  const total = (some) => some.reduce((sum, [, ms]) => sum + ms, 0);
  return { idle: total(all.filter(([name]) => name === 'idle')), all: total(all) };
}

/** What a page noted. */
const noted = (seat) => seat.evaluate((place) => ({
  points: window.__links.points,
  sizes: window.__links.sizes,
  opened_ms: window.__links.opened_ms,
  joins_ms: window.__links.joins_ms,
  seen_ms: window.__look.watched(place).map(({ at_ms }) => at_ms),
}), PLACES.teacher);

/** The slides are seen, and the teacher for two seconds in full size: the senders have found their rates. */
async function isWhole(display) {
  await showsSlides(display, 30_000);
  await until(`${display.who} sees the teacher in full size`, () => display.evaluate(([height, looks]) => {
    const last = window.__links.points.slice(-looks);
    return last.every(({ slots }) => slots.teacher_video?.height >= height);
  }, [LARGE.height, 4]), 60_000);
}

const seatOf = (display) => display.evaluate(() => window.__tongke?.state?.seat ?? null);

/**
 * Ends the lesson and looks what became of it: displays that sit where they `sat`, the recordings there are, in how many
 * pieces the teacher's camera is in them, and how many classrooms are in them after `since_ms`.
 */
async function keptOf({ api, displays, lesson }, sat, since_ms) {
  const seats = await Promise.all(displays.map(seatOf));
  const { id } = await lesson();
  await api('POST', `/api/lessons/${id}/end`);
  const recording = await until('the lesson names its recording', async () => (await lesson()).recording);
  const detail = await until('the recording is kept', async () => {
    const found = await api('GET', `/api/library/${recording}`);
    return found.state === 'kept' && found;
  });
  const { items } = await api('GET', '/api/library');
  const { runs } = detail.tracks.find(({ teacher, kind }) => teacher && kind === 'camera');
  const after = detail.tracks.filter((track) =>
    !track.teacher && track.runs.some(({ start_ms, duration_ms }) => detail.started_ms + start_ms + duration_ms > since_ms));
  return {
    seated: seats.filter((seat, i) => seat !== null && seat === sat[i]).length,
    recordings: items.filter((item) => item.lesson === id).length,
    pieces: runs.length,
    recorded: new Set(after.map(({ who }) => who)).size,
  };
}

/** Everybody sits, the teacher and the slides are seen. */
async function begin(scenario, school) {
  const { teacher, displays } = school;
  for (const display of displays) await showsTeacher(school, display, 60_000);
  await teacher.page.click('[data-act="share"]');
  await until('the slides are captured', () => teacher.evaluate(() => __look.counter('video[data-own=screen]')));
  // On a line that is thin from the beginning the slides and the full size may never come.
  if (!scenario.before && !scenario.share) for (const display of displays) await isWhole(display);
  if (scenario.follows) for (const display of displays) await display.evaluate((place) => __look.follow(place), PLACES.teacher);
}

/** The steps in their time; gives when each was done. */
async function go(scenario, { begun_ms, seconds, lines, school, signal }) {
  const marks = [];
  for (const [second, label, action] of scenario.steps(seconds)) {
    await pass(begun_ms + second * 1000, signal);
    marks.push({ at_ms: Date.now(), label });
    await action({ lines, displays: school.displays, comes: school.comes });
  }
  await pass(begun_ms + seconds * 1000, signal);
  return marks;
}

/**
 * Plays a scenario for so many seconds after a calm of `calm_s`, which begins `warm_s` after everybody is seen;
 * gives a run as figures.mjs says. `signal` ends it early, with everybody sent home.
 */
export async function play(scenario, { seed, seconds: wanted, warm_s, calm_s, signal }) {
  const seconds = Math.max(wanted, scenario.least_s ?? 0);
  const bottlenecks = scenario.share?.();
  const lines = Object.fromEntries(scenario.lines.map((who, i) =>
    [who, makeLine({ seed: seed * SEEDS_APART + 2 * i, bottlenecks })]));
  scenario.before?.(lines);
  const ends = [];
  const scene = { after: (end) => ends.push(end), passed: undefined };
  try {
    const school = await holdLesson(scene, `links-${scenario.name}`, {
      lines,
      rooms: scenario.rooms,
      isOneSchool: scenario.isOneSchool,
      startsIn_s: 0,
      minutes: Math.ceil((BEFORE_S + warm_s + calm_s + seconds) / 60),
      camera: LARGE,
      init: [RECORD],
    });
    const { displays } = school;
    await begin(scenario, school);
    const sat = await Promise.all(displays.map(seatOf));
    const { queues, stop } = followQueues(lines);
    ends.unshift(stop);
    const begun_ms = Date.now() + (warm_s + calm_s) * 1000;
    await pass(begun_ms, signal);
    const before = processors();
    const marks = await go(scenario, { begun_ms, seconds, lines, school, signal });
    const ended_ms = Date.now();
    const after = processors();
    const idle = (after.idle - before.idle) / (after.all - before.all);
    const pages = {};
    for (const [i, display] of displays.entries()) pages[ROOMS[i]] = await noted(display);
    const teacher = await noted(school.teacher);
    const kept = scenario.isKept ? await keptOf(school, sat, marks.at(-1).at_ms) : null;
    return { begun_ms, ended_ms, calm_ms: calm_s * 1000, far: scenario.far, pages, teacher, idle, queues, marks, kept };
  } catch (error) {
    scene.passed = false;
    throw error;
  } finally {
    for (const end of ends) await end();
  }
}
