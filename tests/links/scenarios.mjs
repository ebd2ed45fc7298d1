// What is played: how the lines are, what happens on them, and what is wanted.
//
// `lines` are those who have a line; the goals are about the displays of `far`. `before` makes the lines bad before anybody
// comes; `steps(seconds)` are [second, words, action] after the calm, with action({ lines, displays, comes }), and those who
// come only by a step are in `comes`. Each goal has a figure of the run (figures.mjs); `most` or `least` is its limit. Limits
// of frames are shares of what the camera gives, which in these tests is 15 a second: 25 of 30 are 83 %.
import { LARGE } from '../browser/lib/clips.mjs';
import { ROOMS } from '../browser/lib/lesson.mjs';
import {
  between, changesOfSize, concealedShare, first_s, fits_s, fpsShare, freezes, gap_s, keptShare, next_s, queue_ms,
  received_bps, reconnects, sized_s, slides, slidesRate, slowShare, tall_s, tallest,
} from './figures.mjs';
import { Bottleneck } from './models.mjs';

const KBIT = 1000;
const MBIT = 1000 * KBIT;

const both = (line, spec) => {
  line.set('up', spec);
  line.set('down', spec);
};

/** A line of this rate with a queue of a second and a half: who does not look at its delay is late before losing anything. */
const deep = (rate_bps) => ({ rate_bps, queue_bytes: (rate_bps / 8) * 1.5, delay_ms: 10 });

// ---- Parts of figures: spans of a run -------------------------------------------------------

/** A point tells of the half second before it: the first of a span is the first that tells of nothing else. */
const POINT_MS = 500;
const span = (points, from_ms, to_ms) => between(points, from_ms + POINT_MS, to_ms);
const wholeOf = (run, { points }) => span(points, run.begun_ms, run.ended_ms);
const calmOf = (run, { points }) => between(points, run.begun_ms - run.calm_ms, run.begun_ms);
const whole = (run, who) => wholeOf(run, run.pages[who]);
const calm = (run, who) => calmOf(run, run.pages[who]);
const markOf = (run, label) => run.marks.find((mark) => mark.label === label)?.at_ms ?? NaN;

// ---- Goals ----------------------------------------------------------------------------------

/** The worst of the pages that are measured. */
const worst = (figure, choose) => (run) => choose(...run.far.map((who) => figure(run, who)));

const fps = (least, of = whole) => ({
  what: 'frames of the camera’s', unit: '%', least, figure: worst((run, who) => 100 * fpsShare(of(run, who)), Math.min),
});
const concealed = (most, of = whole) => ({
  what: 'voice made up', unit: '%', most, figure: worst((run, who) => 100 * concealedShare(of(run, who)), Math.max),
});
const steady = { what: 'reconnects', unit: '', most: 0, figure: worst((run, who) => reconnects(whole(run, who)), Math.max) };
const sizes = (most) => ({
  what: 'changes of size', unit: '', most, figure: worst((run, who) => changesOfSize(whole(run, who)), Math.max),
});
/** The queue of a line from so long after the beginning on. */
const queue = (most, after_s, until = (run) => run.ended_ms) => ({
  what: `longest wait in the queue after ${after_s} s`,
  unit: 'ms',
  most,
  figure: (run) => Math.max(...Object.values(run.queues).map((one) => queue_ms(one, run.begun_ms + after_s * 1000, until(run)))),
});
const gap = (most, label) => ({
  what: 'longest gap of pictures',
  unit: 's',
  most,
  figure: worst((run, who) => gap_s(run.pages[who].seen_ms, markOf(run, label), run.ended_ms), Math.max),
});
const again = (most, label) => ({
  what: 'picture again after', unit: 's', most,
  figure: worst((run, who) => next_s(run.pages[who].seen_ms, markOf(run, label)), Math.max),
});

const opens = (most) => ({
  what: 'first picture after', unit: 's', most,
  figure: worst((run, who) => first_s(run.pages[who].points, run.pages[who].opened_ms), Math.max),
});

/** What the machine had left: without any, a figure is about the machine. */
export const IDLE = 'machine idle';

/** Told of every scenario without a limit. */
const TOLD = [
  { what: 'received', unit: 'kbit/s', figure: worst((run, who) => received_bps(whole(run, who)) / KBIT, Math.min) },
  { what: 'freezes', unit: '', figure: worst((run, who) => freezes(whole(run, who)), Math.max) },
  { what: IDLE, unit: '%', figure: (run) => 100 * run.idle },
  {
    what: 'teacher’s machine too slow', unit: '% of the time',
    figure: (run) => 100 * slowShare(span(run.teacher.points, run.begun_ms, run.ended_ms)),
  },
  { what: 'tallest picture', unit: 'px', figure: worst((run, who) => tallest(whole(run, who)), Math.min) },
];

