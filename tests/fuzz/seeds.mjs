// Makes the fuzzers' seeds from real senders: offers of both browsers and of aiortc, RTP and RTCP
// of ffmpeg, fragments of ffmpeg. Run by hand when a format is added: node tests/fuzz/seeds.mjs
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromiumSeat, firefoxSeat } from '../browser/lib/browsers.mjs';
import { FOREIGN_DIR, PYTHON } from '../browser/lib/places.mjs';
import { serveSlides } from '../browser/lib/slides.mjs';

const CORPUS = join(dirname(fileURLToPath(import.meta.url)), 'corpus');
const put = (target, name, bytes) => writeFileSync(join(CORPUS, target, name), bytes);

/** The offers of the roles, as the pages make them: `[kind, direction, simulcast]` per line. */
const ROLES = {
  teacher: ['audio>', 'video>s', 'video>', 'video>', 'audio>', 'video<', 'audio<', 'audio<',
    ...Array(6).fill('video<')],
  room: ['audio>', 'video>s', 'video<', 'video<', 'video<', 'audio<', 'audio<', 'audio<'],
  terminal: ['video<', 'video<', 'video<', 'audio<', 'audio<', 'audio<'],
  whep: ['audio<', 'video<'],
};

async function offer(lines) {
  const peer = new RTCPeerConnection();
  for (const line of lines) {
    const [, kind, way, simulcast] = /^(\w+)([<>])(s?)$/.exec(line);
    const options = { direction: way === '>' ? 'sendonly' : 'recvonly' };
    if (simulcast) {
      options.sendEncodings = [{ rid: 'q', scaleResolutionDownBy: 4 }, { rid: 'h', scaleResolutionDownBy: 2 }, { rid: 'f' }];
    }
    peer.addTransceiver(kind, options);
  }
  await peer.setLocalDescription();
  if (peer.iceGatheringState !== 'complete') {
    await new Promise((done) => {
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done();
      setTimeout(done, 3000);
    });
  }
  return peer.localDescription.sdp;
}

async function offers() {
  const site = await serveSlides();
  for (const [name, start] of [['chromium', chromiumSeat], ['firefox', firefoxSeat]]) {
    const seat = await start('room1');
    await seat.open(site.url);
    for (const [role, lines] of Object.entries(ROLES)) {
      const sdp = await seat.evaluate(offer, lines);
      put('fuzz_offer', `${name}-${role}.sdp`, sdp);
      const fragment = sdp.split('\r\n').filter((line, i, all) =>
        /^a=(ice-ufrag|ice-pwd|ice-options|candidate|mid|end-of-candidates)/.test(line) && all.indexOf(line) === i);
      if (role === 'room') put('fuzz_fragment', `${name}.sdpfrag`, `${fragment.join('\r\n')}\r\n`);
    }
    await seat.close();
  }
  await site.close();
}

