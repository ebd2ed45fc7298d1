// What is on disk of a lesson, read through its playlists and decoded with ffmpeg.
import { spawn } from 'node:child_process';
import { readBlocks } from './counter.mjs';

const WIDTH = 160;
const HEIGHT = 90;

function ffmpeg(args, input, onBytes) {
  return new Promise((done, fail) => {
    const child = spawn('ffmpeg', ['-hide_banner', '-nostdin', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', onBytes);
    child.stderr.on('data', (bytes) => { said += bytes; });
    child.stdin.on('error', () => {}); // It closed early: its exit code says so.
    child.on('error', fail);
    child.on('close', (code) => (code === 0 ? done(said) : fail(new Error(`ffmpeg: ${said.slice(-1500)}`))));
    child.stdin.end(input);
  });
}

/** The segments of a playlist by init segment, in order: `[{ map, segments: [{ url, from, to }] }]`. */
function epochs(text, base) {
  const all = [];
  let range = null;
  for (const line of text.split('\n')) {
    const map = /^#EXT-X-MAP:URI="([^"]+)"/.exec(line)?.[1];
    const bytes = /^#EXT-X-BYTERANGE:(\d+)@(\d+)/.exec(line);
    if (map) all.push({ map: new URL(map, base), segments: [] });
    else if (bytes) range = { from: Number(bytes[2]), to: Number(bytes[2]) + Number(bytes[1]) - 1 };
    else if (line && !line.startsWith('#')) all.at(-1).segments.push({ url: new URL(line, base), ...range });
  }
  return all;
}

async function bytesOf(url, cookie, range) {
  const headers = { cookie, ...(range ? { range: `bytes=${range.from}-${range.to}` } : {}) };
  const answer = await fetch(url, { headers });
  if (answer.status !== (range ? 206 : 200)) throw new Error(`${url.pathname}: ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

/** Frames of one CMAF file: `[{ at_s, clip, count }]` by its own time stamps. */
async function frames(file) {
  const size = WIDTH * HEIGHT;
  let rest = Buffer.alloc(0);
  const reads = [];
  const said = await ffmpeg(
    ['-copyts', '-i', 'pipe:0', '-an', '-vf', `scale=${WIDTH}:${HEIGHT}:flags=area,format=gray,showinfo`,
      '-vsync', 'passthrough', '-f', 'rawvideo', '-'],
    file,
    (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= size) {
        const frame = rest.subarray(0, size);
        reads.push(readBlocks((x, y) => frame[y * WIDTH + x], WIDTH, HEIGHT));
        rest = rest.subarray(size);
      }
    },
  );
  const times = [...said.matchAll(/pts_time:\s*(-?[\d.]+)/g)].map((found) => Number(found[1]));
  return reads.map((read, i) => ({ at_s: times[i], clip: read?.clip, count: read?.count }));
}

/**
 * Every frame of one run of a video track: `[{ at_s, clip, count }]`, from the run's start;
 * `clip` is undefined where no counter can be read. Each epoch is decoded with its own init
 * segment: ffmpeg's own playlist reader keeps the first one's parameter sets.
 */
export async function framesOfRun(url, cookie) {
  const text = (await bytesOf(new URL(url), cookie)).toString();
  const whole = [];
  for (const { map, segments } of epochs(text, url)) {
    const parts = [await bytesOf(map, cookie)];
    for (const segment of segments) parts.push(await bytesOf(segment.url, cookie, segment));
    whole.push(...(await frames(Buffer.concat(parts))));
  }
  const start_s = whole[0]?.at_s ?? 0;
  return whole.map((frame) => ({ ...frame, at_s: frame.at_s - start_s }));
}
