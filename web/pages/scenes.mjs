//! Every page in every state that is designed. One entry is one picture in each language and size.

import { at, district } from './fixtures.mjs';
import { planScenes } from './plan.mjs';

const NOW = at('10:31:12');
const BOARD = { width: 1920, height: 1080 };
const OLD_BOARD = { width: 1024, height: 768 };
const DESK = { width: 1366, height: 768 };
const PHONE = { width: 390, height: 844 };

const paired = (d, i = 0) => ({
  'POST /api/displays/exchange': { secret: 'x', room: d.rooms[i].room },
});

function today(d, lessons, i = 0, now = NOW) {
  const { room, school, class: klass, kind } = d.rooms[i];
  return { now_ms: now, room: { ...room, school, class: klass, kind }, lessons };
}

const SLOT_SOURCES = { teacher_video: 'camera', screen: 'screen', stage_video: 'camera', teacher_audio: 'microphone', computer_sound: 'computer_sound', stage_audio: 'microphone' };

function slots(names, first, stage = 'seat2') {
  return {
    kind: 'slots',
    slots: Object.entries(names).map(([slot, state], i) => ({
      mid: String(first + i),
      slot,
      state,
      source: state === 'none' ? null : { seat: slot.startsWith('stage') ? stage : 'seat0', kind: SLOT_SOURCES[slot] },
    })),
  };
}

function inLesson(d, over = {}) {
  const { seats, stage = null, slide = 'live', state = 'live', now = NOW, role = 0, teacher = 'live', plan = true } = over;
  const lessons = d.table({ state });
  const room = { kind: 'room', label: '' };
  const up = d.rooms[role].kind === 'terminal' ? [] : [null, null];
  return {
    fragment: '#secret=abc',
    api: { ...paired(d, role), 'GET /api/today': today(d, lessons, role, now) },
    snapshot: {
      now_ms: now,
      epoch: 1,
      me: { role: 'display', room: d.rooms[role].room, seat: d.rooms[role].seat },
      lessons,
      lesson: { id: 'l1', state, recording: state === 'live', recording_since_ms: at('10:20'), stage, seats: seats ?? [d.teacherSeat(), d.seat(0), d.seat(1, { muted: stage === 'seat2' ? [] : ['microphone'] }), d.seat(2)] },
    },
    plan: plan ? [...up, { kind: 'teacher', label: d.w.board }, { kind: 'slides', label: d.w.slide }, room, { kind: 'tone' }, null, { kind: 'tone' }] : null,
    after: [slots({ teacher_video: teacher, screen: slide, stage_video: stage && stage !== d.rooms[role].seat ? 'live' : 'none', teacher_audio: teacher, computer_sound: 'none', stage_audio: stage ? 'live' : 'none' }, up.length, stage)],
    wait: 500,
  };
}

function table(d, lessons, over = {}) {
  const now = over.now ?? at('10:02:18');
  return {
    fragment: '#secret=abc',
    api: { ...paired(d), 'GET /api/today': today(d, lessons, 0, now) },
    snapshot: { now_ms: now, epoch: 1, me: { role: 'display', room: d.rooms[0].room }, lessons },
    wait: 900,
    ...over,
  };
}

function console_(d, over = {}) {
  const { seats, stage = null, state = 'live', now = NOW, lessons = d.table({ state }), thumbs = ['seat1', 'seat2'], api = {} } = over;
  const room = { kind: 'room', label: '' };
  const shown = { stage_video: stage ? 'live' : 'none', stage_audio: stage ? 'live' : 'none' };
  const list = slots(shown, 5, stage);
  thumbs.forEach((seat, i) => list.slots.push({ mid: String(8 + i), slot: `thumbnail_${i}`, source: { seat, kind: 'camera' }, state: 'live' }));
  return {
    api: {
      'GET /api/me': { id: 'p1', name: d.w.teacher, user: 'wang', role: 'teacher', school: d.urban },
      'GET /api/today': { now_ms: now, lessons },
      ...api,
    },
    snapshot: {
      now_ms: now,
      epoch: 1,
      me: { role: 'teacher', person: d.teacher, seat: 'seat0' },
      lessons,
      lesson: ['planned', 'archived'].includes(state) ? null : { id: 'l1', state, recording: state === 'live', recording_since_ms: at('10:20'), stage, seats: seats ?? [d.teacherSeat(), d.seat(0), d.seat(1), d.seat(2)] },
    },
    plan: [null, null, null, null, null, room, { kind: 'tone' }, null, room, room, room, room, room, room],
    after: [list],
    wait: 500,
    ...over.scene,
  };
}

