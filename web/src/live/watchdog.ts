//! Is the media path alive? The server is ICE-lite and sends no checks of its own, and the browser takes up to
//! half a minute to call a path failed; so the page looks itself, every 500 ms.

export interface Pulse {
  /** bytes received over the transport: media, feedback, everything authenticated */
  bytes: number;
  /** answers to the browser's own connectivity checks */
  responses: number;
}

/** With media flowing, packets come every 20 ms; this long without any is a dead path, not jitter. */
export const FLOW_SILENCE_MS = 1_500;
/** With nothing to receive, only checks are answered; browsers send them every few seconds. */
export const IDLE_SILENCE_MS = 7_000;
/** Flow means: bytes arrived in at least this many of the last samples. */
const FLOW_SAMPLES = 4;

export class Watchdog {
  private last: Pulse | null = null;
  private aliveAt = 0;
  private flowing = 0;

  /** Feeds one sample; tells how long the path has been silent beyond what is normal, or 0. */
  feed(now: number, pulse: Pulse): number {
    const last = this.last;
    this.last = pulse;
    if (last === null || pulse.bytes !== last.bytes || pulse.responses !== last.responses) this.aliveAt = now;
    if (last !== null && pulse.bytes !== last.bytes) this.flowing = Math.min(this.flowing + 1, FLOW_SAMPLES);
    const silence = now - this.aliveAt;
    const allowed = this.flowing >= FLOW_SAMPLES ? FLOW_SILENCE_MS : IDLE_SILENCE_MS;
    // Flow that ended while checks are still answered is a publisher that left, not a dead path.
    if (silence === 0 && last !== null && pulse.bytes === last.bytes) this.flowing = 0;
    return silence >= allowed ? silence : 0;
  }

  reset(): void {
    this.last = null;
    this.flowing = 0;
  }
}
