//! The lesson's clock of the player. It does not play anything: it says what time of the lesson it is, and how far
//! a media element must be nudged to be there too. Times are milliseconds from the first bell's recording start.

/** Beyond this a nudge would take too long: seek. */
export const SEEK_BEYOND_MS = 250;
/** What the ear and the eye do not notice; within it nothing is touched. */
const CALM_MS = 12;
/** Sound within five per cent of its rate is not heard as haste (browsers keep the pitch). */
export const NUDGE_SOUND = 0.05;
/** A picture may hurry more: nobody sees it for the second that it lasts. */
export const NUDGE_PICTURE = 0.25;

export class Clockwork {
  private anchorTime = 0;
  private anchorAt = 0;
  private running = false;
  private holding = false;
  private speed = 1;

  constructor(
    public durationMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  get time(): number {
    const moved = this.running && !this.holding ? (this.now() - this.anchorAt) * this.speed : 0;
    return Math.min(this.durationMs, Math.max(0, this.anchorTime + moved));
  }

  get playing(): boolean {
    return this.running;
  }

  get held(): boolean {
    return this.holding;
  }

  get rate(): number {
    return this.speed;
  }

  get ended(): boolean {
    return this.time >= this.durationMs;
  }

  play(): void {
    if (this.ended) this.seek(0);
    this.anchor();
    this.running = true;
  }

  pause(): void {
    this.anchor();
    this.running = false;
  }

  seek(timeMs: number): void {
    this.anchorTime = Math.min(this.durationMs, Math.max(0, timeMs));
    this.anchorAt = this.now();
  }

  setRate(rate: number): void {
    this.anchor();
    this.speed = rate;
  }

  /** While a picture or the voice has nothing to play, time stands still for all. */
  hold(holding: boolean): void {
    if (holding === this.holding) return;
    this.anchor();
    this.holding = holding;
  }

  private anchor(): void {
    this.anchorTime = this.time;
    this.anchorAt = this.now();
  }
}

export interface Correction {
  /** jump to this element time, in milliseconds, or null */
  seekMs: number | null;
  rate: number;
}

/** What to do with an element that is at `elementMs` when it should be at `wantedMs`; `most` is by how much its rate may differ. */
export function correction(elementMs: number, wantedMs: number, rate: number, most = NUDGE_SOUND): Correction {
  const ahead = elementMs - wantedMs;
  if (Math.abs(ahead) > SEEK_BEYOND_MS) return { seekMs: wantedMs, rate };
  if (Math.abs(ahead) <= CALM_MS) return { seekMs: null, rate };
  // What is away is gone in about a second, or as soon as the most allows.
  const nudge = Math.max(-most, Math.min(most, -ahead / 1000));
  return { seekMs: null, rate: rate * (1 + nudge) };
}

/** The run that holds this time, by index, or -1 in a gap. */
export function runAt(runs: { start_ms: number; duration_ms: number }[], timeMs: number): number {
  return runs.findIndex((run) => timeMs >= run.start_ms && timeMs < run.start_ms + run.duration_ms);
}