/** What is told of a scenario without a limit. */
export const toldOf = ({ told = [] }) => [...told, ...TOLD];

// ---- Scenarios ------------------------------------------------------------------------------

const ROOM = { lines: ['room1'], far: ['room1'], rooms: 1 };
const always = (label, action) => () => [[0, label, action]];

/** At this loss: the most of the voice that is made up, the least of the frames. */
const LOSSES = [[5, 0.5, 83], [10, 1, 67], [20, 3, 50], [30, 8, 27]];

const lossy = LOSSES.map(([loss, voice, frames]) => ({
  ...ROOM,
  name: `loss-${loss}`,
  title: `random loss of ${loss} % each way`,
  steps: always(`${loss} %`, ({ lines }) => both(lines.room1, { loss: loss / 100 })),
  goals: [concealed(voice), fps(frames), steady],
}));

const bursts = {
  ...ROOM,
  name: 'bursts-10',
  title: 'bursts of 5 packets on average, 10 % each way',
  steps: always('bursts', ({ lines }) => both(lines.room1, { burst: { share: 0.1, mean: 5 } })),
  goals: [concealed(3), fps(50), steady],
};

const narrow = (run, who) => span(run.pages[who].points, run.begun_ms, markOf(run, 'wide'));

/** After the line is wide again. */
const tallAgain = {
  what: 'full size again after', unit: 's',
  figure: worst((run, who) =>
    tall_s(between(run.pages[who].points, markOf(run, 'wide'), run.ended_ms), markOf(run, 'wide'), tallest(calm(run, who))), Math.max),
};

const fall = {
  ...ROOM,
  name: 'fall-300k',
  title: 'falls to 300 kbit/s, then wide again',
  least_s: 40,
  steps: (seconds) => [
    [0, '300 kbit/s', ({ lines }) => both(lines.room1, deep(300 * KBIT))],
    [seconds / 2, 'wide', ({ lines }) => both(lines.room1, {})],
  ],
  // What is sent in the tenth of a second before anybody can know of it fills the queue for most of one: so much of the voice
  // comes late whatever is done. The share of the narrow half is told.
  told: [{ ...concealed(undefined, narrow), what: 'voice made up while narrow' }],
  goals: [
    concealed(1),
    {
      what: 'a picture that fits and a whole voice after', unit: 's', most: 3,
      figure: worst((run, who) => fits_s(narrow(run, who), run.begun_ms, tallest(calm(run, who))), Math.max),
    },
    queue(500, 5, (run) => markOf(run, 'wide')),
    { ...tallAgain, most: 15 },
    steady,
  ],
};

/** A line that has fallen to a twentieth is known after so long. */
const SETTLED_S = 12;
const settled = (run, who) => span(run.pages[who].points, run.begun_ms + SETTLED_S * 1000, run.ended_ms);

const thin = {
  ...ROOM,
  name: 'narrow-100k',
  title: '100 kbit/s each way',
  steps: always('100 kbit/s', ({ lines }) => both(lines.room1, deep(100 * KBIT))),
  told: [{ ...concealed(undefined), what: 'voice made up from the fall on' }],
  goals: [
    concealed(1, settled),
    { what: 'slides a minute', unit: '', least: 1, figure: worst((run, who) => (60_000 * slides(whole(run, who))) / (run.ended_ms - run.begun_ms), Math.min) },
    queue(500, SETTLED_S),
    steady,
  ],
};

const beside = {
  ...ROOM,
  name: 'beside-others',
  title: '3 Mbit/s with 2 Mbit/s of others',
  steps: always('others', ({ lines }) => {
    lines.room1.set('down', { rate_bps: 3 * MBIT, delay_ms: 10, others: { limit_bps: 2 * MBIT } });
    lines.room1.set('up', { rate_bps: 3 * MBIT, delay_ms: 10 });
  }),
  goals: [
    concealed(1),
    fps(83),
    { what: 'received at least', unit: 'kbit/s', least: 500, figure: worst((run, who) => received_bps(whole(run, who)) / KBIT, Math.min) },
    steady,
  ],
};

const joined = (most, who) => ({
  what: 'full size after joining', unit: 's', most,
  figure: ({ pages }) => sized_s(pages[who].sizes, pages[who].joins_ms ?? Infinity, LARGE.height),
});

