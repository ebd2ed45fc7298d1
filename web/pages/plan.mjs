//! The calendar's pages in every state: a term as a real school has it, weeks, changes, files, figures.

import { at } from './fixtures.mjs';

const DESK = { width: 1366, height: 768 };
const TALL = { width: 1366, height: 1250 };
const PHONE = { width: 390, height: 844 };
const BOTH = [DESK, PHONE];

const words = {
  zh: {
    term: '2026 秋季学期', last: '2026 春季学期', summer: '夏季作息', winter: '冬季作息', exam: '期中考试', why: '王老师参加市教研活动', edition: '人教版',
    group: '城东学区集团', p1: '第一节', days: '周', file: '期初课表.xlsx', assistant: '周小敏', odd: '单',
  },
  en: {
    term: 'Autumn 2026', last: 'Spring 2026', summer: 'Summer hours', winter: 'Winter hours', exam: 'Mid-term exams', why: 'City teachers\' meeting', edition: 'PEP edition',
    group: 'East group', p1: 'First', days: '', file: 'timetable.xlsx', assistant: 'Zhou Xiaomin', odd: 'odd',
  },
};

const PERIODS = [['08:10', '08:50'], ['09:00', '09:40'], ['10:20', '11:00'], ['11:10', '11:50'], ['14:00', '14:40'], ['14:50', '15:30']];
const periods = PERIODS.map(([start, end], i) => ({ no: i + 1, start, end }));
const paged = (items, total = items.length) => ({ items, total, page: 1, per_page: 20 });
const day = (n) => new Date(Date.parse('2026-11-23T00:00:00Z') + n * 86_400_000).toISOString().slice(0, 10);
const moment = (n, clock) => at(clock) + (n - 3) * 86_400_000;

/** Everything the calendar's pages ask for, of a busy term. */
function calendar(d, lang) {
  const x = words[lang];
  const term = { id: 't1', name: x.term, first_day: '2026-09-01', last_day: '2027-01-15', zone: 'Asia/Shanghai' };
  const rule = (id, date, over = {}) => ({ id, scope: 'region', date, kind: 'holiday', ...over });
  const dates = (from, n) => Array.from({ length: n }, (_, i) => new Date(Date.parse(`${from}T00:00:00Z`) + i * 86_400_000).toISOString().slice(0, 10));
  const rules = [
    ...dates('2026-09-28', 3).map((date, i) => rule(`h${i}`, date)),
    ...dates('2026-10-01', 7).map((date, i) => rule(`n${i}`, date)),
    rule('m1', '2026-10-10', { kind: 'runs_as', weekday: 4, week: 'odd' }),
    rule('m2', '2026-12-26', { kind: 'runs_as', weekday: 5, week: 'own', scope: 'school', school: 's0' }),
    ...dates('2027-01-01', 3).map((date, i) => rule(`y${i}`, date)),
  ];
  const table = (id, name, from, to, over = {}) => ({ id, school: 's0', name, from, to, weekdays: [1, 2, 3, 4, 5], temporary: false, periods, ...over });
  const tables = [
    table('b1', x.summer, '2026-09-01', '2026-10-31'),
    table('b2', x.winter, '2026-11-01', '2027-01-15', { weekdays: [1, 2, 3, 4, 5, 6] }),
    table('b3', x.exam, '2026-11-10', '2026-11-12', { temporary: true, periods: periods.slice(0, 4).map((one) => ({ ...one, name: x.p1 })) }),
  ];
  const pairing = { id: 'q1', subject: d.w.music, grade: d.w.grade, teacher: d.teacher, master: { room: { id: 'm1', name: d.w.master }, school: d.urban }, rural: d.rooms.map(({ room, school, kind }) => ({ room, school, kind })) };
  const clash = (kind, who, name, n, over = {}) => ({ kind, who, name, lessons: [{ date: day(n), subject: d.w.music }, { lesson: 'l9', entry: 'e9', date: day(n), subject: d.w.english }], starts_ms: moment(n, '10:20'), ends_ms: moment(n, '11:00'), ...over });
  const clashes = [
    ...Array.from({ length: 7 }, (_, i) => clash('teacher', 'p1', d.w.teacher, i * 7)),
    clash('rural_room', 'r1', `${d.villages[0].name} ${d.w.r1}`, 2),
    clash('overlap_too_short', 's2', d.villages[1].name, 2, { lessons: [{ date: day(2), subject: d.w.music }] }),
  ];
  return { x, term, rules, tables, pairing, clash, clashes };
}

