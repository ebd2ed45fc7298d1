// A lesson with everybody in it: the demo's server, its teacher and its three displays.
import { chromiumSeat, firefoxSeat } from './browsers.mjs';
import { CAST, FPS, SLIDES } from './clips.mjs';
import { distance } from './counter.mjs';
import { KEEP_OWN } from './look.mjs';
import { startDemo } from './product.mjs';
import { makeLine } from './relay.mjs';
import { pairWith, planOneSchool } from './school.mjs';
import { serveSlides } from './slides.mjs';
import { until } from './wait.mjs';

export const ROOMS = ['room1', 'room2', 'room3'];
/** What is drawn costs the machine of the tests as much as what they test: for many displays at once. */
export const SMALL_WINDOWS = { display: { width: 640, height: 360 }, slides: { width: 800, height: 450 } };
/** A lesson that begins in so long can still be planned otherwise. */
const NOT_DUE_S = 3600;
const TEACHER_VIDEO = '[data-slot="teacher_video"]';
const SCREEN = '[data-slot="screen"]';
const STAGE_VIDEO = '[data-slot="stage_video"]';
export const PLACES = { teacher: TEACHER_VIDEO, screen: SCREEN, stage: STAGE_VIDEO, stageSound: '[data-slot="stage_audio"]' };

/** Sound that a busy machine plays with holes has its peak so far away at most; tones are 170 Hz and more apart. */
export const CHOPPED_HZ = 60;

/**
 * Is a tone among the peaks that `tones` gave? The syllables of a tone leave faint peaks beside
 * it, 45 dB and more below; what a room sends is louder than −50 dBFS in every browser.
 */
export const hears = (peaks, hz, within_hz = 12) => peaks.some((peak) => Math.abs(peak.hz - hz) <= within_hz && peak.db > -50);

/** The same for a tone that should be there, however busy the machine is. */
export const hearsChopped = (peaks, hz) => hears(peaks, hz, CHOPPED_HZ);

/** Signs the demo's teacher in and opens the teacher's page with slides ready to be shared. */
async function openTeacher(demo, slides, { line, camera, init, windows }) {
  const seat = await chromiumSeat('teacher', { shares: true, camera, init: [KEEP_OWN, ...init] });
  const base_url = await led(line, seat, demo.said.base_url);
  const slidesPage = await seat.context.newPage();
  if (windows.slides) await slidesPage.setViewportSize(windows.slides);
  await slidesPage.goto(slides.url);
  await seat.page.bringToFront();
  await seat.open(new URL('/login', base_url).href);
  const { user, password, url } = demo.said.teacher;
  const status = await seat.evaluate(
    async (body) => (await fetch('/api/login', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
    })).status,
    { user, password },
  );
  if (status !== 200) throw new Error(`the teacher's login answered ${status}`);
  await seat.open(await throughLine(line, url));
  return seat;
}

/** An address of the server as it is reached through a line; without a line the address itself. */
async function throughLine(line, url) {
  if (!line) return url;
  const through = new URL(url);
  through.port = String(await line.through(Number(through.port)));
  return through.href;
}

/** Leads a seat through a line, where there is one; gives the address at which the server is then reached. */
async function led(line, seat, url) {
  await line?.leadThrough(seat);
  return throughLine(line, url);
}

/** Opens one display, through its line where it has one. */
async function openDisplay(demo, index, { engine = 'chromium', line, init, size }) {
  const who = ROOMS[index];
  const seat = await (engine === 'firefox' ? firefoxSeat : chromiumSeat)(who, { init, size });
  const { url, room_id } = demo.said.displays[index];
  await seat.open(await led(line, seat, url));
  if (room_id) await pairWith(demo, seat, room_id);
  return seat;
}

/**
 * Starts the demo, sits everybody down and gives `{ demo, teacher, displays, line, api, open, comes(index), lesson() }`.
 * `engines` says which browser each room uses; the line that can be cut is room 1's. Only the first `rooms` open their
 * display, the others when they are told to come; with `isOneSchool` there are two, and both are in one school. `lines` are
 * the lines of those who have one, by who they are; `camera` is the size of the teacher's; `init` are scripts that run in
 * every page before its own; `windows` are the sizes of the displays' and the slides' windows.
 */
export async function holdLesson(t, name, {
  engines = [], minutes = 2, startsIn_s = 40, withTeacher = true, rooms = 3, isOneSchool = false, lines = { [ROOMS[0]]: makeLine() }, camera,
  init = [], windows = {},
} = {}) {
  const open = [];
  const ends = [];
  t.after(async () => {
    // What went wrong is seen by those who were there.
    if (t.passed === false || process.env.TONGKE_TEST_VERBOSE) {
      for (const seat of open) console.log(`# ${seat.who} said: ${seat.problems.slice(-15).join(' | ')}`);
    }
    await Promise.allSettled(open.map((seat) => seat.close()));
    for (const line of Object.values(lines)) line.close();
    for (const end of ends) await end();
  });
  const slides = await serveSlides();
  ends.push(slides.close);
  const demo = await startDemo(name, { minutes, startsIn_s: isOneSchool ? NOT_DUE_S : startsIn_s });
  ends.push(demo.stop);
  if (isOneSchool) await planOneSchool(demo, minutes);
  const displays = [];
  const comes = async (index) => {
    displays[index] = await openDisplay(demo, index, { engine: engines[index], line: lines[ROOMS[index]], init, size: windows.display });
    open.push(displays[index]);
  };
  // Firefox first: the lesson's codec is chosen from what is known when the first source comes,
  // and displays say what they can long before that.
  const order = [...ROOMS.keys()].slice(0, rooms).sort((a, b) => Number(engines[b] === 'firefox') - Number(engines[a] === 'firefox'));
  for (const index of order) {
    await comes(index);
  }
  let teacher = null;
  if (withTeacher) {
    teacher = await openTeacher(demo, slides, { line: lines.teacher, camera, init, windows });
    open.push(teacher);
  }
  const api = await demo.signIn(demo.said.teacher);
  const { id } = demo.said.lessons[0];
  return { demo, teacher, displays, line: lines[ROOMS[0]], api, open, comes, lesson: () => api('GET', `/api/lessons/${id}`) };
}

