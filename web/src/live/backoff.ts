//! When to try again. Quick while the fault is young, so that a restarted server finds its rooms within two
//! seconds; slow when it is old, so that a dead server is not pounded.

const FIRST_MS = 200;
const YOUNG_CAP_MS = 500;
const OLD_CAP_MS = 5_000;
const YOUNG_FOR_MS = 60_000;

export class Backoff {
  private tries = 0;
  private since: number | null = null;

  constructor(
    private readonly now: () => number = () => performance.now(),
    private readonly random: () => number = Math.random,
  ) {}

  /** Milliseconds until the next try; half of it is chance, so that a school does not come back in one beat. */
  next(): number {
    this.since ??= this.now();
    const cap = this.now() - this.since < YOUNG_FOR_MS ? YOUNG_CAP_MS : OLD_CAP_MS;
    const full = Math.min(cap, FIRST_MS * 2 ** this.tries);
    this.tries = Math.min(this.tries + 1, 10);
    return full * (0.5 + 0.5 * this.random());
  }

  reset(): void {
    this.tries = 0;
    this.since = null;
  }
}
