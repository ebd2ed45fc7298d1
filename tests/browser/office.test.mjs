// A district from nothing, as an administrator makes it: every form by hand, a display paired by its
// code, a lesson that clashes, a display taken out.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { chromiumSeat } from './lib/browsers.mjs';
import { OUT_DIR } from './lib/places.mjs';
import { startServe } from './lib/product.mjs';
import { until } from './lib/wait.mjs';

const say = (text) => console.log(`# ${text}`);
const TOWN = '实验小学';
const VILLAGE = '东沟村小';
/** The district lies where it is about noon, so that the lesson is today's, and not where this machine lies. */
const EAST_H = 12 - new Date().getUTCHours();
const OFFSET = `${EAST_H < 0 ? '-' : '+'}${String(Math.abs(EAST_H)).padStart(2, '0')}:00`;

/** The administrator's hands: everything by what is written on the page. */
function office(page) {
  const foot = '.form [data-act="save"]';
  const hands = {
    async part(name) {
      await page.click(`[data-act="part-${name}"]`);
      await page.waitForSelector(`[data-act="part-${name}"][aria-current="page"]`);
    },
    /** Opens the form, fills it, sends it, and waits until it closes and the row is there. */
    async add(fill, row) {
      await page.click('[data-act="add"]');
      await fill();
      await page.click(foot);
      await page.waitForSelector(foot, { state: 'detached' });
      await page.locator('tbody tr', { hasText: row }).first().waitFor();
    },
    field: (name, text) => page.fill(`.form [name="${name}"]`, text),
    async pick(act, text) {
      await page.click(`[data-act="${act}"]`);
      await page.keyboard.type(text);
      await page.locator('[role="option"] button', { hasText: text }).first().click();
    },
    alert: (scope = 'main') => page.locator(`${scope} [role="alert"]`),
  };
  return hands;
}

async function makeDistrict(page, hands) {
  await hands.part('schools');
  for (const [name, kind] of [[TOWN, 'urban'], [VILLAGE, 'village']]) {
    await hands.add(async () => {
      await hands.field('name', name);
      await page.selectOption('.form select', kind);
    }, name);
  }
  await hands.part('rooms');
  await page.click('[data-act="add"]');
  await hands.field('name', 'A room of no school');
  await page.click('.form [data-act="save"]');
  await page.locator('.form .picker [role="alert"]').waitFor();
  await page.click('[data-act="add"]');
  for (const [school, name, kind, klass] of [[TOWN, '录播教室', 'master', ''], [VILLAGE, '三年级教室', 'interactive', '三(1)班']]) {
    await hands.add(async () => {
      await hands.pick('room-school', school);
      await hands.field('name', name);
      await page.selectOption('.form select', kind);
      await hands.field('class', klass);
    }, name);
  }
  await hands.part('people');
  await hands.add(async () => {
    await hands.field('name', '王老师');
    await hands.field('user', 'wang');
    await hands.field('password', 'music lesson');
    await hands.pick('person-school', TOWN);
  }, '王老师');
  await hands.part('pairings');
  await hands.add(async () => {
    await hands.field('subject', '音乐');
    await hands.field('grade', '三年级');
    await hands.pick('pair-teacher', '王老师');
    await hands.pick('pair-master', '录播教室');
    await hands.pick('pair-rural', '三年级教室');
  }, '音乐');
}

async function pairDisplay(page, hands, display) {
  const shown = display.locator('[data-code]');
  await shown.waitFor();
  const code = await shown.getAttribute('data-code');
  assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
  await hands.part('displays');
  await page.locator('tbody tr', { hasText: '等待' }).first().waitFor();
  const confirm = async (typed) => {
    await page.fill('[data-act="code"]', typed);
    await page.click('main section form [data-act="save"]');
  };
  // A code that no display shows: one letter is another one.
  await hands.pick('code-room', VILLAGE);
  await confirm(`${code.slice(0, -1)}${code.endsWith('7') ? '8' : '7'}`);
  const refused = hands.alert('main section');
  await refused.first().waitFor();
  const words = (await refused.allInnerTexts()).join(' ');
  say(`a wrong code: ${words}`);
  assert.match(words, /配对码/);
  assert.doesNotMatch(words, /[a-z]{3}/, 'in words, without a code of ours');
  await confirm(code);
  await page.locator('main section [role="status"]').waitFor();
  await display.locator('h1', { hasText: VILLAGE }).waitFor();
  await page.locator('tbody tr', { hasText: '三年级教室' }).first().waitFor();
}

