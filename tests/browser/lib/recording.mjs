// What is on disk of a lesson, read as any foreign player would: ffmpeg over the playlists.
import { spawn } from 'node:child_process';
import { readBlocks } from './counter.mjs';

const WIDTH = 160;
const HEIGHT = 90;

function ffmpeg(args, onBytes) {
  return new Promise((done, fail) => {
    const child = spawn('ffmpeg', ['-hide_banner', '-nostdin', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', onBytes);
    child.stderr.on('data', (bytes) => { said += bytes; });
    child.on('error', fail);
    child.on('close', (code) => (code === 0 ? done(said) : fail(new Error(`ffmpeg: ${said.slice(-1500)}`))));
  });
}

/** Every frame of one run of a video track: `[{ at_s, clip, count }]`, `clip` undefined if unread. */
export async function framesOfRun(url, cookie) {
  const size = WIDTH * HEIGHT;
  let rest = Buffer.alloc(0);
  const reads = [];
  const said = await ffmpeg(
    ['-headers', `Cookie: ${cookie}\r\n`, '-allowed_extensions', 'ALL', '-i', url, '-an',
      '-vf', `scale=${WIDTH}:${HEIGHT}:flags=area,format=gray,showinfo`, '-vsync', 'passthrough',
      '-f', 'rawvideo', '-'],
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
