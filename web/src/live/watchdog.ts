//! Is the media path alive? The server is ICE-lite and sends no checks of its own, and the browser takes up to
//! half a minute to call a path failed; so the page looks itself, every 500 ms.

export interface Pulse {
  /** bytes received over the transport: media, feedback, everything authenticated */
  bytes: number;
  /** answers to the browser's own connectivity checks */
  responses: number;
}

/** With media flowing, packets come every 20 ms; this long without any is a dead path, not jitter. */
export const FLOW_SILENCE_MS = 950;
/** With nothing to receive, the server still reports twice a second; a few of these may be lost. */
export const IDLE_SILENCE_MS = 3_000;
/** After a hint that the network changed, one empty sample is enough. */
export const HINTED_SILENCE_MS = 400;
/** So long a hint counts. */
const HINT_MS = 3_000;
/** Flow means: so many of the last samples brought more than reports. */
const FLOW_SAMPLES = 4;
/** More than the reports of one sample, less than its sound or its feedback. */
const FLOW_BYTES = 100;

export class Watchdog {
  private last: Pulse | null = null;
  private aliveAt = 0;
  private flowing = 0;
  private hintedUntil = -Infinity;

  /** Feeds one sample; tells how long the path has been silent beyond what is normal, or 0. */
  feed(now: number, pulse: Pulse): number {
    const last = this.last;
    this.last = pulse;
    const bytes = last === null ? 0 : pulse.bytes - last.bytes;
    if (last === null || bytes !== 0 || pulse.responses !== last.responses) this.aliveAt = now;
    if (bytes > FLOW_BYTES) this.flowing = Math.min(this.flowing + 1, FLOW_SAMPLES);
    // Flow that ended while reports still come is a publisher that left, not a dead path.
    else if (this.aliveAt === now) this.flowing = 0;
    const silence = now - this.aliveAt;
    return silence >= this.allowed(now) ? silence : 0;
  }

  /** Something outside says that the network may have changed. */
  hint(now: number): void {
    this.hintedUntil = now + HINT_MS;
  }

  reset(): void {
    this.last = null;
    this.flowing = 0;
  }

  private allowed(now: number): number {
    if (this.flowing < FLOW_SAMPLES) return IDLE_SILENCE_MS;
    return now < this.hintedUntil ? HINTED_SILENCE_MS : FLOW_SILENCE_MS;
  }
}