const admin = (d, api = {}, over = {}) => ({
  api: {
    'GET /api/me': { id: 'a1', name: d.w.admin, user: 'admin', role: 'region_admin' },
    'GET /api/wall': { now_ms: NOW, lessons: [], at_risk: [] },
    ...api,
  },
  snapshot: { now_ms: NOW, epoch: 1, me: { role: 'region_admin', person: { id: 'a1', name: d.w.admin } }, lessons: [] },
  wait: 700,
  ...over,
});

const paged = (items, total = items.length) => ({ items, total, page: 1, per_page: 20 });

function wall(d) {
  const cause = (code, i, clock) => ({ code, ...(i === null ? {} : { room: d.rooms[i].room }), since_ms: at(clock) });
  return {
    now_ms: NOW,
    at_risk: ['w4'],
    lessons: [
      { ...d.lesson({ id: 'w1', state: 'live' }), health: 'green', causes: [] },
      { ...d.lesson({ id: 'w2', state: 'live', subject: d.w.english, title: d.w.titles[1], teacher: { id: 'p2', name: d.w.teacher2 } }), health: 'amber', causes: [cause('weak_line', 1, '10:26')] },
      { ...d.lesson({ id: 'w3', state: 'live', subject: d.w.art, title: d.w.titles[2], teacher: { id: 'p3', name: d.w.teacher3 } }), health: 'red', causes: [cause('room_absent', 2, '10:21'), cause('no_microphone', 0, '10:24')] },
      { ...d.lesson({ id: 'w4', state: 'open', subject: d.w.science, title: d.w.titles[4], starts_ms: at('10:40'), ends_ms: at('11:20') }), health: 'amber', causes: [cause('display_offline', 1, '09:58')] },
      { ...d.lesson({ id: 'w5', subject: d.w.chinese, title: d.w.titles[3], starts_ms: at('14:30'), ends_ms: at('15:10') }), health: 'grey', causes: [] },
    ],
  };
}

const rooms = (d) =>
  paged(
    [
      { id: 'm1', name: d.w.master, school: d.urban, kind: 'master', display: { state: 'none' } },
      { ...d.rooms[0].room, school: d.villages[0], kind: 'interactive', class: d.w.c1, display: { state: 'online', id: 'd1', last_seen_ms: NOW } },
      { ...d.rooms[1].room, school: d.villages[1], kind: 'interactive', class: d.w.c2, display: { state: 'offline', id: 'd2', last_seen_ms: at('10:02') } },
      { ...d.rooms[2].room, school: d.villages[2], kind: 'terminal', class: d.w.c3, display: { state: 'online', id: 'd3', last_seen_ms: NOW } },
    ],
    64,
  );

function shelf(d) {
  const subjects = [d.w.music, d.w.english, d.w.art, d.w.chinese, d.w.science, d.w.music, d.w.english, d.w.art];
  const grades = [d.w.grade, d.w.grade4, d.w.grade, d.w.grade5, d.w.grade4, d.w.grade, d.w.grade5, d.w.grade4];
  const items = subjects.map((subject, i) => ({
    id: `rec${i}`, lesson: `l${i}`, title: d.w.titles[i], subject, grade: grades[i], unit: d.w.unit,
    teacher: { id: 'p', name: [d.w.teacher, d.w.teacher2, d.w.teacher3][i % 3] }, school: d.urban,
    starts_ms: NOW - i * 86_400_000, duration_ms: 2_400_000, state: i === 0 ? 'growing' : 'kept', tracks: 5,
  }));
  const count = (values) => [...new Set(values)].map((value) => ({ value, count: values.filter((other) => other === value).length * 7 }));
  return { ...paged(items, 56), per_page: 24, facets: { subject: count(subjects), grade: count(grades) } };
}

