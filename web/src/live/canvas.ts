//! A drawn picture as a video track.

import { every } from './ticker';

export type Draw = (pen: OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D, frame: number) => void;

export interface Drawn {
  track: MediaStreamTrack;
  stop(): void;
}

/** Chromium only; its frames also flow from a page in the background, where a canvas is not captured. */
interface Generator extends MediaStreamTrack {
  readonly writable: WritableStream<VideoFrame>;
}
type GeneratorClass = new (init: { kind: 'video' }) => Generator;

export function drawnTrack(width: number, height: number, fps: number, draw: Draw): Drawn {
  const made = (globalThis as { MediaStreamTrackGenerator?: GeneratorClass }).MediaStreamTrackGenerator;
  return made === undefined ? captured(width, height, fps, draw) : generated(made, width, height, fps, draw);
}

function generated(made: GeneratorClass, width: number, height: number, fps: number, draw: Draw): Drawn {
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext('2d');
  const track = new made({ kind: 'video' });
  const writer = track.writable.getWriter();
  let number = 0;
  let busy = false;
  const tick = () => {
    if (pen === null || busy) return;
    draw(pen, number++);
    busy = true;
    const frame = new VideoFrame(canvas, { timestamp: Math.round(performance.now() * 1000) });
    writer
      .write(frame)
      .catch(() => frame.close())
      .finally(() => (busy = false));
  };
  tick();
  const stopTicks = every(1000 / fps, tick);
  return {
    track,
    stop() {
      stopTicks();
      track.stop();
    },
  };
}

function captured(width: number, height: number, fps: number, draw: Draw): Drawn {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext('2d');
  let number = 0;
  const tick = () => pen && draw(pen, number++);
  tick();
  const stopTicks = every(1000 / fps, tick);
  const track = canvas.captureStream(fps).getVideoTracks()[0];
  if (track === undefined) throw new Error('a captured canvas has one video track');
  return {
    track,
    stop() {
      stopTicks();
      track.stop();
    },
  };
}