function week(d, c, over = {}) {
  const ahead = over.ahead ?? 0;
  const lesson = (id, weekday, period, subject, grade, teacher, more = {}, n = weekday + ahead) => ({
    id, entry: `e-${id}`, original: day(n), date: day(n), period, week: 13, unit: 9,
    starts_ms: moment(n, PERIODS[period - 1][0]), ends_ms: moment(n, PERIODS[period - 1][1]),
    state: 'planned', pairing: 'q1', subject, grade, teacher: { id: teacher, name: teacher },
    rooms: [{ id: 'm1', name: d.w.master }, d.rooms[0].room], classes: ['c1'], clashes: [], ...more,
  });
  const { w } = d;
  const lessons = [
    lesson('a', 0, 1, w.english, w.grade4, w.teacher2),
    lesson('b', 0, 3, w.music, w.grade, w.teacher),
    lesson('c', 1, 2, w.art, w.grade5, w.teacher3),
    lesson('d', 1, 3, w.english, w.grade, w.teacher2),
    lesson('e', 2, 1, w.music, w.grade4, w.teacher, { state: 'moved', original: day(3) }),
    lesson('f', 2, 5, w.science, w.grade5, w.teacher3, { state: 'cancelled' }),
    lesson('g', 3, 3, w.music, w.grade, w.teacher, over.clash ? { clashes: [c.clash('teacher', 'p1', w.teacher, 3)] } : {}),
    ...(over.clash ? [lesson('h', 3, 3, w.english, w.grade4, w.teacher, { clashes: [c.clash('teacher', 'p1', w.teacher, 3)] })] : []),
    lesson('i', 4, 2, w.chinese, w.grade, w.teacher3),
    lesson('j', 4, 4, w.music, w.grade5, w.teacher),
  ];
  const days = [0, 1, 2, 3, 4, 5, 6].map((n) => ({ date: day(n + ahead), ...(n < 5 || over.saturday ? { follows: n === 5 ? 4 : n + 1 } : {}), periods: n < 6 ? periods : [] }));
  return { week: 13 + ahead / 7, monday: day(ahead), days, lessons: over.empty ? [] : lessons };
}

/** Next week, and where Monday's third lesson of it may go. */
function inHand(d, c) {
  const lesson = { entry: 'e-b', date: day(7) };
  const there = { '10 3': ['e-g', 10], '11 4': ['e-j', 11], '9 1': ['e-e', 9] };
  const slot = (n, one) => {
    const other = there[`${n} ${one.no}`];
    const act = other === undefined ? { kind: 'move', lesson, to: { date: day(n), period: one.no } } : { kind: 'swap', a: lesson, b: { entry: other[0], date: day(other[1]) } };
    const clashes = n === 9 && one.no === 2 ? [c.clash('teacher', 'p1', d.w.teacher, n), c.clash('rural_room', 'r1', `${d.villages[0].name} ${d.w.r1}`, n)]
      : (n + one.no) % 5 === 0 ? [c.clash('class', 'c1', `${d.urban.name} ${d.w.c1}`, n)] : one.no === 6 && n > 9 ? [c.clash('overlap_too_short', 's2', d.villages[1].name, n)] : [];
    return { date: day(n), period: one, act, over: false, check: { possible: clashes.length === 0, clashes, asks: [] } };
  };
  const slots = [7, 8, 9, 10, 11].flatMap((n) => periods.filter((one) => n !== 7 || one.no !== 3).map((one) => slot(n, one)));
  return { 'GET /api/week': week(d, c, { ahead: 7 }), 'POST /api/changes/slots': slots };
}

