// A term as an administrator plans it: dates, holidays and a day that runs as another, bell tables, two
// pairings that clash and are mended, a lesson dragged and put back, a workbook with faults.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { chromiumSeat } from './lib/browsers.mjs';
import { FOREIGN_DIR, OUT_DIR, PYTHON } from './lib/places.mjs';
import { startServe } from './lib/product.mjs';
import { until } from './lib/wait.mjs';
import { workbook } from './lib/workbook.mjs';

const say = (text) => console.log(`# ${text}`);
const TOWN = '实验小学';
const VILLAGE = '东沟村小';
const DAY_MS = 86_400_000;
const dayAt = (ms) => new Date(ms).toISOString().slice(0, 10);
const after = (day, n) => dayAt(Date.parse(`${day}T00:00:00Z`) + n * DAY_MS);
/** Monday of this week in the district's time, which is China's here. */
const MONDAY = (() => {
  const now_ms = Date.now() + 8 * 3_600_000;
  return dayAt(now_ms - ((new Date(now_ms).getUTCDay() + 6) % 7) * DAY_MS);
})();
const TERM = { first: MONDAY, last: after(MONDAY, 16 * 7 + 4) };
/** The second week from now: Thursday and Friday off, and the third week's Saturday runs as Thursday. */
const OFF = [after(MONDAY, 14 + 3), after(MONDAY, 14 + 4)];
const SATURDAY = after(MONDAY, 21 + 5);
const PERIODS = [['08:10', '08:50'], ['09:00', '09:40'], ['10:20', '11:00'], ['14:00', '14:40']];

/** What a calendar program makes of a feed. */
async function readFeed(...options) {
  const { stdout } = await promisify(execFile)(PYTHON, [join(FOREIGN_DIR, 'feed_read.py'), ...options]);
  return JSON.parse(stdout);
}

/** The administrator's hands: everything by what is written on the page. */
function office(page) {
  return {
    async part(name) {
      await page.click(`[data-act="part-${name}"]`);
      await page.waitForSelector(`[data-act="part-${name}"][aria-current="page"]`);
    },
    async pick(act, text) {
      await page.click(`[data-act="${act}"]`);
      await page.keyboard.type(text);
      await page.locator('[role="option"] button', { hasText: text }).first().click();
    },
    /** The page's own sign-in, for what other tests do by hand. */
    api: (method, path, body) =>
      page.evaluate(async ([way, where, what]) => {
        const answer = await fetch(where, { method: way, headers: what ? { 'content-type': 'application/json' } : {}, body: what ? JSON.stringify(what) : undefined });
        const text = await answer.text();
        if (!answer.ok) throw new Error(`${way} ${where}: ${answer.status} ${text}`);
        return text === '' ? null : JSON.parse(text);
      }, [method, path, body]),
  };
}

/** Schools, rooms and people: how they are made by hand is another test's matter. */
async function district(hands) {
  const made = {};
  for (const [key, name, kind] of [['town', TOWN, 'urban'], ['village', VILLAGE, 'village']]) {
    made[key] = await hands.api('POST', '/api/schools', { name, kind, group: null });
  }
  const room = (school, name, kind) => hands.api('POST', '/api/rooms', { school: made[school].id, name, kind, class: null });
  made.master = await room('town', '录播教室', 'master');
  made.second = await room('town', '第二录播', 'master');
  made.near = await room('village', '三年级教室', 'interactive');
  made.far = await room('village', '四年级教室', 'interactive');
  made.teacher = await hands.api('POST', '/api/people', { name: '王老师', user: 'wang', password: 'music lesson', role: 'teacher', school: made.town.id });
  return made;
}

async function addPairing(page, hands, { subject, master, rural }) {
  await hands.part('pairings');
  await page.click('[data-act="add"]');
  await page.fill('.form [name="subject"]', subject);
  await page.fill('.form [name="grade"]', '三年级');
  await hands.pick('pair-teacher', '王老师');
  await hands.pick('pair-master', master);
  await hands.pick('pair-rural', rural);
  await page.locator('.form [data-act="save"]').first().click();
  await page.locator('.entries', { hasText: subject }).waitFor();
}

const choosePeriod = (page, weekday, period) => page.click(`.entries [data-period="${weekday}-${period}"]`);

async function savePeriod(page) {
  const before = await page.locator('.entries li').count();
  await page.click('.entries [data-act="save"]');
  await until('the line is there', async () => (await page.locator('.entries li').count()) > before, 5_000, 30);
}

