//! Is the server there? While somebody waits for it, this knocks (a small plain request), and tells when a knock is
//! answered. Knocks overlap: one that sits in a connection which died with the line must not hold up the next.
//!
//! When the line stays away, plain knocks become rare and the path is knocked along instead, where it is known (see
//! `knock`); once that is answered, plain knocks say the rest.

import { Failure, send } from '../api/http';
import { Backoff } from './backoff';
import type { PathKnock } from './knock';

/** A knock is given up after this time. */
const KNOCK_MS = 3_000;
/** A knock that a younger one overtakes by so much sits in a dead connection. */
const OVERTAKEN_MS = 500;
/** A line away for so long may stay so. */
const LONG_MS = 1_500;
/** Plain knocks of a long break. The first finds out a dead connection of HTTP/2, which browsers try only after ten
 *  seconds of silence; the rest are for a path that leads nowhere, and so far apart that the connections of one are
 *  given up by the system before the next (127 s on Linux). */
const RARE_MS = 12_000;
const RARE_APART_MS = 130_000;
/** One knock along the path; the browser gives up a little later. */
const PATH_KNOCK_MS = 8_000;
/** One that failed sooner could not even begin: the next waits for its turn. */
const PATH_TRIED_MS = 4_000;
/** After it was answered, plain knocks are frequent again for so long. */
const FOUND_MS = 10_000;

/** An answered knock; `broken`: others before it were lost, so requests of that time are lost as well. */
export type Opened = (broken: boolean) => void;

export interface DoorParts {
  knock(signal: AbortSignal): Promise<boolean>;
  path?: Pick<PathKnock, 'ready' | 'knock'>;
  now?: () => number;
  random?: () => number;
}

export class Door {
  private readonly waiting = new Set<Opened>();
  private readonly pending = new Set<number>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private broken = false;
  /** the first unanswered knock, and how many plain ones of the long break were made */
  private since: number | null = null;
  private rare = 0;
  private foundUntil = -Infinity;
  private alongPath = false;
  private readonly backoff: Backoff;
  private readonly now: () => number;

  constructor(private readonly parts: DoorParts) {
    this.now = parts.now ?? (() => performance.now());
    this.backoff = new Backoff(this.now, parts.random);
  }

  /** Calls `opened` at every answered knock until the returned function is called. */
  watch(opened: Opened): () => void {
    this.waiting.add(opened);
    this.timer ??= setTimeout(() => this.knock(), this.backoff.next());
    return () => {
      this.waiting.delete(opened);
      if (this.waiting.size > 0) return;
      if (this.timer !== null) clearTimeout(this.timer);
      this.timer = null;
      // Whoever comes next begins with a young fault, unless this one was never mended.
      if (this.broken) return;
      this.since = null;
      this.backoff.reset();
    };
  }

  /** The network is said to be back: knock now. */
  hurry(): void {
    if (this.timer !== null) this.knockPlainly(this.now());
  }

  private knock(): void {
    const now = this.now();
    this.timer = setTimeout(() => this.knock(), this.backoff.next());
    this.since ??= now;
    if (this.isDue(now, now - this.since)) this.knockPlainly(now);
  }

  /** Is a plain knock due, of a break of this age? */
  private isDue(now: number, age: number): boolean {
    const { path } = this.parts;
    if (age < LONG_MS || path === undefined || !path.ready) return true;
    if (now < this.foundUntil) return true;
    if (!this.alongPath) void this.knockAlong(path);
    if (age < RARE_MS + this.rare * RARE_APART_MS) return false;
    this.rare += 1;
    return true;
  }

  private async knockAlong(path: NonNullable<DoorParts['path']>): Promise<void> {
    this.alongPath = true;
    let there = false;
    let isTried = true;
    while (!there && isTried && this.timer !== null && this.since !== null) {
      const begun = this.now();
      there = await path.knock(AbortSignal.timeout(PATH_KNOCK_MS));
      isTried = this.now() - begun >= PATH_TRIED_MS;
    }
    this.alongPath = false;
    if (!there || this.timer === null) return;
    this.foundUntil = this.now() + FOUND_MS;
    clearTimeout(this.timer);
    this.knock();
  }

  private knockPlainly(since: number): void {
    this.pending.add(since);
    const done = (there: boolean) => {
      if (!this.pending.delete(since)) return;
      if (there) this.answered(since);
      else this.broken = true;
    };
    this.parts.knock(AbortSignal.timeout(KNOCK_MS)).then(done, () => done(false));
  }

  private answered(since: number): void {
    const overtaken = [...this.pending].some((other) => since - other >= OVERTAKEN_MS);
    const broken = this.broken || overtaken;
    this.broken = false;
    this.pending.clear();
    this.since = null;
    this.rare = 0;
    this.foundUntil = -Infinity;
    this.backoff.reset();
    for (const opened of [...this.waiting]) opened(broken);
  }
}

export async function serverReachable(signal: AbortSignal): Promise<boolean> {
  try {
    await send('/api/clock', { method: 'GET', signal });
    return true;
  } catch (error) {
    // Any answer is an answer, unless a relay says that the server is away.
    return error instanceof Failure && !error.unreachable;
  }
}
