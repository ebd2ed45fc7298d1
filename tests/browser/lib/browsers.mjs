// Browsers as people and rooms use them: one process per seat, because a fake camera and a fake
// microphone are a process's, not a page's.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { cameraClip, microphoneClip, CAST } from './clips.mjs';
import { LOOK } from './look.mjs';
import { SLIDES_TITLE } from './slides.mjs';

const CHROMIUM = '/usr/bin/chromium';
const FIREFOX = '/usr/bin/firefox-esr';

/** The flags of a display's PC as the README gives them, and what a machine without a screen needs. */
const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

function mustExist(path) {
  if (!existsSync(path)) throw new Error(`${path} is missing: tests/all installs it`);
}

/**
 * Starts a Chromium in which one of the cast sits. `shares` lets it share the tab of the slides
 * without a dialog; `camera` is a size of clips.mjs. Returns `{ page, open(url), close(), stop(), go() }`.
 */
export async function chromiumSeat(who, { shares = false, init = [], camera, size = { width: 1280, height: 720 } } = {}) {
  mustExist(CHROMIUM);
  const flags = [...CHROMIUM_FLAGS];
  if (who) {
    flags.push(
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-video-capture=${cameraClip(who, camera)}`,
      `--use-file-for-fake-audio-capture=${microphoneClip(who)}`,
    );
  }
  // With the fake permission dialog a shared screen is a stand-in too; a tab chosen by its title
  // is a real capture, and then permissions are granted to the context instead.
  flags.push(
    shares ? `--auto-select-tab-capture-source-by-title=${SLIDES_TITLE}` : '--use-fake-ui-for-media-stream',
  );
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: flags,
    ignoreDefaultArgs: ['--mute-audio'],
  });
  const context = await browser.newContext({ viewport: size, locale: 'zh-CN' });
  if (shares) await context.grantPermissions(['camera', 'microphone']);
  for (const content of [LOOK, ...init]) await context.addInitScript({ content });
  const page = await context.newPage();
  const problems = watchProblems(page, who ?? 'person');
  return {
    kind: 'chromium',
    who,
    browser,
    context,
    page,
    problems,
    open: (url) => page.goto(url, { waitUntil: 'load' }),
    reload: () => page.reload({ waitUntil: 'load' }),
    evaluate: (f, argument) => within(page.evaluate(f, argument), who),
    close: () => browser.close(),
  };
}

/** A page that never answers is a failure that says whose, not a test that never ends. */
async function within(answer, who, ceiling_ms = 30_000) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`the page of ${who} did not answer in ${ceiling_ms} ms`)), ceiling_ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a page said went wrong; printed by a failing test. */
function watchProblems(page, name) {
  const said = [];
  const note = (text) => {
    if (said.length < 200) said.push(text);
    if (process.env.TONGKE_TEST_VERBOSE) console.log(`# ${name}: ${text}`);
  };
  page.on('console', (message) => {
    if (['error', 'warning', 'warn'].includes(message.type())) note(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => note(`thrown: ${error.message}`));
  return said;
}

/** Starts a Firefox ESR with a throw-away profile; its camera is Firefox's own stand-in. */
export async function firefoxSeat(who, { init = [], size = { width: 1280, height: 720 } } = {}) {
  mustExist(FIREFOX);
  const profile = mkdtempSync(join(tmpdir(), 'tongke-firefox-'));
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: FIREFOX,
    headless: true,
    userDataDir: profile,
    defaultViewport: size,
    extraPrefsFirefox: {
      'media.autoplay.default': 0,
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      // Without a sound card Firefox's audio clock stands still unless its output is a mock.
      'media.cubeb.force_mock_context': true,
      'media.navigator.audio.fake_frequency': CAST[who].tone_hz,
      // Firefox leaves loopback out of ICE unless told, and looks at all its addresses only for a
      // page that may use the devices; a school's server is not on loopback.
      'media.peerconnection.ice.loopback': true,
      'permissions.default.camera': 1,
      'permissions.default.microphone': 1,
      'intl.accept_languages': 'zh-CN',
    },
  });
  const page = await browser.newPage();
  for (const content of [LOOK, ...init]) await page.evaluateOnNewDocument(content);
  const problems = watchProblems(page, who);
  return {
    kind: 'firefox',
    who,
    browser,
    page,
    problems,
    open: (url) => page.goto(url, { waitUntil: 'load' }),
    reload: () => page.reload({ waitUntil: 'load' }),
    evaluate: (f, argument) => within(page.evaluate(f, argument), who),
    close: async () => {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