test('a district made by hand', { timeout: 120_000 }, async (t) => {
  const began = Date.now();
  const server = await startServe('office', `utc_offset = "${OFFSET}"\n[lesson]\nadmits_before_s = 5`);
  t.after(server.stop);
  const seat = await chromiumSeat('room1', { size: { width: 1366, height: 768 } });
  const device = await seat.browser.newContext({ viewport: { width: 1366, height: 768 }, locale: 'zh-CN' });
  t.after(async () => {
    if (t.passed === false) {
      console.log(`# the office said: ${seat.problems.join(' | ')}; the server: ${server.logTail()}`);
      await seat.page.screenshot({ path: join(OUT_DIR, 'office-failed.png') }).catch(() => undefined);
    }
    await seat.close();
  });
  const { page } = seat;
  page.setDefaultTimeout(10_000);
  const display = await device.newPage();
  display.setDefaultTimeout(15_000);
  const hands = office(page);

  await t.test('the first person signs in', async () => {
    await seat.open(`${server.base_url}/login`);
    await page.fill('[name="user"]', server.admin.user);
    await page.fill('[name="password"]', 'not this one');
    await page.click('[data-act="login"]');
    await hands.alert().first().waitFor();
    await page.fill('[name="password"]', server.admin.password);
    await page.click('[data-act="login"]');
    await page.waitForURL('**/admin');
  });

  await t.test('schools, rooms, a teacher and a pairing by form', () => makeDistrict(page, hands));

  await t.test('a new device shows a code, and the room’s table once that is confirmed', async () => {
    await display.goto(`${server.base_url}/display`);
    await pairDisplay(page, hands, display);
    await display.locator('h2').first().waitFor();
  });

  await t.test('a lesson is on the display as soon as it is planned', async () => {
    await hands.part('lessons');
    await hands.add(async () => {
      await hands.pick('lesson-pairing', '音乐');
      await hands.field('unit', '第五课');
      await page.selectOption('.form [name="minutes"]', '40');
    }, '音乐');
    const planned_ms = Date.now();
    await display.locator('h2', { hasText: '音乐' }).waitFor();
    say(`on the display ${Date.now() - planned_ms} ms after its row`);
    const begins = await display.locator('footer li time').first().innerText();
    const [hour] = begins.split(':').map(Number);
    assert.ok([12, 13].includes(hour), `${begins} is the district's noon, wherever the devices believe to be`);
    assert.equal(begins, (await page.locator('tbody tr td b').first().innerText()), 'the same time on both pages');
  });

  await t.test('a second lesson at that time is refused with every reason', async () => {
    await page.click('[data-act="add"]');
    await hands.pick('lesson-pairing', '音乐');
    await page.click('.form [data-act="save"]');
    const reasons = page.locator('.form [role="alert"] li');
    await reasons.first().waitFor();
    const texts = await reasons.allInnerTexts();
    say(`refused: ${texts.join('; ')}`);
    assert.equal(texts.length, 3, 'teacher, master room, rural room');
    for (const who of ['王老师', '录播教室', '三年级教室']) {
      assert.ok(texts.some((text) => text.includes(who)), `${who} is named`);
    }
  });

  await t.test('a display that is taken out asks to be paired again', async () => {
    await hands.part('displays');
    const row = page.locator('tbody tr', { hasText: '三年级教室' }).first();
    await row.locator('button').click();
    await row.locator('button').click();
    const revoked_ms = Date.now();
    await display.locator('[data-code]').waitFor();
    say(`back to a code ${Date.now() - revoked_ms} ms after it was taken out`);
    assert.ok(Date.now() - revoked_ms < 5000, 'within seconds');
  });

  await t.test('an office whose sign-in has ended asks for it where it is', async () => {
    await seat.evaluate(() => fetch('/api/logout', { method: 'POST' }));
    await page.click('[data-act="part-schools"]');
    await page.fill('[name="user"]', server.admin.user);
    await page.fill('[name="password"]', server.admin.password);
    await page.click('[data-act="login"]');
    await page.locator('tbody tr', { hasText: VILLAGE }).first().waitFor();
  });

  await until('nothing was thrown', () => seat.problems.every((one) => !one.startsWith('thrown')), 100);
  say(`whole: ${((Date.now() - began) / 1000).toFixed(1)} s`);
});
