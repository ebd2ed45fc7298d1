// The finished lesson in the library: its tracks, its length, its synchrony.
import assert from 'node:assert/strict';
import { CAST, FPS, SLIDES } from './clips.mjs';
import { COUNTS, distance, median } from './counter.mjs';
import { hearsChopped } from './lesson.mjs';
import { framesOfRun } from './recording.mjs';
import { until } from './wait.mjs';

/** Opens the player in the teacher's browser and gives its page once both pictures run. */
async function openPlayer(school, recording) {
  const page = await school.teacher.context.newPage();
  await page.goto(`${school.demo.said.base_url}/library/${recording}`);
  await page.bringToFront();
  await until('the player has its tracks', () => page.evaluate(() => window.__tongke?.player?.tracks?.length));
  await page.locator('[data-act="play"]').click();
  const places = {};
  for (const [name, { clip }] of Object.entries({ camera: CAST.teacher, screen: SLIDES })) {
    places[name] = await until(`the player shows the ${name}`, () =>
      page.evaluate((wanted) => __look.showing(wanted), clip));
  }
  return { page, places };
}

/**
 * When a count was live: a function `count → [at_ms…]`, one time for each turn of the counter,
 * between two frames that were noted one after the other. A loaded machine does not present
 * every frame, and now and then one is misread: steps that do not fit the time between are left out.
 */
function liveTimes(frames, { clip }, modulo, rate) {
  const seen = frames.filter((frame) => frame.clip === clip);
  const forward = (from, to) => (((to - from) % modulo) + modulo) % modulo;
  const spans = [];
  for (let i = 1; i < seen.length; i += 1) {
    const [from, to] = [seen[i - 1], seen[i]];
    const [steps, span_ms] = [forward(from.count, to.count), to.at_ms - from.at_ms];
    const expected = (span_ms / 1000) * rate;
    if (steps > 0 && span_ms <= 5000 && Math.abs(steps - expected) <= 0.3 * rate + expected / 4) spans.push({ from, steps, span_ms });
  }
  return (count) => spans
    .map(({ from, steps, span_ms }) => ({ from, share: forward(from.count, count) / steps, span_ms }))
    .filter(({ share }) => share <= 1)
    .map(({ from, share, span_ms }) => from.at_ms + share * span_ms);
}

/**
 * How far teacher and slides are apart in `frames` against how they are in `reference`, in ms; both by name. A frame
 * that is in both tells most: where it is not, its time is reckoned from those about it.
 */
function apart(reference, frames, where) {
  const delays = {};
  for (const [name, cast, modulo, rate] of [
    ['screen', SLIDES, COUNTS, SLIDES.counts_per_second],
    ['camera', CAST.teacher, CAST.teacher.frames, FPS],
  ]) {
    const timesOf = liveTimes(reference[name], cast, modulo, rate);
    delays[name] = frames[name]
      .filter((frame) => frame.clip === cast.clip)
      .map((frame) => timesOf(frame.count).map((at_ms) => frame.at_ms - at_ms))
      .filter((all) => all.length > 0);
    const covered = `${name} ${where}: ${reference[name].length} frames to compare with, ${frames[name].length} there, ${delays[name].length} in both`;
    assert.ok(delays[name].length > frames[name].length / 2, covered);
  }
  // The slides' counter does not turn within a lesson: it says which turn of the camera's is meant.
  const screen_ms = median(delays.screen.map((all) => all[0]));
  const nearest = (all) => all.reduce((best, one) => (Math.abs(one - screen_ms) < Math.abs(best - screen_ms) ? one : best));
  return median(delays.camera.map(nearest)) - screen_ms;
}

/** How far camera and slides are from the player's clock by its own account, ms; and whether it waits for one. */
const ownAccount = (page) => page.evaluate(() => {
  const { time, held, tracks } = window.__tongke.player;
  const off = (kind) => Math.round((tracks.find((track) => track.teacher && track.kind === kind)?.time ?? NaN) - time);
  return { camera: off('camera'), screen: off('screen'), held };
});

/** What the teacher's page captured of both. */
async function liveFrames(school) {
  const frames = {};
  for (const name of ['screen', 'camera']) {
    frames[name] = await school.teacher.evaluate((own) => __look.watched(`video[data-own="${own}"]`), name);
  }
  return frames;
}

/** What the player shows of both in eight seconds. */
async function watchPlayer({ page, places }, say) {
  for (const place of Object.values(places)) await page.evaluate((where) => __look.watch(where), place);
  const accounts = [];
  for (let i = 0; i < 16; i += 1) {
    await new Promise((done) => setTimeout(done, 500));
    accounts.push(await ownAccount(page));
  }
  say(`camera/slides off the player’s clock: ${accounts.map(({ camera, screen, held }) => `${camera}/${screen}${held ? ' held' : ''}`).join(', ')} ms`);
  const frames = {};
  for (const [name, place] of Object.entries(places)) {
    frames[name] = await page.evaluate((where) => __look.watched(where), place);
  }
  return frames;
}

