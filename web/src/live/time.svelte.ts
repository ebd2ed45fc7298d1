//! Server time as reactive state, for everything on a page that shows a clock.

import { ServerClock } from './clock';

const TICK_MS = 250;

class Time {
  readonly clock = new ServerClock();
  now = $state(Date.now());
  /** the server has said what time it is; before, `now` is the device's guess */
  known = $state(false);
  private timer: ReturnType<typeof setInterval> | null = null;

  /** Starts ticking; pages call it once. */
  run(): void {
    this.timer ??= setInterval(() => (this.now = this.clock.now()), TICK_MS);
  }

  read(nowMs: number): void {
    this.clock.read(nowMs);
    this.known = true;
    this.now = this.clock.now();
  }
}

export const time = new Time();