/** A page opens on a line of 5 Mbit/s in a lesson that goes on. */
const start = (name, title, { who, comes, most_s, action, goals = [], told }) => ({
  lines: [who],
  far: [who],
  rooms: 1,
  comes,
  name,
  title,
  before: (lines) => both(lines[who], { rate_bps: 5 * MBIT, delay_ms: 10 }),
  steps: always('opened', action),
  told,
  goals: [
    ...goals,
    joined(most_s, who),
    {
      what: 'full size and motion after', unit: 's', most: 4,
      figure: ({ pages }) => tall_s(pages[who].points, pages[who].opened_ms, LARGE.height),
    },
    concealed(1),
  ],
});

const starts = [
  start('start-5m', 'a page opens on 5 Mbit/s', {
    // Its browser starts with it, which takes its time.
    who: 'room2', comes: ['room2'], most_s: 4, action: ({ comes }) => comes(1), told: [opens()],
  }),
  start('again-5m', 'it opens again, and its line is remembered', {
    who: 'room1', most_s: 1.5, action: ({ displays: [display] }) => display.reload(), goals: [opens(2)],
  }),
];

const lossyStart = {
  ...ROOM,
  name: 'start-loss-20',
  title: 'a page opens where 20 % are lost each way',
  before: ({ room1 }) => both(room1, { loss: 0.2 }),
  steps: always('opened', ({ displays: [display] }) => display.reload()),
  goals: [opens(5)],
};

const steady2m = {
  ...ROOM,
  name: 'steady-2m',
  title: 'a steady 2 Mbit/s',
  before: ({ room1 }) => both(room1, deep(2 * MBIT)),
  steps: () => [],
  goals: [concealed(0.5), fps(83), sizes(2), queue(500, 5), steady],
};

const weak = {
  ...ROOM,
  name: 'weak-room',
  title: 'one room on 300 kbit/s with 20 % loss beside two others',
  far: ['room2', 'room3'],
  rooms: 3,
  told: [
    {
      what: 'others receive, of before, with whatever the camera sends', unit: '%',
      figure: worst((run, who) => (100 * received_bps(whole(run, who))) / received_bps(calm(run, who)), Math.min),
    },
  ],
  steps: always('weak', ({ lines }) => both(lines.room1, { rate_bps: 300 * KBIT, loss: 0.2 })),
  goals: [
    {
      what: 'others receive, of before', unit: '%', least: 95,
      figure: worst((run, who) => 100 * keptShare({
        before: calm(run, who), after: whole(run, who), sentBefore: calmOf(run, run.teacher), sentAfter: wholeOf(run, run.teacher),
      }), Math.min),
    },
    {
      what: 'others’ slides, of before', unit: '%', least: 90,
      figure: worst((run, who) => (100 * slidesRate(whole(run, who))) / slidesRate(calm(run, who)), Math.min),
    },
    fps(83),
    concealed(0.5),
    steady,
    { what: 'voice made up in the weak room', unit: '%', most: 3, figure: (run) => 100 * concealedShare(whole(run, 'room1')) },
  ],
};

const uplinks = LOSSES.map(([loss, voice, frames]) => ({
  ...ROOM,
  name: `uplink-${loss}`,
  title: `the teacher’s uplink loses ${loss} %`,
  lines: ['teacher'],
  steps: always(`${loss} % up`, ({ lines }) => lines.teacher.set('up', { loss: loss / 100 })),
  goals: [concealed(voice), fps(frames), steady],
}));

/** The browser stops the finest layer, and those who watch it need another; each layer that it begins again is a change too. */
const uplinkFall = {
  ...ROOM,
  name: 'uplink-fall',
  title: 'the teacher’s uplink falls to 1 Mbit/s, then wide again',
  lines: ['teacher'],
  follows: true,
  least_s: 60,
  steps: (seconds) => [
    [0, '1 Mbit/s up', ({ lines }) => lines.teacher.set('up', deep(MBIT))],
    [seconds / 2, 'wide', ({ lines }) => lines.teacher.set('up', {})],
  ],
  told: [tallAgain],
  // What is sent before the browser can know of it fills the queue for a second and a half, and the voice waits in it.
  goals: [gap(1, '1 Mbit/s up'), concealed(1.5), queue(500, 5, (run) => markOf(run, 'wide')), steady],
};

/** Something happens to the path once; afterwards all is as before. */
const event = (name, title, most_s, label, action) => ({
  ...ROOM, name, title, steps: () => [[5, label, action]], follows: true, least_s: 20, goals: [gap(most_s, label)],
});

