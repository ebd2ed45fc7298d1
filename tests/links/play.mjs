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
  opened_ms: window.__links.opened_ms,
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
async function go(scenario, { begun_ms, seconds, lines, displays, signal }) {
  const marks = [];
  for (const [second, label, action] of scenario.steps(seconds)) {
    await pass(begun_ms + second * 1000, signal);
    marks.push({ at_ms: Date.now(), label });
    await action({ lines, displays });
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
    const { queues, stop } = followQueues(lines);
    ends.unshift(stop);
    const begun_ms = Date.now() + (warm_s + calm_s) * 1000;
    await pass(begun_ms, signal);
    const before = processors();
    const marks = await go(scenario, { begun_ms, seconds, lines, displays, signal });
    const ended_ms = Date.now();
    const after = processors();
    const idle = (after.idle - before.idle) / (after.all - before.all);
    const pages = {};
    for (const [i, display] of displays.entries()) pages[ROOMS[i]] = await noted(display);
    const teacher = await noted(school.teacher);
    return { begun_ms, ended_ms, calm_ms: calm_s * 1000, far: scenario.far, pages, teacher, idle, queues, marks };
  } catch (error) {
    scene.passed = false;
    throw error;
  } finally {
    for (const end of ends) await end();
  }
}
