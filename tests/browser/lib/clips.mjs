// Makes the pictures and sounds that stand in for cameras and microphones.
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { blocks } from './counter.mjs';
import { CLIPS_DIR } from './places.mjs';

export const FPS = 15;
/** What stands in for a camera; `grain` is the noise of its sensor, in steps of brightness each way. */
const SMALL = { width: 640, height: 360, grain: 0 };
/** Large enough for all three layers, with grain that uses the rates that they may have. */
export const LARGE = { width: 960, height: 540, grain: 8 };

/**
 * Who looks and sounds how. `frames` is where the count of a camera wraps; every frame is
 * different within it. Tones are far apart and no harmonics of one another below 2 kHz.
 */
export const CAST = {
  teacher: { clip: 1, frames: 600, tone_hz: 440 },
  room1: { clip: 2, frames: 150, tone_hz: 620 },
  room2: { clip: 3, frames: 150, tone_hz: 810 },
  room3: { clip: 4, frames: 150, tone_hz: 1010 },
};
/** The slides page counts hundredths of a second of the wall clock; see slides.mjs. */
export const SLIDES = { clip: 15, counts_per_second: 100, tone_hz: 1270 };

/** One I420 picture: the blocks above, a slow wave with a moving square below. */
function picture({ clip, frames }, count, { width, height, grain }, into) {
  const luma = into.subarray(0, width * height);
  const bits = blocks(clip, count);
  const blockWidth = width / 10;
  const blockHeight = height / 6;
  bits.forEach((bit, i) => {
    const x = (i % 10) * blockWidth;
    const y = Math.floor(i / 10) * blockHeight;
    for (let line = 0; line < blockHeight; line += 1) {
      luma.fill(bit ? 235 : 16, (y + line) * width + x, (y + line) * width + x + blockWidth);
    }
  });
  // The wave and the square go round a whole number of times in a loop.
  const shift = Math.floor((count / frames) * 8 * width);
  const row = new Uint8Array(width);
  for (let x = 0; x < width; x += 1) {
    row[x] = 120 + 60 * Math.sin(((x + shift) / width) * 4 * Math.PI);
  }
  for (let y = height / 2; y < height; y += 1) luma.set(row, y * width);
  const turn = (count / frames) * 20 * Math.PI;
  const left = Math.floor(width / 2 + (width / 3) * Math.cos(turn)) - 30;
  const top = Math.floor(height * 0.75 + (height / 8) * Math.sin(turn)) - 30;
  for (let y = top; y < top + 60; y += 1) luma.fill(220, y * width + left, y * width + left + 60);
  if (grain) addGrain(luma.subarray((width * height) / 2), grain, count);
  const quarter = (width * height) / 4;
  into.fill(100 + ((clip * 37) % 60), width * height, width * height + quarter);
  into.fill(110 + ((clip * 53) % 60), width * height + quarter);
}

/** Noise that differs from picture to picture and is the same in every run (a linear congruence). */
function addGrain(luma, grain, count) {
  let state = (count + 1) * 2654435761;
  for (let i = 0; i < luma.length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    luma[i] += ((state >>> 16) % (2 * grain + 1)) - grain;
  }
}

function writeWhole(path, write) {
  if (existsSync(path)) return path;
  const partial = `${path}.${process.pid}`;
  const file = openSync(partial, 'w');
  write(file);
  closeSync(file);
  renameSync(partial, path);
  return path;
}

/** The moving picture of one of the cast as Y4M; made once. Returns its path. */
export function cameraClip(name, size = SMALL) {
  mkdirSync(CLIPS_DIR, { recursive: true });
  const who = CAST[name];
  const { width, height } = size;
  return writeWhole(join(CLIPS_DIR, `${name}-${who.frames}${size === SMALL ? '' : `-${height}`}.y4m`), (file) => {
    writeSync(file, `YUV4MPEG2 W${width} H${height} F${FPS}:1 Ip A1:1 C420jpeg\n`);
    const pixels = new Uint8Array((width * height * 3) / 2);
    for (let count = 0; count < who.frames; count += 1) {
      picture(who, count, size, pixels);
      writeSync(file, 'FRAME\n');
      writeSync(file, pixels);
    }
  });
}

/**
 * Ten seconds of one of the cast's tone as 48 kHz mono WAV. It comes in syllables, four in two
 * seconds: noise suppression takes an unbroken tone for noise and removes it.
 */
export function microphoneClip(name) {
  mkdirSync(CLIPS_DIR, { recursive: true });
  const rate = 48000;
  const length = rate * 10;
  const { tone_hz } = CAST[name];
  return writeWhole(join(CLIPS_DIR, `${name}-${tone_hz}.wav`), (file) => {
    const head = Buffer.alloc(44);
    head.write('RIFF', 0);
    head.writeUInt32LE(36 + length * 2, 4);
    head.write('WAVEfmt ', 8);
    head.writeUInt32LE(16, 16);
    head.writeUInt16LE(1, 20);
    head.writeUInt16LE(1, 22);
    head.writeUInt32LE(rate, 24);
    head.writeUInt32LE(rate * 2, 28);
    head.writeUInt16LE(2, 32);
    head.writeUInt16LE(16, 34);
    head.write('data', 36);
    head.writeUInt32LE(length * 2, 40);
    const samples = Buffer.alloc(length * 2);
    for (let i = 0; i < length; i += 1) {
      const part = (i % (rate / 2)) / (rate / 2);
      const loud = part < 0.7 ? Math.sin((part / 0.7) * Math.PI) : 0;
      samples.writeInt16LE(Math.round(12000 * loud * Math.sin((2 * Math.PI * tone_hz * i) / rate)), i * 2);
    }
    writeSync(file, head);
    writeSync(file, samples);
  });
}