test('a term planned by hand', { timeout: 120_000 }, async (t) => {
  const began = Date.now();
  const server = await startServe('calendar', 'utc_offset = "+08:00"');
  t.after(server.stop);
  const seat = await chromiumSeat('room1', { size: { width: 1366, height: 900 } });
  const { page } = seat;
  t.after(async () => {
    if (t.passed === false) {
      console.log(`# the office said: ${seat.problems.join(' | ')}; the server: ${server.logTail()}`);
      await page.screenshot({ path: join(OUT_DIR, 'calendar-failed.png') }).catch(() => undefined);
    }
    await seat.close();
  });
  page.setDefaultTimeout(10_000);
  const hands = office(page);
  let made;

  await t.test('a term begins with its dates', async () => {
    await seat.open(`${server.base_url}/admin`);
    await page.fill('[name="user"]', server.admin.user);
    await page.fill('[name="password"]', server.admin.password);
    await page.click('[data-act="login"]');
    await page.waitForSelector('[data-act="part-calendar"]');
    made = await district(hands);
    await hands.part('calendar');
    await page.fill('[name="name"]', '测试学期');
    await page.fill('[name="first"]', TERM.first);
    await page.fill('[name="last"]', TERM.last);
    await page.click('[data-act="save"]');
    await page.locator(`[data-day="${TERM.last}"]`).waitFor();
  });

  await t.test('holidays and a day that runs as another are entered weeks ahead', async () => {
    await page.click(`[data-day="${OFF[0]}"]`);
    await page.click(`[data-day="${OFF[1]}"]`, { modifiers: ['Shift'] });
    await page.click('aside [data-act="save"]');
    await page.locator(`[data-day="${OFF[1]}"][data-rule="holiday"]`).waitFor();
    await page.click(`[data-day="${SATURDAY}"]`);
    await page.check('aside [name="act"][value="runs_as"]', { force: true });
    await page.selectOption('aside [name="weekday"]', '4');
    await page.click('aside [data-act="save"]');
    const saturday = page.locator(`[data-day="${SATURDAY}"][data-rule="runs_as"]`);
    await saturday.waitFor();
    say(`the Saturday says: ${await saturday.getAttribute('aria-label')}`);
    // The same day again is refused in words, and nothing changes.
    await page.click('aside [data-act="save"]');
    await page.locator('aside [role="alert"]').first().waitFor();
    assert.equal(await page.locator('[data-rule]').count(), 3);
    // With the keyboard: one day on, and back.
    await saturday.focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.evaluate(() => document.activeElement.dataset.day), after(SATURDAY, 1));
  });

  await t.test('a bell table names its faults and is saved once they are mended', async () => {
    await hands.part('bells');
    await hands.pick('place-school', TOWN);
    await page.click('[data-act="add"]');
    await page.fill('.form [name="name"]', '冬季作息');
    await page.check('.form fieldset input[value="6"]');
    await page.fill('[name="start-1"]', '08:30');
    await page.locator('[data-row="1"] [role="alert"]').waitFor();
    say(`the bell table says: ${await page.locator('[data-row="1"] [role="alert"]').innerText()}`);
    assert.ok(await page.locator('.form [data-act="save"]').isDisabled(), 'nothing is saved with a fault');
    await page.fill('[name="start-1"]', '08:50');
    await page.click('.form [data-act="save"]');
    await page.locator('section', { hasText: '冬季作息' }).first().waitFor();
    for (const one of await hands.api('GET', `/api/bell-tables?school=${made.town.id}`)) await hands.api('DELETE', `/api/bell-tables/${one.id}`);
    const periods = PERIODS.map(([start, end], i) => ({ no: i + 1, start, end }));
    for (const school of [made.town.id, made.village.id]) {
      await hands.api('POST', '/api/bell-tables', { school, name: '冬季作息', from: TERM.first, to: TERM.last, weekdays: [1, 2, 3, 4, 5, 6], temporary: false, periods });
    }
  });

  await t.test('a pairing takes a free period', async () => {
    await addPairing(page, hands, { subject: '音乐', master: '录播教室', rural: '三年级教室' });
    await choosePeriod(page, 4, 3);
    await page.locator('.verdict .ready').waitFor();
    say(`offered: ${await page.locator('.verdict').innerText()}`);
    await savePeriod(page);
  });

  await t.test('a second pairing of that teacher clashes by name, and is mended', async () => {
    await page.click('[data-act="plan-close"]');
    await addPairing(page, hands, { subject: '美术', master: '第二录播', rural: '四年级教室' });
    await choosePeriod(page, 4, 3);
    const clash = page.locator('.verdict [data-clash="teacher"]');
    await clash.waitFor();
    say(`in the way: ${(await clash.innerText()).replace(/\s+/g, ' ')}`);
    assert.match(await clash.innerText(), /王老师/);
    await choosePeriod(page, 4, 4);
    await page.locator('.verdict .ready').waitFor();
    await savePeriod(page);
    const entries = await hands.api('GET', '/api/entries');
    assert.deepEqual(entries.items.map((one) => `${one.subject} ${one.weekday} ${one.period}`).sort(), ['美术 4 4', '音乐 4 3']);
  });

  const weekOf = (date) => hands.api('GET', `/api/week?date=${date}&school=${made.town.id}`);
  const music = (week) => week.lessons.find((lesson) => lesson.subject === '音乐');
  const NEXT = after(MONDAY, 7);

  await t.test('a lesson is dragged to another day, clashes are shown on the way, and it is put back', async () => {
    await hands.part('week');
    await page.locator('[data-lesson]').first().waitFor();
    await page.click('[data-act="week-after"]');
    const lesson = music(await weekOf(NEXT));
    const event = page.locator(`[data-lesson="${lesson.id}"]`);
    await event.waitFor();
    const [from, taken, to] = await Promise.all([event, page.locator(`[data-period="${after(NEXT, 3)} 4"]`), page.locator(`[data-period="${after(NEXT, 4)} 2"]`)].map((one) => one.boundingBox()));
    const grip = { x: from.x + 30, y: from.y + 10 };
    await page.mouse.move(grip.x, grip.y);
    await page.mouse.down();
    await page.mouse.move(grip.x + 4, grip.y + 6, { steps: 3 });
    // Over the other lesson of the same teacher first: a swap is what it would mean.
    await page.mouse.move(taken.x + 30, taken.y + 10, { steps: 6 });
    await page.locator('.verdict [data-verdict="free"], .verdict [data-verdict="clash"]').first().waitFor();
    say(`on the way: ${(await page.locator('.verdict').first().innerText()).replace(/\s+/g, ' ')}`);
    assert.equal(music(await weekOf(NEXT)).state, 'planned', 'nothing happens before it is let go');
    await page.mouse.move(to.x + 30, to.y + 10, { steps: 6 });
    await page.locator('.verdict [data-verdict="free"]').first().waitFor();
    await page.mouse.up();
    const let_go_ms = Date.now();
    await page.locator('[data-act="made"]').waitFor();
    say(`made ${Date.now() - let_go_ms} ms after it was let go`);
    const moved = music(await weekOf(NEXT));
    assert.deepEqual([moved.date, moved.period, moved.state], [after(NEXT, 4), 2, 'moved']);
    await page.click('[data-act="undo"]');
    await page.locator('[data-act="made"]').waitFor({ state: 'detached' });
    const back = music(await weekOf(NEXT));
    assert.deepEqual([back.date, back.period, back.state], [after(NEXT, 3), 3, 'planned']);
  });

  await t.test('the same by keyboard', async () => {
    const lesson = music(await weekOf(NEXT));
    await page.locator(`[data-lesson="${lesson.id}"]`).focus();
    await page.keyboard.press('Enter');
    await page.fill('[data-panel] [name="date"]', after(NEXT, 1));
    await page.selectOption('[data-panel] [name="period"]', '1');
    await page.locator('[data-panel] [data-verdict="free"]').waitFor();
    await page.keyboard.press('Tab');
    await page.locator('[data-panel] [data-act="change"]').press('Enter');
    await page.locator('[data-act="made"]').waitFor();
    const moved = music(await weekOf(NEXT));
    assert.deepEqual([moved.date, moved.period], [after(NEXT, 1), 1]);
    await hands.part('changes');
    await page.locator('tbody tr').first().waitFor();
    assert.equal(await page.locator('tbody tr').count(), 2, 'the one that was undone stays in the list');
    await page.locator('tbody [data-act="undo"]').first().click();
    await until('it is back', async () => music(await weekOf(NEXT)).date === after(NEXT, 3), 5_000, 50);
  });

  await t.test('no lesson on the holiday, and the Saturday has those of Thursday', async () => {
    assert.equal((await weekOf(OFF[0])).lessons.length, 0);
    const saturday = (await weekOf(SATURDAY)).lessons.filter((lesson) => lesson.date === SATURDAY);
    assert.deepEqual(saturday.map((lesson) => lesson.subject), ['音乐', '美术']);
    await hands.part('week');
    for (let i = 0; i < 3; i += 1) await page.click('[data-act="week-after"]');
    await page.locator(`[data-lesson="${saturday[0].id}"]`).waitFor();
  });

  await t.test('a pairing gets an assistant and a class', async () => {
    const helper = await hands.api('POST', '/api/people', { name: '赵老师', user: 'zhao', password: 'music lesson', role: 'teacher', school: made.village.id });
    const pupils = await hands.api('POST', '/api/classes', { school: made.village.id, name: '1班', grade: '三年级' });
    await hands.part('pairings');
    await page.locator('tr', { hasText: '音乐' }).locator('[data-act="plan"]').click();
    await page.click('[data-act="pair-details"]');
    await hands.pick('pair-helper', '赵老师');
    await page.selectOption(`details [data-room="${made.near.id}"]`, pupils.id);
    await page.click('details [data-act="save"]');
    await page.locator('details .ready').waitFor();
    const { id } = (await hands.api('GET', '/api/pairings?q=音乐')).items[0];
    const { plan } = await hands.api('GET', `/api/pairings/${id}/plan`);
    assert.deepEqual([plan.co_teachers, plan.rural_classes], [[helper.id], [{ room: made.near.id, class: pupils.id }]]);
    // Whoever assists is taken at that time, and everything that was done is on record.
    const week = (await hands.api('GET', `/api/week?date=${NEXT}&teacher=${helper.id}`)).lessons;
    assert.deepEqual(week.map((lesson) => lesson.subject), ['音乐']);
    await hands.part('history');
    const acts = page.locator('tbody tr');
    await acts.first().waitFor();
    say(`on record: ${(await acts.first().innerText()).replace(/\s+/g, ' ')}`);
    assert.match(await acts.first().innerText(), /助教/);
  });

  await t.test('a calendar program reads the feed of the school, and sees a change', async () => {
    const feed = await hands.api('POST', '/api/feeds', { kind: 'school', subject: made.town.id });
    const url = `${server.base_url}${feed.url}`;
    const before = await readFeed(url);
    assert.deepEqual(before.faults, []);
    const music = before.events.filter((event) => event.summary.startsWith('音乐'));
    const off = [...OFF].map((day) => `${day}T`);
    assert.ok(music.length > 10 && !music.some((event) => off.some((day) => event.starts.startsWith(day))), 'none on a holiday');
    assert.ok(music.some((event) => event.starts.startsWith(`${SATURDAY}T02:20`)), `the Saturday, in UTC: ${music.map((event) => event.starts)}`);
    assert.equal((await readFeed(url, before.etag)).status, 304);
    const lesson = (await weekOf(NEXT)).lessons.find((one) => one.subject === '音乐');
    const term = (await hands.api('GET', '/api/terms'))[0].id;
    await hands.api('POST', '/api/changes', { term, why: '', act: { kind: 'cancel', lesson: { entry: lesson.entry, date: lesson.original } } });
    const after = await readFeed(url);
    const [was, is] = [before, after].map((read) => read.events.find((event) => event.uid === lesson.id));
    assert.deepEqual([was.status, is.status], ['CONFIRMED', 'CANCELLED']);
    assert.ok(is.sequence > was.sequence);
    say(`${after.events.length} events, ${is.uid} from SEQUENCE ${was.sequence} to ${is.sequence}`);
  });

  await t.test('a workbook with three faults is told each, mended, and written as a whole', async () => {
    await hands.part('exchange');
    const sheets = (mended) => ({
      schools: [['name', 'kind', 'group'], ['西岭村小', '村小', '']],
      rooms: [['school', 'name', 'kind', 'class'], [mended ? '西岭村小' : '西岭小', '多媒体', 'interactive', ''], ['西岭村小', mended ? '二年级教室' : '', 'interactive', '']],
      teachers: [['school', 'name', 'user'], [TOWN, mended ? '李老师' : '', 'li']],
    });
    const put = (mended) => page.setInputFiles('input[type="file"]', { name: '期初.xlsx', mimeType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', buffer: workbook(sheets(mended)) });
    await put(false);
    await page.locator('[data-import="faults"]').waitFor();
    const rows = await page.locator('[data-import] tbody tr').allInnerTexts();
    say(`faults: ${rows.map((row) => row.replace(/\s+/g, ' ')).join('; ')}`);
    assert.equal(rows.length, 3);
    assert.match(rows[0], /教室\s+2\s+学校/);
    assert.match(rows[1], /教室\s+3\s+教室/);
    assert.match(rows[2], /教师\s+2\s+姓名/);
    assert.equal((await hands.api('GET', '/api/schools?q=西岭')).total, 0, 'nothing half written');
    await put(true);
    await page.locator('[data-import="clean"]').waitFor();
    await page.click('[data-act="import-commit"]');
    await page.locator('[data-import="done"]').waitFor();
    assert.equal((await hands.api('GET', '/api/rooms?q=多媒体')).total, 1);
  });

  assert.deepEqual(seat.problems.filter((one) => one.startsWith('thrown')), []);
  say(`whole: ${((Date.now() - began) / 1000).toFixed(1)} s`);
});