const NEEDS = (d, c) => [
  { id: 'nd1', room: 'r1', subject: d.w.music, grade: d.w.grade, edition: c.x.edition, unit: 3, periods: 2, rank: 1, free: [{ weekday: 1, period: 3 }, { weekday: 3, period: 2 }, { weekday: 4, period: 3 }], place: d.rooms[0].room, school: d.villages[0] },
  { id: 'nd2', room: 'r2', subject: d.w.english, grade: d.w.grade4, periods: 3, rank: 2, free: [{ weekday: 2, period: 1 }, { weekday: 4, period: 1 }], place: d.rooms[1].room, school: d.villages[1] },
  { id: 'nd3', room: 'r3', subject: d.w.art, grade: d.w.grade5, periods: 1, rank: 5, free: [{ weekday: 5, period: 6 }], place: d.rooms[2].room, school: d.villages[2], pairing: 'q1' },
];
const SUPPLIES = (d, c) => [
  { id: 'su1', teacher: 'p1', room: 'm1', subject: d.w.music, grade: d.w.grade, edition: c.x.edition, unit: 4, periods: 2, interactive: true, free: [{ weekday: 1, period: 3 }, { weekday: 4, period: 3 }], person: d.teacher, school: d.urban },
  { id: 'su2', teacher: 'p2', room: 'm1', subject: d.w.english, grade: d.w.grade5, periods: 2, interactive: false, free: [{ weekday: 2, period: 1 }], person: { id: 'p2', name: d.w.teacher2 }, school: d.urban },
];

const FIGURES = (d) => [
  { name: d.w.english, planned: 212, delivered: 171, partial: 12, failed: 5, cancelled: 6, open: 18, moved: 9, minutes: 7012 },
  { name: d.w.music, planned: 148, delivered: 120, partial: 6, failed: 0, cancelled: 2, open: 20, moved: 4, minutes: 4920 },
  { name: d.w.art, planned: 96, delivered: 70, partial: 9, failed: 7, cancelled: 0, open: 10, moved: 1, minutes: 2980 },
  { name: d.w.science, planned: 31, delivered: 28, partial: 0, failed: 0, cancelled: 0, open: 3, moved: 0, minutes: 1120 },
];

const DETAILS = (d) => ({
  plan: { from: '2026-09-01', to: '2027-01-15', level: 'city', co_teachers: ['p2'], master_class: null, rural_classes: [{ room: d.rooms[0].room.id, class: 'c1' }] },
  co_teachers: [{ id: 'p2', name: d.w.teacher2 }],
});

const AUDIT = (d) => [
  ['change_made', 'a1', d.w.admin], ['change_consented', 'a2', d.w.admin2], ['change_asked', 'a1', d.w.admin], ['pairing_planned', 'a1', d.w.admin],
  ['day_rules_added', 'a1', d.w.admin], ['entry_added', 'a2', d.w.admin2], ['imported', 'a1', d.w.admin], ['term_added', 'a1', d.w.admin],
].map(([act, id, name], i) => ({ id: `au${i}`, at_ms: at('10:28') - i * 1_740_000, person: { id, name }, act, subject: act === 'day_rules_added' ? '2026-10-10' : 'x' }));

