// A short break of the line, which one connection outlives by an ICE restart; sound in stereo; a recorder
// box in the teacher's seat and out of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAST } from './lib/clips.mjs';
import { blocks, checksum } from './lib/counter.mjs';
import { PLACES, hearsTones, holdLesson, showsTeacher, stateOf } from './lib/lesson.mjs';
import { until } from './lib/wait.mjs';

const say = (text) => console.log(`# ${text}`);
const SESSIONS = /\/api\/lessons\/[^/]+\/sessions(\/|$)/;

/** Notes what a page says to the session endpoint, and counts its connections. */
async function follow(seat) {
  const said = [];
  seat.page.on('requestfinished', async (request) => {
    const { pathname } = new URL(request.url());
    if (!SESSIONS.test(pathname)) return;
    const response = await request.response();
    said.push({ method: request.method(), status: response.status(), offer: request.postData(), answer: await response.text().catch(() => '') });
  });
  await seat.evaluate(() => {
    window.__connections = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...parts) {
        super(...parts);
        window.__connections.push(this);
      }
    };
  });
  return said;
}

/** The parameters of Opus in each sound section of an SDP, in order. */
const opusOf = (sdp) =>
  sdp.split(/\r?\n(?=m=)/).filter((part) => part.startsWith('m=audio')).map((part) => {
    const payload = /a=rtpmap:(\d+) opus/.exec(part)?.[1];
    return new RegExp(`a=fmtp:${payload} (.*)`).exec(part)?.[1].split(';').map((one) => one.trim()) ?? [];
  });
const stereo = (parameters) => parameters.includes('stereo=1');

/** The recorder box: in a page, it publishes a counter and a tone by WHIP. Gives where its session is. */
async function publish({ url, token, clip, tone_hz }) {
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
  const pen = canvas.getContext('2d');
  let count = 0;
  setInterval(() => {
    blocks(clip, count).forEach((bit, i) => {
      pen.fillStyle = bit ? '#fff' : '#000';
      pen.fillRect((i % 10) * 64, Math.floor(i / 10) * 60, 64, 60);
    });
    count = (count + 1) % 65536;
  }, 66);
  const sound = new AudioContext();
  const tone = new OscillatorNode(sound, { frequency: tone_hz });
  const out = sound.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  const peer = new RTCPeerConnection();
  peer.addTransceiver(out.stream.getAudioTracks()[0], { direction: 'sendonly' });
  peer.addTransceiver(canvas.captureStream(15).getVideoTracks()[0], { direction: 'sendonly' });
  await peer.setLocalDescription();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' };
  const answer = await fetch(url, { method: 'POST', headers, body: peer.localDescription.sdp });
  if (answer.status !== 201) throw new Error(`WHIP: ${answer.status} ${await answer.text()}`);
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  return answer.headers.get('location');
}

/** The connections of the lesson; one that only knocks along the path has no media. */
const descriptions = async (seat) => {
  const all = await seat.evaluate(() => window.__connections.map((one) => ({
    state: one.connectionState,
    local: one.currentLocalDescription?.sdp ?? one.pendingLocalDescription?.sdp ?? '',
    remote: one.currentRemoteDescription?.sdp ?? '',
  })));
  return all.filter(({ local }) => !local.includes('m=application'));
};

