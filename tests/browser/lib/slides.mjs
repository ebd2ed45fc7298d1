// The teacher's slides: a page whose counter is the wall clock in hundredths of a second, drawn
// ten times a second, with a tone as the computer's sound.
import { createServer } from 'node:http';
import { blocks, checksum } from './counter.mjs';
import { SLIDES } from './clips.mjs';

export const SLIDES_TITLE = 'Tongke test slides';

function draw(clip, tone_hz) {
  const canvas = document.querySelector('canvas');
  const pen = canvas.getContext('2d');
  const paint = () => {
    const count = Math.floor(Date.now() / 10) % 65536;
    pen.fillStyle = '#335577';
    pen.fillRect(0, 0, 1280, 720);
    blocks(clip, count).forEach((bit, i) => {
      pen.fillStyle = bit ? '#fff' : '#000';
      pen.fillRect((i % 10) * 128, Math.floor(i / 10) * 120, 128, 120);
    });
    pen.fillStyle = '#fff';
    pen.font = '64px sans-serif';
    pen.fillText(`同课 slide ${count}`, 80, 560);
  };
  paint();
  setInterval(paint, 100);
  const sound = new AudioContext();
  const tone = new OscillatorNode(sound, { frequency: tone_hz });
  tone.connect(new GainNode(sound, { gain: 0.2 })).connect(sound.destination);
  tone.start();
}

const PAGE = `<!doctype html><meta charset="utf-8"><title>${SLIDES_TITLE}</title>
<style>body{margin:0;overflow:hidden}canvas{width:100vw;height:100vh;display:block}</style>
<canvas width="1280" height="720"></canvas>
<script>${checksum};${blocks};(${draw})(${SLIDES.clip},${SLIDES.tone_hz})</script>`;

/** Serves the slides (and further pages of a test) on loopback: `{ url, close() }`. */
export async function serveSlides(pages = {}) {
  const server = createServer((request, response) => {
    const body = pages[request.url] ?? PAGE;
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(body);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () => new Promise((done) => server.close(done) && server.closeAllConnections()),
  };
}