/** Scenes of the calendar; `admin` and `one` are those of the other pages. */
export function planScenes(d, lang, admin, one) {
  const c = calendar(d, lang);
  const base = {
    'GET /api/terms': [{ ...c.term }, { id: 't0', name: c.x.last, first_day: '2026-02-20', last_day: '2026-07-03', zone: 'Asia/Shanghai' }],
    'GET /api/schools': paged([{ ...d.urban, kind: 'urban' }]),
    'GET /api/day-rules': c.rules,
    'GET /api/bell-tables': c.tables,
    'GET /api/classes': paged([{ id: 'c1', name: d.w.c1, grade: d.w.grade, school: d.villages[0] }]),
    'GET /api/entries': paged([{ id: 'e-b', term: 't1', pairing: 'q1', weekday: 1, period: 3, weeks: 'all', subject: d.w.music, grade: d.w.grade, teacher: d.teacher, school: d.urban }, { id: 'e-g', term: 't1', pairing: 'q1', weekday: 4, period: 3, weeks: [1, 2, 3, 4, 5, 6, 8, 10], subject: d.w.music, grade: d.w.grade, teacher: d.teacher, school: d.urban }]),
    'GET /api/pairings': paged([c.pairing]),
    'GET /api/week': week(d, c),
    'GET /api/rooms': paged([{ id: 'm1', name: d.w.master, school: d.urban, kind: 'master', class: d.w.c1, display: { state: 'none' } }]),
    'GET /api/needs': paged(NEEDS(d, c)),
    'GET /api/supplies': paged(SUPPLIES(d, c)),
    'GET /api/feeds': [{ id: 'f1', kind: 'teacher', subject: 'p1', created_ms: at('08:02') - 86_400_000 * 9 }, { id: 'f2', kind: 'school', subject: 's0', created_ms: at('08:40') }],
    'GET /api/figures': FIGURES(d),
    'GET /api/pairings/q1/plan': DETAILS(d),
    'GET /api/audit': paged(AUDIT(d)),
  };
  const page = (name, hash, sizes, api = {}, over = {}) => one(name, `/admin#${hash}`, sizes, admin(d, { ...base, ...api }, over));
  return [...calendarScenes(d, c, page), ...weekScenes(d, c, page), ...officeScenes(d, c, page)];
}

function calendarScenes(d, c, page) {
  const free = [1, 2, 3, 4, 5].flatMap((weekday) => periods.map(({ no }) => {
    const kinds = (weekday + no) % 4 === 0 ? ['teacher'] : (weekday * no) % 7 === 3 ? ['rural_room', 'class'] : no === 6 && weekday > 3 ? ['overlap_too_short'] : [];
    return { weekday, period: no, lessons: 18, free: kinds.length === 0, kinds };
  }));
  const entries = { 'POST /api/entries/free': free, 'POST /api/entries/check': { lessons: 18, clashes: [] } };
  return [
    page('plan-calendar-empty', 'calendar', BOTH, { 'GET /api/terms': [] }),
    page('plan-calendar-busy', 'calendar', [DESK, TALL, PHONE], {}, { act: pickDays }),
    page('plan-calendar-fault', 'calendar', [DESK], { 'POST /api/day-rules': [409, { error: { code: 'two_rules' } }] }, { act: refuseRule }),
    page('plan-bells-empty', 'bells', [DESK], { 'GET /api/bell-tables': [] }),
    page('plan-bells-busy', 'bells', BOTH),
    page('plan-bells-fault', 'bells', [TALL, PHONE], {}, { act: wrongBells }),
    page('plan-pairing-empty', 'pairings', [DESK], { ...entries, 'GET /api/entries': paged([]) }, { act: openPlan }),
    page('plan-pairing-busy', 'pairings', [DESK, PHONE], entries, { act: choosePeriod }),
    page('plan-pairing-details', 'pairings', [TALL, PHONE], entries, { act: openDetails }),
    page('plan-pairing-clash', 'pairings', [TALL, PHONE], { ...entries, 'POST /api/entries/check': { lessons: 18, clashes: c.clashes } }, { act: choosePeriod }),
  ];
}