test('a line that breaks for three seconds', { timeout: 150_000 }, async (t) => {
  const school = await holdLesson(t, 'path', { minutes: 2, startsIn_s: 25, rooms: 1 });
  const { teacher, line, displays: [display] } = school;
  const said = await follow(display);
  const taught = await follow(teacher);
  const lesson = await school.lesson();
  await until('the lesson is live', async () => (await school.lesson()).state === 'live',
    lesson.starts_ms - Date.now() + 3000);
  await showsTeacher(school, display);
  await hearsTones(display, [CAST.teacher.tone_hz]);
  const ways = () => said.map(({ method, status }) => `${method} ${status}`);
  assert.deepEqual(ways(), ['POST 201']);

  /** Gives when the line is whole again. */
  const breakFor3s = async (healing) => {
    line.cut();
    const cut_ms = Date.now();
    await until('three seconds of silence', () => Date.now() - cut_ms >= 3000, 4000);
    line.heal(healing);
    return Date.now();
  };

  await t.test('is mended by one restart of the same connection', async () => {
    const [before] = await descriptions(display);
    const ufrag = (sdp) => /a=ice-ufrag:(\S+)/.exec(sdp)?.[1];
    const healed_ms = await breakFor3s();
    await until('the restart is answered', () => said.length > 1, 10_000);
    await showsTeacher(school, display, 10_000);
    say(`the teacher is back ${Date.now() - healed_ms} ms after the line`);
    await hearsTones(display, [CAST.teacher.tone_hz], 10_000);
    await until('the page says that all is well', async () => (await stateOf(display)).phase === 'live', 10_000);
    assert.deepEqual(ways(), ['POST 201', 'PATCH 200']);
    const after = await descriptions(display);
    assert.equal(after.length, 1, 'no other connection was made');
    assert.equal(after[0].state, 'connected');
    assert.notEqual(ufrag(after[0].local), ufrag(before.local), 'the page has new credentials');
    assert.notEqual(ufrag(after[0].remote), ufrag(before.remote), 'and the server');
  });

  await t.test('music and the computer’s sound are stereo, both ways', async () => {
    // Microphone and computer's sound go up; the lesson is music, so its microphone is too.
    const { offer, answer } = taught.find(({ method }) => method === 'POST');
    const [microphone, computer] = opusOf(offer);
    assert.ok(stereo(microphone) && stereo(computer), `offered: ${microphone} / ${computer}`);
    assert.ok(stereo(opusOf(answer)[1]), `the server takes the computer's sound in stereo: ${opusOf(answer)[1]}`);
    const [own] = await descriptions(teacher);
    for (const parameters of opusOf(own.remote).slice(0, 2)) {
      assert.ok(stereo(parameters) && parameters.includes('maxaveragebitrate=128000'), `sent: ${parameters}`);
    }
    // Teacher, computer's sound and stage come down.
    const down = opusOf(said[0].offer).slice(1);
    assert.equal(down.length, 3);
    for (const parameters of down) assert.ok(stereo(parameters), `received: ${parameters}`);
    assert.ok(!stereo(opusOf(said[0].offer)[0]), 'a classroom’s microphone is mono');
    const music = await teacher.evaluate(() => window.__tongke.state.microphone);
    assert.deepEqual([music.echoCancellation, music.noiseSuppression, music.autoGainControl], [false, false, false]);
  });

  await t.test('speech is mono, in the same connection', async () => {
    await teacher.page.click('[data-act="music"]');
    await until('the microphone is mono', async () => !stereo(opusOf((await descriptions(teacher))[0].remote)[0]), 5000);
    await until('speech is processed', async () => (await stateOf(teacher)).microphone?.noiseSuppression === true, 5000);
    assert.deepEqual(taught.map(({ method }) => method), ['POST'], 'the server is not asked');
    await showsTeacher(school, display, 10_000);
    await hearsTones(display, [CAST.teacher.tone_hz], 10_000);
  });

  await t.test('the console is seen again when a recorder box that took its seat ends', async () => {
    const { whip, token } = school.demo.said.lessons[0];
    const box = { url: new URL(whip).pathname, token, clip: 9, tone_hz: 530 };
    const page = await teacher.context.newPage();
    await page.goto(`${school.demo.said.base_url}/login`);
    const session = await page.evaluate(
      `(() => { ${checksum}; ${blocks}; return (${publish})(${JSON.stringify(box)}); })()`,
    );
    await until('the box is seen', async () =>
      (await display.evaluate((place) => __look.counter(place), PLACES.teacher))?.clip === box.clip, 15_000);
    await hearsTones(display, [box.tone_hz]);
    const status = await page.evaluate(async ([path, bearer]) =>
      (await fetch(path, { method: 'DELETE', headers: { authorization: `Bearer ${bearer}` } })).status, [session, token]);
    assert.ok([200, 204].includes(status), `DELETE answered ${status}`);
    const ended_ms = Date.now();
    await showsTeacher(school, display, 10_000);
    say(`the console is back ${Date.now() - ended_ms} ms after the box`);
    await hearsTones(display, [CAST.teacher.tone_hz], 10_000);
    assert.deepEqual(taught.map(({ method }) => method), ['POST'], 'the console did nothing for it');
    await page.close();
  });
});