export function recording(d, state = 'kept', gap = false) {
  const run = (track, n, start_ms, duration_ms) => ({ start_ms, duration_ms, playlist: `/api/library/rec1/tracks/${track}/runs/${n}.m3u8?sig=s` });
  const whole = 2_400_000;
  return {
    id: 'rec1', lesson: 'l1', title: d.w.title, subject: d.w.music, grade: d.w.grade, unit: d.w.unit,
    teacher: d.teacher, school: d.urban, starts_ms: at('10:20'), started_ms: at('10:20'), duration_ms: whole, state,
    tracks: [
      { id: 't1', kind: 'camera', who: 'teacher', teacher: true, runs: gap ? [run('t1', 0, 600_000, 1_800_000)] : [run('t1', 0, 0, whole)] },
      { id: 't2', kind: 'microphone', who: 'teacher', teacher: true, runs: [run('t2', 0, 0, whole)] },
      { id: 't3', kind: 'screen', who: 'teacher', teacher: true, runs: [run('t3', 0, 0, whole)] },
      { id: 't4', kind: 'camera', who: d.w.r1, teacher: false, runs: [run('t4', 0, 0, whole)] },
      { id: 't5', kind: 'camera', who: d.w.r2, teacher: false, runs: [run('t5', 0, 0, whole)] },
      { id: 't6', kind: 'microphone', who: d.w.r2, teacher: false, runs: [run('t6', 0, 700_000, 300_000)] },
    ],
    chapters: [{ at_ms: 0, kind: 'start' }, { at_ms: 700_000, kind: 'stage', room: d.w.r2 }, { at_ms: 1_500_000, kind: 'stage', room: d.w.r1 }, { at_ms: whole, kind: 'end' }],
    gaps: gap ? [{ track: 't1', from_ms: 0, to_ms: 600_000 }] : [],
    troubles: [],
  };
}

/** A recording of a lesson on bad lines. */
function troubled(d) {
  const of = (i, kind, from_ms, to_ms, more = {}) => ({
    seat: `s${i}`, who: [d.w.r1, d.w.r2, d.w.r3][i], teacher: false, kind, from_ms, to_ms, bad_ms: to_ms - from_ms, sound_fine: kind !== 'absent', loss_permille: 0, ...more,
  });
  const troubles = [
    of(0, 'absent', 0, 75_000, { cause: 'not_come' }),
    of(1, 'weak', 300_000, 520_000, { bad_ms: 140_000, down_kbps: 280, loss_permille: 72 }),
    of(1, 'held', 380_000, 430_000, { down_kbps: 95 }),
    of(2, 'reduced', 200_000, 1_200_000, { down_kbps: 610 }),
    of(0, 'weak', 1_100_000, 1_160_000, { down_kbps: 320, loss_permille: 180, sound_fine: false }),
    of(1, 'absent', 1_600_000, 1_790_000, { cause: 'line_lost' }),
  ];
  return { ...recording(d), troubles };
}

const reader = (d, api) => ({
  api: { 'GET /api/me': { id: 'p1', name: d.w.teacher, user: 'wang', role: 'teacher', school: d.urban }, ...api },
  wait: 700,
});

/** The player with pictures in it, playing. */
const watching = (d, made) => ({
  ...reader(d, { 'GET /api/library/rec1': made }),
  films: { t1: ['teacher', d.w.board], t2: ['tone'], t3: ['slides', d.w.slide], t4: ['room', d.w.r1], t5: ['room', d.w.r2], t6: ['tone'] },
  act: watch,
});

const demo = (d, now) => ({
  teacher: { user: 'wang', password: 'demo', url: '/teacher/l1' },
  admin: { user: 'admin', password: 'demo', url: '/admin' },
  displays: d.rooms.map((room, i) => ({ room: room.room.name, school: room.school.name, url: `/display#secret=${i}` })),
  lesson: { id: 'l1', title: `${d.w.music} · ${d.w.title}`, starts_ms: at('10:20'), ends_ms: at('11:00') },
  library_url: '/library',
  now,
});