function weekScenes(d, c, page) {
  const change = (id, act, state, over = {}) => ({ id, term: 't1', act, state, person: { id: 'a1', name: d.w.admin }, at_ms: at('09:40'), why: '', awaits: [], lessons: [{ entry: 'e-b', date: day(0), subject: d.w.music, grade: d.w.grade, school: d.urban }], ...over });
  const move = { kind: 'move', lesson: { entry: 'e-b', date: day(0) }, to: { date: day(2), period: 2 } };
  const changes = [
    change('c1', move, 'asked', { awaits: [d.villages[0]], why: c.x.why }),
    change('c2', { kind: 'swap', a: { entry: 'e-b', date: day(0) }, b: { entry: 'e-g', date: day(3) } }, 'made'),
    change('c3', { kind: 'cancel', lesson: { entry: 'e-g', date: day(3) } }, 'undone', { person: { id: 'a2', name: d.w.admin2 } }),
    change('c4', { kind: 'substitute', lesson: { entry: 'e-g', date: day(10) }, teacher: 'p2' }, 'made'),
  ];
  return [
    page('plan-week-empty', 'week', [DESK], { 'GET /api/week': week(d, c, { empty: true }) }),
    page('plan-week-busy', 'week', BOTH),
    page('plan-week-panel', 'week', [TALL, PHONE], { 'POST /api/changes/check': { possible: true, clashes: [], asks: [d.villages[0]] } }, { act: openLesson }),
    page('plan-week-drag', 'week', [DESK], inHand(d, c), { act: dragLesson }),
    page('plan-week-made', 'week', [DESK], { ...inHand(d, c), 'POST /api/changes': [201, change('c9', { ...move, lesson: { entry: 'e-b', date: day(7) }, to: { date: day(8), period: 4 } }, 'made')] }, { act: dropLesson }),
    page('plan-week-fault', 'week', [DESK], { 'GET /api/week': week(d, c, { clash: true, saturday: true }) }),
    page('plan-week-none', 'week', [DESK], { 'GET /api/week': [404, { error: { code: 'not_found' } }] }),
    page('plan-changes-empty', 'changes', [DESK], { 'GET /api/changes': paged([]) }),
    page('plan-changes-busy', 'changes', BOTH, { 'GET /api/changes': paged(changes) }),
    page('plan-history-empty', 'history', [DESK], { 'GET /api/audit': paged([]) }),
    page('plan-history-busy', 'history', BOTH),
    page('plan-print-busy', 'print', [TALL, PHONE], {}, { act: paper }),
    page('plan-print-class', 'print', [TALL], {}, { act: (p) => paperOf(p, 'class') }),
    page('plan-print-empty', 'print', [DESK], { 'GET /api/week': week(d, c, { empty: true }) }),
  ];
}

function officeScenes(d, c, page) {
  const counts = { committed: false, schools: 2, rooms: 4, teachers: 3, classes: 4, pairings: 3, entries: 6, known: 12, faults: [] };
  const faults = [
    { sheet: 'rooms', row: 4, column: 'school', code: 'unknown', message: 'no such school' },
    { sheet: 'teachers', row: 9, column: 'user', code: 'missing', message: '' },
    { sheet: 'timetable', row: 3, column: '', code: 'clash', message: 'teacher on 2026-09-02' },
  ];
  const proposals = {
    proposals: [{ need: 'nd1', supply: 'su1', periods: [{ weekday: 1, master_period: 3, rural_period: 3 }, { weekday: 4, master_period: 3, rural_period: 2 }], wanted: 2, weight: 20 }],
    rejections: [{ need: 'nd2', nearest: [{ supply: 'su2', obstacles: ['grade', 'no_common_period'] }] }],
  };
  return [
    page('plan-market-empty', 'market', [DESK], { 'GET /api/proposals': { proposals: [], rejections: [] } }),
    page('plan-market-busy', 'market', BOTH, { 'GET /api/proposals': proposals }),
    page('plan-market-need', 'market', [TALL], { 'GET /api/proposals': proposals }, { act: stateNeed }),
    page('plan-market-fault', 'market', [DESK], { 'GET /api/proposals': proposals, 'POST /api/proposals/accept': [409, { error: { code: 'does_not_fit' } }] }, { act: accept }),
    page('plan-exchange-empty', 'exchange', BOTH, { 'GET /api/feeds': [] }),
    page('plan-exchange-clean', 'exchange', [DESK], { 'POST /api/import': counts }, { act: (p) => upload(p, c.x.file) }),
    page('plan-exchange-fault', 'exchange', [DESK, PHONE], { 'POST /api/import': { ...counts, faults } }, { act: (p) => upload(p, c.x.file) }),
    page('plan-exchange-feed', 'exchange', [DESK], { 'GET /api/people': paged([{ id: 'p1', name: d.w.teacher, user: 'wang', role: 'teacher', school: d.urban }]), 'POST /api/feeds': [201, { id: 'f3', kind: 'teacher', subject: 'p1', created_ms: at('10:31'), url: '/api/calendar/4f1c9a7be02d4b58a1f7.ics' }] }, { act: makeFeed }),
    page('plan-figures-empty', 'figures', [DESK], { 'GET /api/figures': [] }),
    page('plan-figures-busy', 'figures', BOTH, {}, { act: bySubject }),
    page('plan-figures-fault', 'figures', [DESK], { 'GET /api/figures': 'abort' }),
  ];
}

