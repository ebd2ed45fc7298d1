//! A request that must be answered, however long the line is away. It is made again after each failure of the
//! network, and at once when knocks tell that the line was dead and has come back: a request made before that sits in
//! a connection which repeats it ever more rarely. One that hung until it was given up waits for a knock.

import { Failure } from '../api/http';
import { Backoff } from './backoff';
import type { Door } from './door';

/** A younger request is simply on its way; nobody knocks yet. */
const PATIENCE_MS = 700;
/** A failure that took longer is a line which swallows everything; a shorter one is a server that is being started. */
const HUNG_MS = 1_000;

/** The wait was called off; nobody is interested in the answer. */
export class CalledOff extends Error {}

export interface InsistParts {
  door: Door;
  now?: () => number;
  random?: () => number;
}

export class Insist {
  private again: (() => void) | null = null;
  private off: (() => void) | null = null;
  private readonly backoff: Backoff;
  private readonly now: () => number;

  constructor(private readonly parts: InsistParts) {
    this.now = parts.now ?? (() => performance.now());
    this.backoff = new Backoff(parts.now, parts.random);
  }

  /** Answers with what `attempt` answers, or fails with what is no failure of the network. One at a time. */
  async run<T>(attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.callOff();
    this.backoff.reset();
    let isOff = false;
    const off = new Promise<'off'>((resolve) => {
      this.off = () => {
        isOff = true;
        resolve('off');
      };
    });
    for (;;) {
      const result = await this.once(attempt, off);
      if (isOff) throw new CalledOff();
      if (result !== null) return result.value;
    }
  }

  /** Something says that the line is back: whatever waits is tried now. */
  hurry(): void {
    this.again?.();
  }

  callOff(): void {
    this.off?.();
    this.off = null;
  }

  /** One try and the pause after it; null: try again. */
  private async once<T>(attempt: (signal: AbortSignal) => Promise<T>, off: Promise<'off'>): Promise<{ value: T } | null> {
    const stop = new AbortController();
    const since = this.now();
    let isLate = false;
    let quit: () => void = () => undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = new Promise<'again'>((resolve) => {
      timer = setTimeout(() => {
        quit = this.parts.door.watch((broken) => (broken || isLate) && resolve('again'));
        // Once it is late, a hint from outside is as good as a knock.
        this.again = () => resolve('again');
      }, PATIENCE_MS);
    });
    try {
      const answer = attempt(stop.signal).then((value) => ({ value }));
      answer.catch(() => undefined);
      const first = await Promise.race([answer, again, off]);
      if (typeof first === 'object') return first;
      // A request that was called off may still be answered: its maker gives back what it brings.
      if (first === 'again') stop.abort();
    } catch (error) {
      if (!isLost(error)) throw error;
      isLate = this.now() - since >= HUNG_MS;
      if (!isLate) {
        clearTimeout(timer);
        quit();
      }
      await Promise.race([isLate ? again : this.nap(this.backoff.next()), off]);
    } finally {
      clearTimeout(timer);
      quit();
      this.again = null;
    }
    return null;
  }

  private nap(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.again = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** No answer at all, or a relay's word that the server is away; a busy server that says when to come is an answer. */
function isLost(error: unknown): boolean {
  return error instanceof Failure && error.unreachable && error.retryAfterMs === null;
}
