//! When to try again. At once while the fault is young, so that a restarted server finds its rooms again; then so
//! often that a lesson is back within two seconds of its line, however long that was away. A school's displays are
//! a few hundred: at 1.5 s each that is a request every few milliseconds, which the server does not notice.

const FIRST_MS = 200;
const YOUNG_CAP_MS = 1_000;
const YOUNG_FOR_MS = 10_000;
const OLD_CAP_MS = 1_500;
/** From young to old the cap grows over this time. */
const GROWS_FOR_MS = 50_000;
/** This share of the wait is chance, so that a school does not come back in one beat. */
const CHANCE = 0.3;

export class Backoff {
  private tries = 0;
  private since: number | null = null;

  constructor(
    private readonly now: () => number = () => performance.now(),
    private readonly random: () => number = Math.random,
  ) {}

  /** Milliseconds until the next try. */
  next(): number {
    this.since ??= this.now();
    const old = Math.min(1, Math.max(0, (this.now() - this.since - YOUNG_FOR_MS) / GROWS_FOR_MS));
    const cap = YOUNG_CAP_MS + old * (OLD_CAP_MS - YOUNG_CAP_MS);
    const full = Math.min(cap, FIRST_MS * 2 ** this.tries);
    this.tries = Math.min(this.tries + 1, 10);
    return full * (1 - CHANCE + CHANCE * this.random());
  }

  reset(): void {
    this.tries = 0;
    this.since = null;
  }
}
