// A display behind a line that loses packets both ways: the teacher's voice stays whole, the picture goes on, and the
// room's own voice reaches the teacher with redundancy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holdLesson, showsTeacher, stateOf } from './lib/lesson.mjs';
import { until } from './lib/wait.mjs';

const say = (text) => console.log(`# ${text}`);
const LOSS = 0.15;
const LENGTH_MS = 20_000;

/** Sums over the page's connections: what it heard, saw and sent. Runs in the page. */
async function sums() {
  const all = { samples: 0, concealed: 0, silent: 0, lost: 0, heardBytes: 0, heardPackets: 0, frames: 0, saidBytes: 0, saidPackets: 0 };
  for (const connection of window.__connections) {
    for (const one of (await connection.getStats()).values()) {
      if (one.type === 'inbound-rtp' && one.kind === 'audio') {
        all.samples += one.totalSamplesReceived ?? 0;
        all.concealed += one.concealedSamples ?? 0;
        all.silent += one.silentConcealedSamples ?? 0;
        all.heardBytes += one.bytesReceived ?? 0;
        all.lost += one.packetsLost ?? 0;
        all.heardPackets += one.packetsReceived ?? 0;
      }
      if (one.type === 'inbound-rtp' && one.kind === 'video') all.frames += one.framesDecoded ?? 0;
      if (one.type === 'outbound-rtp' && one.kind === 'audio') {
        all.saidBytes += one.bytesSent ?? 0;
        all.saidPackets += one.packetsSent ?? 0;
      }
    }
  }
  return { ...all, connections: window.__connections.length };
}

const since = (now, before) => Object.fromEntries(Object.keys(now).map((key) => [key, now[key] - before[key]]));
const heard = (figures) => figures.heardBytes / Math.max(figures.heardPackets, 1);
const said = (figures) => figures.saidBytes / Math.max(figures.saidPackets, 1);
/** Redundancy makes packets of sound so much longer at least. */
const LONGER = 1.3;

/** What happens at a page in a while. */
async function watch(seat, length_ms) {
  const before = await seat.evaluate(sums);
  await new Promise((done) => setTimeout(done, length_ms));
  return since(await seat.evaluate(sums), before);
}

test('a line that loses every seventh packet', { timeout: 150_000 }, async (t) => {
  const school = await holdLesson(t, 'lossy', { minutes: 2, startsIn_s: 25, rooms: 1 });
  const { line, displays: [display] } = school;
  await display.evaluate(() => {
    window.__connections = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...parts) {
        super(...parts);
        window.__connections.push(this);
      }
    };
  });
  await showsTeacher(school, display, 60_000);
  const calm = await watch(display, 3_000);
  line.lose(LOSS, 7);
  // What is measured begins once both ends have noticed.
  await until('sound comes and goes with redundancy', async () => {
    const now = await watch(display, 1_000);
    return heard(now) > heard(calm) * LONGER && said(now) > said(calm) * LONGER;
  }, 30_000);
  const during = await watch(display, LENGTH_MS);
  line.lose(0);
  const concealed = (during.concealed - during.silent) / during.samples;
  say(`at ${LOSS * 100} % each way: concealed ${(concealed * 100).toFixed(2)} %, ${(during.frames / (LENGTH_MS / 1000)).toFixed(1)} frames/s, ` +
    `${during.lost} of ${during.heardPackets} sounds never came; bytes a sound: heard ${heard(calm).toFixed(0)} → ${heard(during).toFixed(0)}, said ${said(calm).toFixed(0)} → ${said(during).toFixed(0)}`);
  assert.ok(concealed < 0.08, `the voice breaks: ${concealed}`);
  assert.ok(during.frames > 5 * (LENGTH_MS / 1000), `the picture stands: ${during.frames} frames`);
  assert.equal(during.connections, 0, 'one connection outlives it');
  const state = await stateOf(display);
  assert.equal(state.phase, 'live', JSON.stringify(state));
  await until('the picture moves on a clean line', async () => (await watch(display, 1_000)).frames > 10, 20_000);
});