/** The state of the lesson as a page has it (the hook of the pages). */
export const stateOf = (seat) => seat.evaluate(() => window.__tongke?.state ?? null);

/** The seats of the rooms in the order of the displays. */
export async function seatsOfRooms(school) {
  const lesson = await school.lesson();
  return school.demo.said.displays.map(({ room }) => {
    const found = lesson.rooms.find((one) => room === `${one.school.name} ${one.class}`);
    if (!found) throw new Error(`no seat of ${JSON.stringify(room)} in ${JSON.stringify(lesson.rooms)}`);
    return found.seat;
  });
}

/** Of 50 packets a second: a browser that is too busy to send them all was seen to send half. */
const SOUND_LEAST = 10;

/**
 * A machine that is too busy may play a tone with so many holes that none is left: then packets must come, and there must have
 * been sound in them: a teacher's browser that is too busy as well fills holes with silence. Gives the packets a second.
 */
export async function soundComes(display, place, why) {
  const look = () => display.evaluate((where) => __look.soundReceived(where), place);
  const before = await look();
  await new Promise((done) => setTimeout(done, 2000));
  const after = await look();
  const perSecond = ((after?.packets - before?.packets) * 1000) / (after?.at_ms - before?.at_ms);
  if (perSecond >= SOUND_LEAST && after.energy > 0) return perSecond;
  throw new Error(`${why}; ${JSON.stringify({ before, after })}`);
}

/** Waits until a display hears the slides' tone; gives the peaks as a list, or in words what came without one. */
export async function hearsSlides(display) {
  try {
    return (await hearsTones(display, [SLIDES.tone_hz], 15_000)).map(({ hz }) => hz);
  } catch (error) {
    const perSecond = await soundComes(display, '[data-slot="computer_sound"]', error.message);
    return `${perSecond.toFixed(0)} packets a second, but no tone, from`;
  }
}

/** A machine that is too busy for its browsers shows pictures late; one that was held is older than this. */
const LATE_MOST_S = 5;

/** Waits until a display shows the teacher as the teacher is now, not a picture that was held. */
export function showsTeacher(school, display, ceiling_ms = 20_000) {
  return until(`${display.who} shows the teacher`, async () => {
    const here = await display.evaluate((place) => __look.counter(place), TEACHER_VIDEO);
    if (here?.clip !== CAST.teacher.clip) return null;
    const there = await school.teacher.evaluate(() => __look.counter('video[data-own=camera]'));
    const behind_s = (here && there && distance(here.count, there.count, CAST.teacher.frames) / FPS) ?? NaN;
    return Math.abs(behind_s) < LATE_MOST_S ? { ...here, behind_s } : null;
  }, ceiling_ms);
}

/** Waits until a display shows the slides. */
export const showsSlides = (display, ceiling_ms = 20_000) =>
  until(`${display.who} shows the slides`, async () => {
    const here = await display.evaluate((place) => __look.counter(place), SCREEN);
    if (here?.clip !== SLIDES.clip) return null;
    const behind_ms = distance(here.count, Math.floor(here.at_ms / 10) % 65536, 65536) * 10;
    return behind_ms < 5000 ? { ...here, behind_ms } : null;
  }, ceiling_ms);

/** Waits until a page hears these tones. */
export async function hearsTones(seat, wanted, ceiling_ms = 40_000) {
  let peaks = [];
  try {
    return await until(`${seat.who} hears ${wanted} Hz`, async () => {
      peaks = await seat.evaluate(() => __look.tones(null));
      return wanted.every((hz) => hearsChopped(peaks, hz)) && peaks;
    }, ceiling_ms);
  } catch (error) {
    throw new Error(`${error.message}; heard ${JSON.stringify(peaks)}`, { cause: error });
  }
}

/**
 * Frames a second over four seconds: what the teacher's page sends in the layer that has fewest, what comes to a display,
 * and how many different ones it shows. The first and the last are matters of the machine that they run on.
 */
export async function rates(school, display) {
  const read = async () => ({
    came: await display.evaluate((place) => __look.received(place), TEACHER_VIDEO),
    sent: await school.teacher.evaluate(() => __look.sent()),
  });
  const before = await read();
  const shown = await framesPerSecond(display);
  const after = await read();
  const perSecond = (from, to) => (to.frames - from.frames) / ((to.at_ms - from.at_ms) / 1000);
  const layers = after.sent
    .map((to) => ({ from: before.sent.find(({ rid }) => rid === to.rid), to }))
    .filter(({ from, to }) => from && to.frames > from.frames)
    .map(({ from, to }) => perSecond(from, to));
  return { shown, came: perSecond(before.came, after.came), sent: Math.min(...layers) };
}

/** How many different frames a second a display shows of the teacher, over four seconds. */
export async function framesPerSecond(display, place = TEACHER_VIDEO) {
  await display.evaluate((where) => __look.follow(where), place);
  await new Promise((done) => setTimeout(done, 4000));
  const seen = await display.evaluate((where) => __look.unfollow(where), place);
  const span_s = (seen.at(-1)?.at_ms - seen[0]?.at_ms) / 1000;
  return (seen.length - 1) / span_s;
}