const start = (d, now) => ({ api: { 'GET /api/demo': demo(d), 'GET /api/clock': { now_ms: now, zone_offset_ms: 28_800_000 } }, wait: 700 });

/** name, path, sizes, scene; `devices: false` runs without camera and microphone. */
export function scenes(lang) {
  const d = district(lang);
  const weak = [d.teacherSeat(), d.seat(0, { quality: 'weak' }), d.seat(1), d.seat(2)];
  const hands = [d.teacherSeat(), d.seat(0, { hand: at('10:30:41') }), d.seat(1, { muted: [], level: 90 }), d.seat(2)];
  const trouble = [d.teacherSeat(), d.seat(0, { sources: ['camera'], hand: at('10:30:58') }), d.seat(1, { quality: 'weak' }), d.seat(2, { present: false, quality: 'lost' })];
  const own = [d.teacherSeat(), d.seat(0, { muted: [] }), d.seat(1), d.seat(2)];
  const one = (name, path, sizes, scene, more = {}) => ({ name, path, sizes, scene, ...more });
  return [
    one('start-waiting', '/', [DESK], start(d, at('10:18:41'))),
    one('start-live', '/', [DESK, PHONE], start(d, NOW)),
    one('start-fault', '/', [DESK], { api: { 'GET /api/demo': 'abort' }, wait: 500 }),
    one('login', '/login', [DESK, PHONE], { api: {}, wait: 300 }),
    one('login-fault', '/login', [DESK, PHONE], { api: { 'POST /api/login': [401, { error: { code: 'bad_credentials' } }] }, wait: 300, act: signIn }),

    one('display-pairing', '/display', [BOARD, DESK], { api: { 'POST /api/displays': { id: 'd9', code: '7K3M9QXP', secret: 's', expires_ms: NOW + 272_000 }, 'GET /api/displays/self': { state: 'waiting' }, 'GET /api/clock': { now_ms: NOW, zone_offset_ms: 28_800_000 } }, wait: 600 }),
    one('display-unreachable', '/display', [BOARD], { api: { 'POST /api/displays': 'abort' }, wait: 600 }),
    one('display-empty', '/display', [BOARD], table(d, [])),
    one('display-busy', '/display', [BOARD, DESK, OLD_BOARD], table(d, d.table({}))),
    one('display-check', '/display', [BOARD], table(d, d.table({}), { now: at('10:13:02'), wait: 1800 })),
    one('display-ended', '/display', [BOARD], table(d, d.table({ state: 'archived' }).slice(0, 2), { now: at('11:04') })),
    one('display-offline', '/display', [BOARD], { ...table(d, d.table({}), { now: at('10:14:02'), wait: 2500 }), socket: false }),
    one('display-admitted', '/display', [BOARD], inLesson(d, { state: 'open', now: at('10:17:20'), slide: 'none', teacher: 'none' })),
    one('display-live', '/display', [BOARD, DESK, OLD_BOARD], inLesson(d, { stage: 'seat2' })),
    one('display-live-teacher', '/display', [BOARD], inLesson(d, { slide: 'none' })),
    one('display-hand', '/display', [BOARD], inLesson(d, { seats: hands })),
    one('display-on-stage', '/display', [BOARD, DESK], inLesson(d, { stage: 'seat1', seats: own })),
    one('display-terminal', '/display', [BOARD], inLesson(d, { role: 2, stage: 'seat1' })),
    one('display-degraded', '/display', [BOARD], inLesson(d, { stage: 'seat2', seats: weak })),
    one('display-fault', '/display', [BOARD], { ...inLesson(d, { plan: false, teacher: 'none', slide: 'none' }), wait: 3000 }),
    one('display-cut', '/display', [BOARD], { ...inLesson(d, { stage: 'seat2' }), act: cut }),
    one('display-standin', '/display', [BOARD], inLesson(d, { stage: 'seat1', seats: own }), { devices: false }),
    one('display-replaced', '/display', [BOARD], { ...inLesson(d), plan: null, after: [{ kind: 'replaced' }], wait: 1500 }),

    one('teacher-empty', '/teacher', [DESK], console_(d, { lessons: [], state: 'planned', scene: { wait: 700, plan: null } })),
    one('teacher-early', '/teacher', [DESK], console_(d, { state: 'planned', now: at('09:40'), scene: { wait: 900, plan: null } })),
    one('teacher-before', '/teacher/l1', [DESK], console_(d, { state: 'open', now: at('10:17:20') })),
    one('teacher-live', '/teacher/l1?autoshare=1', [DESK], console_(d, { stage: 'seat2', seats: hands }), { share: true }),
    one('teacher-busy', '/teacher/l1', [DESK], console_(d, { seats: [d.teacherSeat(), ...Array.from({ length: 12 }, (_, i) => ({ ...d.seat(i % 3), seat: `s${i}`, name: `${d.rooms[i % 3].room.name} ${i + 1}` }))] })),
    one('teacher-degraded', '/teacher/l1', [DESK], console_(d, { seats: trouble })),
    one('teacher-fault', '/teacher/l1', [DESK], { ...console_(d, {}), plan: null, wait: 3000 }),
    one('teacher-standin', '/teacher/l1', [DESK], { ...console_(d, {}), act: sample, init: noSharing }, { devices: false }),
    one('teacher-over', '/teacher/l1', [DESK], console_(d, { state: 'archived', lessons: d.table({ state: 'archived', recording: 'rec1' }), scene: { plan: null, wait: 900 } })),
    one('teacher-login', '/teacher', [DESK, PHONE], { api: { 'GET /api/me': [401, { error: { code: 'not_signed_in' } }] }, wait: 400 }),

    one('admin-wall-empty', '/admin', [DESK], admin(d)),
    one('admin-wall-busy', '/admin', [DESK], admin(d, { 'GET /api/wall': wall(d) })),
    one('admin-wall-fault', '/admin', [DESK], { ...admin(d, { 'GET /api/wall': 'abort' }), socket: false }),
    one('admin-forbidden', '/admin', [DESK], admin(d, { 'GET /api/me': { id: 'p1', name: d.w.teacher, user: 'wang', role: 'teacher' } })),
    one('admin-loading', '/admin#rooms', [DESK], admin(d, { 'GET /api/rooms': 'hang' })),
    one('admin-schools', '/admin#schools', [DESK], admin(d, { 'GET /api/schools': paged([{ ...d.urban, kind: 'urban' }, { ...d.villages[0], kind: 'village' }, { ...d.villages[1], kind: 'village' }, { ...d.villages[2], kind: 'teaching_point' }], 1041) })),
    one('admin-rooms', '/admin#rooms', [DESK], admin(d, { 'GET /api/rooms': rooms(d), 'GET /api/schools': paged([{ ...d.urban, kind: 'urban' }]) }, { act: add })),
    one('admin-people', '/admin#people', [DESK], admin(d, { 'GET /api/people': paged([{ id: 'p1', name: d.w.teacher, user: 'wang', role: 'teacher', school: d.urban }, { id: 'a2', name: d.w.admin2, user: 'zhao', role: 'school_admin', school: d.villages[0] }]) })),
    one('admin-displays', '/admin#displays', [DESK], admin(d, { 'GET /api/displays': paged([{ id: 'd9', state: 'waiting', online: true, last_seen_ms: NOW }, { id: 'd1', room: d.rooms[0].room, school: d.rooms[0].school, state: 'paired', online: true, last_seen_ms: NOW }, { id: 'd2', room: d.rooms[1].room, school: d.rooms[1].school, state: 'paired', online: false, last_seen_ms: at('10:02') }, { id: 'd4', room: d.rooms[2].room, school: d.rooms[2].school, state: 'revoked', online: false, last_seen_ms: at('08:11') }]), 'GET /api/rooms': rooms(d) })),
    one('admin-pairings', '/admin#pairings', [DESK], admin(d, { 'GET /api/pairings': paged([{ id: 'q1', subject: d.w.music, grade: d.w.grade, teacher: d.teacher, master: { room: { id: 'm1', name: d.w.master }, school: d.urban }, rural: d.rooms.map(({ room, school, kind }) => ({ room, school, kind })) }]) }, { act: add })),
    one('admin-lessons', '/admin#lessons', [DESK], admin(d, { 'GET /api/lessons': paged(d.table({ state: 'live' })) })),
    one('admin-lesson-clash', '/admin#lessons', [DESK], admin(d, {
      'GET /api/lessons': paged(d.table({ state: 'live' })),
      'GET /api/pairings': paged([{ id: 'q1', subject: d.w.music, grade: d.w.grade, teacher: d.teacher, master: { room: { id: 'm1', name: d.w.master }, school: d.urban }, rural: d.rooms.map(({ room, school, kind }) => ({ room, school, kind })) }]),
      'POST /api/lessons': [409, { error: { code: 'clash', clashes: [{ kind: 'teacher', who: d.w.teacher, lesson: 'l1', starts_ms: at('10:20'), ends_ms: at('11:00') }, { kind: 'rural_room', who: `${d.rooms[1].school.name} ${d.rooms[1].room.name}`, lesson: 'l1', starts_ms: at('10:20'), ends_ms: at('11:00') }] } }],
    }, { act: clash })),

    ...planScenes(d, lang, admin, one),

    one('library-empty', '/library', [DESK, PHONE], reader(d, { 'GET /api/library': { ...paged([]), facets: { subject: [], grade: [] } } })),
    one('library-busy', '/library', [DESK, PHONE], reader(d, { 'GET /api/library': shelf(d) })),
    one('library-loading', '/library', [DESK], reader(d, { 'GET /api/library': 'hang' })),
    one('library-fault', '/library', [DESK], reader(d, { 'GET /api/library': 'abort' })),
    one('player', '/library/rec1', [DESK, PHONE], watching(d, recording(d))),
    one('player-growing', '/library/rec1', [DESK], watching(d, recording(d, 'growing'))),
    one('player-gap', '/library/rec1', [DESK, PHONE], watching(d, recording(d, 'kept', true))),
    one('player-troubles', '/library/rec1', [DESK, PHONE], { ...watching(d, troubled(d)), act: troubleShown }),
    one('player-lost', '/library/rec1', [DESK], reader(d, { 'GET /api/library/rec1': { ...recording(d), state: 'lost' } })),
    one('player-gone', '/library/rec9', [DESK], reader(d, {})),
  ];
}

