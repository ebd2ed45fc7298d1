//! Renders every page in every state and language as pictures into out/pages, and fails on what a picture must not
//! show. `npm run pages [-- word]` renders only scenes whose name holds the word.

import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DEVICES, launch } from './browser.mjs';
import { check } from './checks.mjs';
import { films, project } from './films.mjs';
import { farPage } from './media.mjs';
import { play } from './mock.mjs';
import { scenes } from './scenes.mjs';
import { serve } from './server.mjs';

const here = import.meta.dirname;
const out = join(here, '../out/pages');
const wanted = process.argv[2] ?? '';
const langs = (process.env.LANGS ?? 'zh,en').split(',');
const LANES = 3;

if (wanted === '') await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const words = (file) => readFile(join(here, '../src/words', file), 'utf8');
const catalogue = (await words('en.ts')) + (await words('plan/en.ts'));
const keys = new Set([...catalogue.matchAll(/^ {2}'([\w.]+)':/gm)].map((match) => match[1]));

const server = await serve(join(here, '../dist'));
const share = '--auto-select-desktop-capture-source=Entire screen';
const withDevices = await launch([...DEVICES, share]);
const without = await launch();
const far = await farPage(withDevices);
const farWithout = await farPage(without);
/** Made once, when the first scene asks for them. */
const reels = {};
let pictures = 0;
const failures = [];

/** Runs in the page: it is in the lesson and every picture has come. */
function pictured() {
  const waits = [...document.querySelectorAll('video[data-slot]')].some((video) => video.readyState < 2);
  return window.__tongke?.state.phase === 'live' && !waits;
}

/** Pictures of one scene in one language, in all its sizes. */
async function picture(lang, { name, path, sizes, scene, devices = true }) {
  const browser = devices ? withDevices : without;
  const theFar = devices ? far : farWithout;
  const context = await browser.newContext({ viewport: sizes[0], timezoneId: 'Asia/Shanghai', locale: 'zh-CN', reducedMotion: 'reduce' });
  const page = await context.newPage();
  const id = `${name}.${lang}`;
  page.on('pageerror', (error) => failures.push(`${id}: script error: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(text)) failures.push(`${id}: console: ${text}`);
  });
  page.setDefaultTimeout(10_000);
  if (scene.init) await page.addInitScript(scene.init);
  await play(page, scene, theFar);
  if (scene.films) await project(page, (reels[lang] ??= await films(theFar, scene.films)));
  const url = new URL(path + (scene.fragment ?? ''), server.url);
  url.searchParams.set('lang', lang);
  await page.goto(url.href);
  if (scene.plan) await page.waitForFunction(pictured, null, { timeout: 15_000 }).catch(() => failures.push(`${id}: no live pictures`));
  await page.waitForTimeout(scene.wait);
  await scene.act?.(page, scene, theFar).catch((error) => failures.push(`${id}: ${String(error).split('\n')[0]}`));
  for (const [i, size] of sizes.entries()) {
    if (i > 0) {
      await page.setViewportSize(size);
      await page.waitForTimeout(300);
    }
    const shot = `${id}.${size.width}`;
    await page.screenshot({ path: join(out, `${shot}.png`) });
    pictures += 1;
    for (const fault of await check(page, lang, keys, i === 0)) failures.push(`${shot}: ${fault}`);
  }
  await context.close();
}

/** Scenes with live media share the far end, and what they play is measured: they come one by one, with nothing beside. */
const alone = ({ scene }) => Boolean(scene.plan || scene.films);
const all = langs.flatMap((lang) => scenes(lang).filter(({ name }) => name.includes(wanted)).map((one) => [lang, one]));

/** The others wait for the page more than they work: several side by side. */
const still = all.filter(([, one]) => !alone(one));
async function lane() {
  for (let next = still.shift(); next !== undefined; next = still.shift()) await picture(...next);
}
await Promise.all(Array.from({ length: LANES }, lane));

for (const [lang, one] of all.filter(([, one]) => alone(one))) {
  await picture(lang, one);
  await (one.devices === false ? farWithout : far).evaluate(() => window.hangUp());
}

await withDevices.close();
await without.close();
server.close();
console.log(`${pictures} pictures in ${out}`);
for (const failure of new Set(failures)) console.error(failure);
process.exitCode = failures.length > 0 ? 1 : 0;
