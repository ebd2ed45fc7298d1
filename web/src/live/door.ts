//! Is the server there? While somebody waits for it, this knocks (a small plain request), and tells when a knock is
//! answered. Knocks overlap: one that sits in a connection which died with the line must not hold up the next.

import { Failure, send } from '../api/http';
import { Backoff } from './backoff';

/** A knock is given up after this time. */
const KNOCK_MS = 3_000;
/** A knock that a younger one overtakes by so much sits in a dead connection. */
const OVERTAKEN_MS = 500;

/** An answered knock; `broken`: others before it were lost, so requests of that time are lost as well. */
export type Opened = (broken: boolean) => void;

export interface DoorParts {
  knock(signal: AbortSignal): Promise<boolean>;
  now?: () => number;
  random?: () => number;
}

export class Door {
  private readonly waiting = new Set<Opened>();
  private readonly pending = new Set<number>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private broken = false;
  private readonly backoff: Backoff;
  private readonly now: () => number;

  constructor(private readonly parts: DoorParts = { knock: serverReachable }) {
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
      if (!this.broken) this.backoff.reset();
    };
  }

  /** The network is said to be back: knock now. */
  hurry(): void {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.knock();
  }

  private knock(): void {
    const since = this.now();
    this.timer = setTimeout(() => this.knock(), this.backoff.next());
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
    this.backoff.reset();
    for (const opened of [...this.waiting]) opened(broken);
  }
}

async function serverReachable(signal: AbortSignal): Promise<boolean> {
  try {
    await send('/api/clock', { method: 'GET', signal });
    return true;
  } catch (error) {
    // Any answer is an answer, unless a relay says that the server is away.
    return error instanceof Failure && !error.unreachable;
  }
}
