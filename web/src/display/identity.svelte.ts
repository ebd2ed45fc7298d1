//! Which room this screen belongs to, and how it came to know: a link's secret exchanged once, a secret kept from
//! before, or a code that an administrator confirms.

import { call, Failure } from '../api/http';
import type { Named } from '../api/types';
import { time } from '../live/time.svelte';

export type Identity =
  | { step: 'starting' }
  | { step: 'unreachable' }
  | { step: 'pairing'; code: string; expiresMs: number }
  | { step: 'paired'; secret: string; room: Named };

const PREFIX = 'tongke.display.';
const LAST = 'tongke.display-last';
const WAITING = 'tongke.pairing';
const POLL_MS = 2_000;

interface Waiting {
  code: string;
  secret: string;
  expires_ms: number;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export class DisplayIdentity {
  now = $state<Identity>({ step: 'starting' });
  /** an administrator has taken this screen out */
  revoked = $state(false);

  async find(): Promise<void> {
    const hash = new URLSearchParams(location.hash.slice(1));
    const fragment = hash.get('secret');
    if (fragment !== null && (await this.exchange(fragment))) return;
    const kept = keptSecret(hash.get('room'));
    if (kept !== null) {
      this.settle(kept.secret, { id: kept.room, name: '' });
      return;
    }
    await this.pair();
  }

  /** The server no longer takes the secret: forget it and ask to be paired again. */
  async lost(): Promise<void> {
    if (this.now.step !== 'paired') return;
    this.revoked = true;
    localStorage.removeItem(PREFIX + this.now.room.id);
    history.replaceState(null, '', location.pathname + location.search);
    await this.pair();
  }

  private async exchange(fragment: string): Promise<boolean> {
    for (;;) {
      try {
        const answer = await call<{ secret: string; room: Named }>('/api/displays/exchange', {
          method: 'POST',
          body: {},
          bearer: fragment,
        });
        this.settle(answer.secret, answer.room);
        return true;
      } catch (error) {
        if (!(error instanceof Failure) || !worthWaiting(error)) return false;
        this.now = { step: 'unreachable' };
        await pause(POLL_MS);
      }
    }
  }

  private settle(secret: string, room: Named): void {
    localStorage.setItem(PREFIX + room.id, secret);
    localStorage.setItem(LAST, room.id);
    localStorage.removeItem(WAITING);
    history.replaceState(null, '', `${location.pathname}${location.search}#room=${room.id}`);
    this.now = { step: 'paired', secret, room };
  }

  private async pair(): Promise<void> {
    // How long the code is good is the server's time; the device's clock may be minutes off.
    void call<{ now_ms: number }>('/api/clock').then((answer) => time.read(answer.now_ms), () => undefined);
    for (;;) {
      try {
        const waiting = keptWaiting() ?? (await this.ask());
        this.now = { step: 'pairing', code: spaced(waiting.code), expiresMs: waiting.expires_ms };
        const self = await call<{ state: string; room?: Named }>('/api/displays/self', { bearer: waiting.secret });
        if (self.state === 'paired' && self.room !== undefined) {
          this.revoked = false;
          this.settle(waiting.secret, self.room);
          return;
        }
        if (self.state !== 'waiting') localStorage.removeItem(WAITING);
        else await pause(POLL_MS);
      } catch (error) {
        if (error instanceof Failure && (error.status === 401 || error.status === 404)) localStorage.removeItem(WAITING);
        else if (this.now.step !== 'pairing') this.now = { step: 'unreachable' };
        await pause(error instanceof Failure ? (error.retryAfterMs ?? POLL_MS) : POLL_MS);
      }
    }
  }

  private async ask(): Promise<Waiting> {
    const waiting = await call<Waiting>('/api/displays', { body: {} });
    localStorage.setItem(WAITING, JSON.stringify(waiting));
    return waiting;
  }
}

function worthWaiting(failure: Failure): boolean {
  return failure.unreachable || failure.status === 429 || failure.status >= 500;
}

function keptSecret(room: string | null): { room: string; secret: string } | null {
  const wanted = room ?? localStorage.getItem(LAST);
  if (wanted === null) return null;
  const secret = localStorage.getItem(PREFIX + wanted);
  return secret === null ? null : { room: wanted, secret };
}

function keptWaiting(): Waiting | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(WAITING) ?? 'null');
    const waiting = value as Waiting | null;
    return typeof waiting?.code === 'string' && typeof waiting.secret === 'string' ? waiting : null;
  } catch {
    return null;
  }
}

function spaced(code: string): string {
  const bare = code.replace(/[^0-9A-Za-z]/g, '').toUpperCase();
  return `${bare.slice(0, 4)}-${bare.slice(4)}`;
}