/** The kinds of tracks that a lesson of this cast must have. */
function missingTracks(detail, roomsWanted) {
  const has = (wanted) => detail.tracks.some(wanted);
  const missing = [];
  for (const kind of ['camera', 'microphone', 'screen', 'computer_sound']) {
    if (!has((track) => track.teacher && track.kind === kind)) missing.push(`teacher's ${kind}`);
  }
  const rooms = new Set(detail.tracks.filter((track) => !track.teacher).map((track) => track.who));
  if (rooms.size < roomsWanted) missing.push(`rooms: only ${[...rooms]}`);
  return missing;
}

/** Reads every video run from the server with ffmpeg; every frame of the teacher's must be told. Gives them. */
async function readsWhole(school, detail, say) {
  const { cookie } = school.api;
  const all = {};
  for (const [kind, { clip }] of Object.entries({ camera: CAST.teacher, screen: SLIDES })) {
    const track = detail.tracks.find((one) => one.teacher && one.kind === kind);
    const frames = [];
    for (const run of track.runs) {
      const read = await framesOfRun(new URL(run.playlist, school.demo.said.base_url).href, cookie);
      for (const frame of read) frames.push({ ...frame, at_ms: run.start_ms + frame.at_s * 1000 });
    }
    const unread = frames.filter((frame) => frame.clip !== clip).length;
    say(`${kind} on disk: ${track.runs.length} runs, ${frames.length} frames, ${unread} without their counter`);
    assert.ok(frames.length > 100 && unread <= frames.length / 50);
    all[kind] = frames;
  }
  return all;
}

/** Waits until the library gives the lesson as a whole, and tells when that was. */
export const keptAt = (school) => until('the library has the whole lesson', async () => {
  const { recording } = await school.lesson();
  return recording && (await school.api('GET', `/api/library/${recording}`)).state === 'kept' && Date.now();
});

/** The check of a finished lesson; prints what it saw. */
export async function playsInLibrary(school, { say }) {
  const lesson = await school.lesson();
  const recording = await until('the lesson names its recording', async () => (await school.lesson()).recording);
  const player = await openPlayer(school, recording);
  say(`plays in the library ${Date.now() - lesson.ends_ms} ms after the bell`);

  const detail = await school.api('GET', `/api/library/${recording}`);
  assert.deepEqual(missingTracks(detail, school.displays.length), []);
  const shown = await player.page.evaluate(() => ({ ...window.__tongke.player }));
  const wanted_ms = lesson.ends_ms - lesson.starts_ms;
  say(`length ${shown.duration} ms of ${wanted_ms} ms`);
  assert.ok(Math.abs(shown.duration - wanted_ms) <= 1000, `length ${shown.duration} of ${wanted_ms}`);

  const played = await watchPlayer(player, say);
  const heard = await player.page.evaluate(() => __look.tones(null));
  say(`the player sounds at ${heard.map((peak) => peak.hz)} Hz`);
  assert.ok(hearsChopped(heard, CAST.teacher.tone_hz));
  await player.page.close();

  const kept = await readsWhole(school, detail, say);
  const on_disk_ms = apart(await liveFrames(school), kept, 'on disk');
  // Eight seconds have few slides; against the disk each of them tells exactly.
  const in_player_ms = apart(kept, played, 'in the player');
  // A busy machine that shows few frames shows each of them late by up to the time between two.
  const apart_ms = median(played.camera.slice(1).map((frame, i) => frame.at_ms - played.camera[i].at_ms));
  say(`teacher and slides ${on_disk_ms.toFixed(0)} ms apart on disk, ${in_player_ms.toFixed(0)} ms more in the player, ` +
    `whose frames are ${apart_ms.toFixed(0)} ms apart`);
  assert.ok(Math.abs(on_disk_ms) <= 100 && Math.abs(in_player_ms) <= Math.max(100, apart_ms));
}

/**
 * The counts of the teacher's camera on disk around a hole: the last before it and the first
 * after it, by lesson time.
 */
export async function holeInCamera(school, recording) {
  const detail = await school.api('GET', `/api/library/${recording}`);
  const track = detail.tracks.find((one) => one.teacher && one.kind === 'camera');
  const frames = [];
  for (const run of track.runs) {
    const url = new URL(run.playlist, school.demo.said.base_url).href;
    for (const frame of await framesOfRun(url, school.api.cookie)) {
      if (frame.clip === CAST.teacher.clip) frames.push({ at_s: run.start_ms / 1000 + frame.at_s, count: frame.count });
    }
  }
  const holes = [];
  for (let i = 1; i < frames.length; i += 1) {
    const step = distance(frames[i - 1].count, frames[i].count, CAST.teacher.frames);
    if (step > FPS / 2 || step < 0) holes.push({ before: frames[i - 1], after: frames[i], missing_s: step / FPS });
  }
  return { detail, frames, holes };
}