const paths = [
  event('rebinding', 'the router forgets its table: a new port', 1, 'new port', ({ lines }) => lines.room1.rebind()),
  event('new-address', 'the line gets a new address', 2, 'new address', ({ lines }) => lines.room1.rebind('127.0.0.2')),
  event('dead-path', 'the path is dead and nobody is told', 5, 'dead', ({ lines }) => lines.room1.deaden()),
];

const count = (what, least, name) => ({ what, unit: '', least, figure: ({ kept }) => kept[name] });
const once = (what, name) => ({ what, unit: '', most: 1, figure: ({ kept }) => kept[name] });

/** These displays lose their lines together, as when a district's line is cut, and get them back together. */
const blackout = (name, title, dark_s, rooms, long) => ({
  lines: rooms,
  far: rooms,
  rooms: rooms.length,
  name,
  title,
  long,
  follows: true,
  isKept: true,
  least_s: dark_s + 25,
  steps: () => [
    [5, 'dark', ({ lines }) => rooms.forEach((who) => lines[who].cut())],
    [5 + dark_s, 'light', ({ lines }) => rooms.forEach((who) => lines[who].heal())],
  ],
  goals: [
    again(2, 'light'),
    count('displays in their seats again', rooms.length, 'seated'),
    count('classrooms in the recording after it', rooms.length, 'recorded'),
    once('recordings of the lesson', 'recordings'),
    once('pieces of the teacher’s camera in it', 'pieces'),
  ],
});

const noUdp = {
  ...ROOM,
  name: 'no-udp',
  title: 'a firewall that passes the page’s port only: ICE-TCP on it',
  before: ({ room1 }) => both(room1, { loss: 1 }),
  steps: () => [],
  goals: [opens(5), fps(83), concealed(0.5), steady],
};

const school = {
  name: 'one-school',
  title: 'two rooms of one school on one line of 2 Mbit/s',
  lines: ['room1', 'room2'],
  far: ['room1', 'room2'],
  rooms: 2,
  isOneSchool: true,
  share: () => ({ up: new Bottleneck(deep(2 * MBIT)), down: new Bottleneck(deep(2 * MBIT)) }),
  steps: () => [],
  goals: [
    concealed(1),
    fps(50),
    queue(500, 5),
    {
      what: 'the lesser’s part of what both receive', unit: '%', least: 40,
      figure: (run) => {
        const each = run.far.map((who) => received_bps(whole(run, who)));
        return (100 * Math.min(...each)) / each.reduce((all, one) => all + one, 0);
      },
    },
    steady,
  ],
};

const clean = {
  ...ROOM,
  name: 'clean',
  title: 'nothing is wrong',
  steps: () => [],
  goals: [fps(90), concealed(0.1), sizes(1), steady],
};

export const SCENARIOS = [
  clean, ...lossy, bursts, fall, thin, beside, ...starts, lossyStart, steady2m, weak, ...uplinks, uplinkFall, ...paths,
  blackout('blackout-10s', '10 s without a line', 10, ['room1'], false),
  blackout('blackout-60s', '60 s without a line', 60, ['room1'], true),
  blackout('blackout-15min', 'three rooms without a line for 15 min', 900, ROOMS, true),
  noUdp, school,
];

// ---- Short ones, played by tests/browser/lines.test.mjs with every change: does it work at all ---------------------------

const last = (seconds) => (run, who) => span(run.pages[who].points, run.ended_ms - seconds * 1000, run.ended_ms);

export const SHORT = [
  {
    ...fall,
    rooms: 2,
    steps: always('300 kbit/s', ({ lines }) => both(lines.room1, deep(300 * KBIT))),
    least_s: 20,
    goals: [
      concealed(5, last(8)),
      queue(700, SETTLED_S),
      // The thin room gets a page or two a second; the capture must not become as slow for the other.
      { what: 'the other room’s slides', unit: 'a second', least: 5, figure: (run) => slidesRate(last(8)(run, 'room2')) },
      steady,
    ],
  },
  {
    ...school,
    // Both begin at once, each as if it were alone: who was held then waits for its turn to rise.
    least_s: 24,
    goals: [
      concealed(5, last(8)),
      fps(30, last(8)),
      { what: 'slides', unit: '', least: 1, figure: worst((run, who) => slides(last(8)(run, who)), Math.min) },
      queue(1000, 8),
      steady,
    ],
  },
  { ...paths[0], least_s: 12, goals: [gap(4, 'new port')] },
  { ...noUdp, goals: [fps(40), concealed(5), steady] },
];