async function openDetails(page) {
  await openPlan(page);
  await page.click('[data-act="pair-details"]');
  await page.locator('details [data-room]').first().waitFor();
}

async function pickDays(page) {
  await page.click('[data-day="2026-10-01"]');
  await page.click('[data-day="2026-10-10"]', { modifiers: ['Shift'] });
  await page.check('input[name=act][value=runs_as]', { force: true });
  await page.waitForTimeout(200);
}

async function refuseRule(page) {
  await page.click('[data-day="2026-10-10"]');
  await page.click('aside [data-act=save]');
  await page.waitForTimeout(300);
}

async function wrongBells(page) {
  await page.click('[data-act=add]');
  await page.fill('[name=start-1]', '08:30');
  await page.fill('[name=end-3]', '07:50');
  await page.waitForTimeout(200);
}

async function openPlan(page) {
  await page.click('[data-act=plan]');
  await page.waitForTimeout(500);
}

async function choosePeriod(page) {
  await openPlan(page);
  await page.click('[data-period="2-1"]');
  await page.waitForTimeout(600);
}

async function openLesson(page) {
  await page.click('[data-lesson=b]');
  await page.waitForTimeout(300);
  await page.selectOption('aside [name=period]', '2');
  await page.waitForTimeout(500);
}

/** Where something is, once it is drawn and stays. */
async function boxOf(locator) {
  await locator.waitFor();
  for (let tries = 0; tries < 40; tries += 1) {
    const box = await locator.boundingBox();
    if (box !== null) return box;
    await locator.page().waitForTimeout(50);
  }
  throw new Error('nothing is drawn');
}

/** Takes Monday's third lesson of next week to the column and row of others. */
async function takeUp(page, column, row) {
  await page.click('[data-act="week-after"]');
  const [from, x, y] = [await boxOf(page.locator('[data-lesson=b]')), await boxOf(page.locator(column)), await boxOf(page.locator(row))];
  await page.mouse.move(from.x + 40, from.y + 12);
  await page.mouse.down();
  await page.mouse.move(from.x + 60, from.y + 20, { steps: 4 });
  await page.mouse.move(x.x + 40, y.y + 12, { steps: 8 });
  await page.waitForTimeout(500);
}

async function dragLesson(page) {
  await takeUp(page, '[data-lesson=e]', '[data-lesson=c]');
}

async function dropLesson(page) {
  await takeUp(page, '[data-lesson=c]', '[data-lesson=j]');
  await page.mouse.up();
  await page.locator('[data-act=made]').waitFor();
}

async function paper(page) {
  await page.locator('.paper').first().waitFor();
}

async function stateNeed(page) {
  await page.check('input[name=market][value=needs]', { force: true });
  await page.click('[data-act=add]');
  await page.waitForTimeout(300);
}

async function accept(page) {
  await page.click('[data-act=accept]');
  await page.waitForTimeout(400);
}

async function upload(page, name) {
  await page.setInputFiles('input[type=file]', { name, mimeType: 'application/octet-stream', buffer: Buffer.from('PK') });
  await page.waitForTimeout(500);
}

async function makeFeed(page) {
  await page.click('[data-act=feed-subject]');
  await page.waitForTimeout(400);
  await page.keyboard.press('Enter');
  await page.click('[data-act=feed-make]');
  await page.waitForTimeout(400);
}

async function bySubject(page) {
  await page.check('input[name=by][value=subject]', { force: true });
  await page.waitForTimeout(400);
}