async function signIn(page) {
  await page.fill('[name=user]', 'wang');
  await page.fill('[name=password]', 'no');
  await page.click('[data-act=login]');
  await page.waitForTimeout(400);
}

async function cut(page, scene, far) {
  scene.plan = null;
  scene.closed = true;
  scene.cut();
  await far.evaluate(() => window.hangUp());
  await page.waitForTimeout(5000);
}

async function sample(page) {
  await page.click('[data-act=share]').catch(() => undefined);
  await page.waitForTimeout(500);
  await page.click('[data-act=sample]');
  await page.waitForTimeout(1000);
}

/** Plays for some seconds, and sees that all that plays tells the same time. */
async function watch(page) {
  await page.click('[data-act=play]');
  await page.waitForTimeout(4500);
  const { tracks, time } = await page.evaluate(() => window.__tongke.player);
  for (const track of tracks.filter((each) => !each.in_gap)) {
    const apart = Math.abs(track.time - time);
    if (!track.ready || apart > 60) throw new Error(`${track.kind} of ${track.who} is ${Math.round(apart)} ms off, ready ${track.ready}`);
  }
  await page.keyboard.press('k');
  await page.waitForTimeout(700);
}

/** The marks under the bar, one of them in focus. */
async function troubleShown(page) {
  await page.waitForTimeout(800);
  await page.locator('[data-trouble=weak]').first().focus();
  await page.waitForTimeout(200);
}

async function add(page) {
  await page.click('[data-act=add]');
  await page.waitForTimeout(300);
}

async function clash(page) {
  await add(page);
  await page.focus('[data-act=lesson-pairing]');
  await page.waitForTimeout(400);
  await page.keyboard.press('Enter');
  await page.click('[data-act=save]');
  await page.waitForTimeout(400);
}

/** A device that cannot share its screen. */
function noSharing() {
  navigator.mediaDevices.getDisplayMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));
}
