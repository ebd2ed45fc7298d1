// Does the harness itself see and hear? A page that sends to itself over WebRTC, in each browser.
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { chromiumSeat, firefoxSeat } from './lib/browsers.mjs';
import { CAST, SLIDES } from './lib/clips.mjs';
import { blocks, distance, readBlocks } from './lib/counter.mjs';
import { makeLine } from './lib/relay.mjs';
import { serveSlides } from './lib/slides.mjs';
import { until } from './lib/wait.mjs';

/** The page: camera, microphone and, at a press, the screen go round through two connections. */
const LOOP = `<!doctype html><title>loop</title><button id="share">share</button>
<video data-slot="camera" autoplay playsinline></video><video data-slot="screen" autoplay playsinline></video>
<script>
async function loop(stream, selector) {
  const a = new RTCPeerConnection(), b = new RTCPeerConnection();
  a.onicecandidate = (e) => b.addIceCandidate(e.candidate);
  b.onicecandidate = (e) => a.addIceCandidate(e.candidate);
  b.ontrack = (e) => { document.querySelector(selector).srcObject = e.streams[0]; };
  for (const track of stream.getTracks()) a.addTrack(track, stream);
  await a.setLocalDescription(); await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription(); await a.setRemoteDescription(b.localDescription);
}
navigator.mediaDevices.getUserMedia({ audio: true, video: true })
  .then((stream) => loop(stream, '[data-slot=camera]')).catch((e) => { document.title = String(e); });
document.querySelector('#share').onclick = () =>
  navigator.mediaDevices.getDisplayMedia({ video: true, audio: true })
    .then((stream) => loop(stream, '[data-slot=screen]')).catch((e) => { document.title = String(e); });
</script>`;

const hears = (peaks, hz) => peaks.some((peak) => Math.abs(peak.hz - hz) <= 12);

test('the counter is read at every layer and refused when damaged', () => {
  for (const [width, height] of [[640, 360], [320, 180], [160, 90]]) {
    for (const count of [0, 1, 599, 32768, 65535]) {
      const bits = blocks(9, count);
      const luma = (x, y) => {
        const row = Math.floor((y * 6) / height);
        const bit = row < 3 ? bits[row * 10 + Math.floor((x * 10) / width)] : 0;
        return bit ? 200 : 50;
      };
      assert.deepEqual(readBlocks(luma, width, height), { clip: 9, count });
      bits[12] ^= 1;
      assert.equal(readBlocks(luma, width, height), null);
    }
  }
  assert.equal(distance(598, 2, 600), 4);
  assert.equal(distance(2, 598, 600), -4);
});

test('Chromium shows the clip, the tone, the slides and their sound', async (t) => {
  const site = await serveSlides({ '/loop': LOOP });
  const seat = await chromiumSeat('teacher', { shares: true });
  t.after(async () => {
    await seat.close();
    await site.close();
  });
  const slides = await seat.context.newPage();
  await slides.goto(site.url);
  await seat.page.bringToFront();
  await seat.open(`${site.url}loop`);
  const first = await until('a counter', () => seat.evaluate(() => __look.counter('[data-slot=camera]')));
  assert.equal(first.clip, CAST.teacher.clip);
  await until('the count moves', async () => {
    const later = await seat.evaluate(() => __look.counter('[data-slot=camera]'));
    return later && later.count !== first.count;
  });
  const heard = await until('the tone', async () => {
    const peaks = await seat.evaluate(() => __look.tones('[data-slot=camera]'));
    return hears(peaks, CAST.teacher.tone_hz) && peaks;
  });
  console.log(`# microphone: ${JSON.stringify(heard)}`);
  await seat.page.click('#share');
  const shown = await until('the slides', () => seat.evaluate(() => __look.counter('[data-slot=screen]')));
  assert.equal(shown.clip, SLIDES.clip);
  const lag = distance(shown.count, Math.floor(shown.at_ms / 10) % 65536, 65536) * 10;
  console.log(`# slides: ${shown.width} × ${shown.height}, ${lag} ms old`);
  assert.ok(lag > -20 && lag < 2000);
  const played = await until('the sound of the slides', async () => {
    const peaks = await seat.evaluate(() => __look.tones('[data-slot=screen]'));
    return hears(peaks, SLIDES.tone_hz) && peaks;
  });
  console.log(`# computer sound: ${JSON.stringify(played)}`);
});

test('Firefox shows a moving picture and its tone', async (t) => {
  const site = await serveSlides({ '/loop': LOOP });
  const seat = await firefoxSeat('room3');
  t.after(async () => {
    await seat.close();
    await site.close();
  });
  await seat.open(`${site.url}loop`);
  await until('a moving picture', () => seat.evaluate(() => __look.moves('[data-slot=camera]')));
  const heard = await until('the tone', async () => {
    const peaks = await seat.evaluate(() => __look.tones('[data-slot=camera]'));
    return hears(peaks, CAST.room3.tone_hz) && peaks;
  });
  console.log(`# microphone: ${JSON.stringify(heard)}`);
});

test('a line that is cut holds back and gives on what is sent', async (t) => {
  const echo = createServer((socket) => socket.pipe(socket));
  await new Promise((done) => echo.listen(0, '127.0.0.1', done));
  const line = makeLine();
  const socket = connect(await line.through(echo.address().port), '127.0.0.1');
  t.after(() => {
    socket.destroy();
    line.close();
    echo.close();
  });
  let got = '';
  socket.on('data', (bytes) => { got += bytes; });
  socket.write('one ');
  await until('the first word', () => got === 'one ');
  line.cut();
  socket.write('two ');
  const cut_ms = Date.now();
  await until('a second of silence', () => Date.now() - cut_ms > 1000, 2000);
  assert.equal(got, 'one ');
  line.heal();
  await until('the second word', () => got === 'one two ');
});
