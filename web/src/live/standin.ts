//! What is sent when a device is missing: a drawn figure that moves, a sample slide deck, a soft tone.
//! They are plainly drawings, and the page says so.

import { drawnTrack, type Draw, type Drawn } from './canvas';

type Pen = Parameters<Draw>[0];

const FONT = '"Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", system-ui, sans-serif';

/** A number from a name, so that each room has its own colour and tone, the same on every start. */
function numberOf(name: string): number {
  let hash = 2166136261;
  for (const sign of name) hash = Math.imul(hash ^ (sign.codePointAt(0) ?? 0), 16777619);
  return hash >>> 0;
}

export const STANDIN_FPS = 15;

export function standinCamera(name: string, label: string): Drawn {
  const hue = numberOf(name) % 360;
  return drawnTrack(640, 360, STANDIN_FPS, (pen, frame) => {
    const t = frame / STANDIN_FPS;
    pen.fillStyle = `hsl(${hue} 26% 22%)`;
    pen.fillRect(0, 0, 640, 360);
    pen.fillStyle = `hsl(${hue} 24% 28%)`;
    pen.fillRect(0, 270, 640, 90);
    figure(pen, 320 + Math.sin(t * 0.9) * 90, 178 + Math.sin(t * 1.8) * 5, hue, Math.sin(t * 2.4));
    pen.fillStyle = '#ffffff';
    pen.textAlign = 'left';
    pen.font = `600 30px ${FONT}`;
    pen.fillText(name, 24, 44, 460);
    pen.font = `400 18px ${FONT}`;
    pen.fillStyle = 'rgb(255 255 255 / 75%)';
    pen.fillText(label, 24, 72, 460);
    counter(pen, frame);
  });
}

function figure(pen: Pen, x: number, y: number, hue: number, wave: number): void {
  pen.fillStyle = `hsl(${hue} 42% 58%)`;
  pen.beginPath();
  pen.roundRect(x - 62, y + 44, 124, 170, 48);
  pen.fill();
  pen.strokeStyle = `hsl(${hue} 42% 58%)`;
  pen.lineWidth = 24;
  pen.lineCap = 'round';
  pen.beginPath();
  pen.moveTo(x + 50, y + 84);
  pen.lineTo(x + 104, y + 30 - wave * 26);
  pen.stroke();
  pen.fillStyle = '#f3d6bb';
  pen.beginPath();
  pen.arc(x, y, 46, 0, Math.PI * 2);
  pen.fill();
  pen.fillStyle = '#3a2d28';
  pen.beginPath();
  pen.arc(x, y - 10, 46, Math.PI, 0);
  pen.fill();
  for (const side of [-16, 16]) {
    pen.beginPath();
    pen.arc(x + side, y + 8, 4.5, 0, Math.PI * 2);
    pen.fill();
  }
}

function counter(pen: Pen, frame: number): void {
  pen.fillStyle = 'rgb(0 0 0 / 55%)';
  pen.fillRect(520, 318, 120, 42);
  pen.fillStyle = '#ffffff';
  pen.textAlign = 'right';
  pen.font = '600 24px monospace';
  pen.fillText(String(frame % 1_000_000).padStart(6, '0'), 628, 347);
}

export interface Deck extends Drawn {
  turn(by: number): void;
}

/** The sample slides: `pages` are heading and line; they turn by key, or slowly by themselves. */
export function sampleSlides(pages: [heading: string, line: string][]): Deck {
  const fps = 10;
  const turnsAfter = fps * 20;
  let page = 0;
  let since = 0;
  const drawn = drawnTrack(1280, 720, fps, (pen, frame) => {
    if (++since > turnsAfter) {
      page = (page + 1) % pages.length;
      since = 0;
    }
    const [heading, line] = pages[page] ?? ['', ''];
    slide(pen, heading, line, `${page + 1} / ${pages.length}`, frame / fps);
    pen.fillStyle = '#5a6470';
    pen.font = '500 22px monospace';
    pen.textAlign = 'right';
    pen.fillText(String(frame % 1_000_000).padStart(6, '0'), 1232, 684);
  });
  return {
    ...drawn,
    turn(by) {
      page = (page + by + pages.length) % pages.length;
      since = 0;
    },
  };
}

function slide(pen: Pen, heading: string, line: string, foot: string, t: number): void {
  pen.fillStyle = '#fbfaf6';
  pen.fillRect(0, 0, 1280, 720);
  pen.fillStyle = '#1d2b45';
  pen.fillRect(0, 0, 18, 720);
  pen.textAlign = 'left';
  pen.font = `700 78px ${FONT}`;
  pen.fillText(heading, 96, 190, 1100);
  pen.font = `400 40px ${FONT}`;
  pen.fillStyle = '#3b4654';
  pen.fillText(line, 96, 270, 1100);
  staff(pen, t);
  pen.font = `500 24px ${FONT}`;
  pen.fillStyle = '#5a6470';
  pen.fillText(foot, 96, 684);
}

/** Five lines and notes that light up in turn: something that moves, and is worth looking at. */
function staff(pen: Pen, t: number): void {
  pen.strokeStyle = '#9aa3ad';
  pen.lineWidth = 2;
  for (let i = 0; i < 5; i++) {
    pen.beginPath();
    pen.moveTo(96, 400 + i * 30);
    pen.lineTo(1184, 400 + i * 30);
    pen.stroke();
  }
  const heights = [4, 3, 2, 3, 4, 4, 4, 3, 3, 3, 4, 6];
  const lit = Math.floor(t * 2) % heights.length;
  heights.forEach((height, i) => {
    const x = 160 + i * 86;
    const y = 535 - height * 15;
    pen.fillStyle = i === lit ? '#c8372d' : '#1d2b45';
    pen.beginPath();
    pen.ellipse(x, y, 17, 12, -0.35, 0, Math.PI * 2);
    pen.fill();
    pen.fillRect(x + 13, y - 84, 4, 84);
  });
}

export interface Tone {
  track: MediaStreamTrack;
  stop(): void;
}

/** A soft tone with a slow breath; its height tells the rooms apart. */
export function standinTone(name: string, context: AudioContext): Tone {
  const steps = [0, 2, 4, 7, 9, 12, 14, 16];
  const hertz = 330 * 2 ** ((steps[numberOf(name) % steps.length] ?? 0) / 12);
  const tone = new OscillatorNode(context, { frequency: hertz });
  const breath = new OscillatorNode(context, { frequency: 0.4 });
  const depth = new GainNode(context, { gain: 0.02 });
  const volume = new GainNode(context, { gain: 0.035 });
  const out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  breath.connect(depth).connect(volume.gain);
  tone.connect(volume).connect(out);
  tone.start();
  breath.start();
  const track = out.stream.getAudioTracks()[0];
  if (track === undefined) throw new Error('an audio destination has one track');
  return {
    track,
    stop() {
      tone.stop();
      breath.stop();
      track.stop();
    },
  };
}