/** What the Python programs post, caught by a server that refuses it. */
async function foreignOffers() {
  let body = '';
  const server = createServer((request, response) => {
    request.on('data', (bytes) => { body += bytes; });
    request.on('end', () => response.writeHead(503).end());
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  for (const [name, program] of [['aiortc-whip', 'whip_publish.py'], ['aiortc-whep', 'whep_receive.py']]) {
    body = '';
    const child = spawn(PYTHON, [join(FOREIGN_DIR, program), '--url', `http://127.0.0.1:${server.address().port}/x`, '--token', 'x'],
      { stdio: 'ignore' });
    await new Promise((done) => child.on('close', done));
    put('fuzz_offer', `${name}.sdp`, body);
  }
  server.close();
}

/** Packets that ffmpeg sends in two seconds of one codec, RTP and RTCP. */
async function packets(args, size = 1200) {
  const rtp = createSocket('udp4');
  await new Promise((done) => rtp.bind(0, '127.0.0.1', done));
  const port = rtp.address().port;
  const rtcp = createSocket('udp4');
  await new Promise((done) => rtcp.bind(0, '127.0.0.1', done));
  const seen = { rtp: [], rtcp: [] };
  rtp.on('message', (bytes) => seen.rtp.push(bytes));
  rtcp.on('message', (bytes) => seen.rtcp.push(bytes));
  const child = spawn('ffmpeg', ['-hide_banner', '-nostdin', '-loglevel', 'error', '-re', ...args, '-strict', 'experimental',
    '-f', 'rtp', `rtp://127.0.0.1:${port}?rtcpport=${rtcp.address().port}&pkt_size=${size}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  await new Promise((done) => child.on('close', done));
  rtp.close();
  rtcp.close();
  return seen;
}

/** One depacketiser seed: payloads of up to 127 octets, each behind its length and marker. */
const frame = (payloads) =>
  Buffer.concat(payloads.flatMap(([payload, marker]) => [Buffer.from([(payload.length << 1) | (marker ? 1 : 0)]), payload]));

/** Seeds of a sender's stream: from each sixth of it, forty packets. */
function framed(target, { rtp }) {
  const payloads = rtp.map((packet) => [packet.subarray(12, 12 + 127), packet[1] >= 128]);
  for (let i = 0; i < 6; i += 1) {
    const from = Math.floor((payloads.length * i) / 6);
    put(target, `stream-${i}`, frame(payloads.slice(from, from + 40)));
  }
}

async function media() {
  const small = ['-f', 'lavfi', '-i', 'testsrc2=s=64x48:r=8:d=3'];
  const video = ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=15:d=2'];
  const h264 = await packets([...video, '-c:v', 'libx264', '-profile:v', 'baseline', '-tune', 'zerolatency', '-g', '15', '-b:v', '600k']);
  const vp9 = await packets([...video, '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '15', '-b:v', '400k']);
  const opus = await packets(['-f', 'lavfi', '-i', 'sine=d=1', '-c:a', 'libopus', '-b:a', '32k']);
  const some = (all) => all.filter((_, i) => i % Math.ceil(all.length / 12) === 0);
  some(h264.rtp).forEach((packet, i) => put('fuzz_rtp', `h264-${i}`, packet));
  some(vp9.rtp).forEach((packet, i) => put('fuzz_rtp', `vp9-${i}`, packet));
  some(opus.rtp).slice(0, 3).forEach((packet, i) => put('fuzz_rtp', `opus-${i}`, packet));
  [...h264.rtcp, ...opus.rtcp].slice(0, 4).forEach((packet, i) => put('fuzz_rtcp', `report-${i}`, packet));
  framed('fuzz_h264', await packets([...small, '-c:v', 'libx264', '-profile:v', 'baseline', '-tune', 'zerolatency', '-g', '8', '-b:v', '60k'], 130));
  framed('fuzz_vp9', await packets([...small, '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '8', '-b:v', '40k'], 130));
  // By hand: NACK, PLI, FIR, REMB of something, of nothing, of the most and of streams it has not, transport-wide feedback, an SDES, a compound whose length lies.
  const hex = {
    nack: '81cd000300000001000000020064ffff',
    pli: '81ce00020000000100000002',
    fir: '84ce0004000000010000000000000002 01000000',
    twcc: '8fcd00050000000100000002 0001000a 00000101 2004 00 04 08 0c 0000',
    remb: '8fce0005 00000001 00000000 52454d42 010bd00d 00000002',
    'remb-none': '8fce0005 00000001 00000000 52454d42 01000000 00000002',
    'remb-most': '8fce0004 00000001 00000000 52454d42 00ffffff',
    'remb-lying': '8fce0004 00000001 00000000 52454d42 ff0bd00d',
    sdes: '81ca0003000000010103610000000000',
    lying: '80c8ffff00000001',
    receiver: '81c900070000000100000002 05000010 00012345 00000100 aaaabbbb 00010000',
  };
  for (const [name, text] of Object.entries(hex)) put('fuzz_rtcp', name, Buffer.from(text.replaceAll(' ', ''), 'hex'));
  // The payloads that made a well-known depacketiser panic, and other liars.
  const liars = { 'stap-short': '78000000', 'stap-long': '78ffff67', 'fua-empty': '7c', 'fua-both': '7cc5', 'fub': '7d85000161', empty: '' };
  for (const [name, text] of Object.entries(liars)) put('fuzz_h264', name, frame([[Buffer.from(text, 'hex'), true]]));
  const descriptors = { 'all-bits': 'ffffffffffffff', 'long-pictures': 'c0ffff01', 'structure-lies': '0aff', 'references': '50818181' };
  for (const [name, text] of Object.entries(descriptors)) put('fuzz_vp9', name, frame([[Buffer.from(text, 'hex'), true]]));
}

const word = (number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
};
const box = (kind, ...parts) => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([word(8 + body.length), Buffer.from(kind), body]);
};

/** A part as the recorder writes it: its header in a `free` box, then fragments. */
function part(sizes) {
  const header = { number: 0, epoch: 0, timescale: 48000, codec: 'Opus', width: 0, height: 0 };
  const boxes = [box('free', 'tongke-1', JSON.stringify(header))];
  sizes.forEach((size, i) => {
    const samples = Array.from({ length: 3 }, () => Buffer.concat([word(960), word(size), word(0x02000000)]));
    const moof = (offset) => box('moof', box('mfhd', word(0), word(i + 1)), box('traf',
      box('tfhd', word(0x020000), word(1)),
      box('tfdt', word(0x01000000), word(0), word(i * 2880)),
      box('trun', word(0x000701), word(3), word(offset), ...samples)));
    boxes.push(moof(moof(0).length + 8), box('mdat', Buffer.alloc(size * 3, i)));
  });
  return Buffer.concat(boxes);
}

function fragments() {
  const whole = part([40, 80, 3]);
  put('fuzz_walk', 'own-whole', whole);
  put('fuzz_walk', 'own-cut-media', whole.subarray(0, whole.length - 5));
  put('fuzz_walk', 'own-cut-boxes', whole.subarray(0, 200));
  put('fuzz_walk', 'own-header', part([]));
  const folder = mkdtempSync(join(tmpdir(), 'tongke-seeds-'));
  const file = join(folder, 'x.mp4');
  for (const [name, codec] of [['h264', ['-c:v', 'libx264', '-preset', 'ultrafast']], ['vp9', ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8']]]) {
    execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=s=64x36:r=5:d=2', ...codec,
      '-b:v', '20k', '-movflags', 'empty_moov+default_base_moof+frag_every_frame', file]);
    const whole = readFileSync(file);
    put('fuzz_walk', `${name}-whole`, whole);
    const first = whole.indexOf('moof') - 4;
    put('fuzz_walk', `${name}-part`, whole.subarray(first));
    put('fuzz_walk', `${name}-cut`, whole.subarray(first, Math.floor((first + whole.length) / 2)));
  }
  put('fuzz_walk', 'size-zero', Buffer.from('000000006d6f6f66', 'hex'));
  put('fuzz_walk', 'size-large', Buffer.from('000000016d6461747fffffffffffffff', 'hex'));
  put('fuzz_walk', 'empty', Buffer.alloc(0));
  rmSync(folder, { recursive: true });
}

await offers();
await foreignOffers();
await media();
fragments();
