//! Who is signed in, if anybody. Pages for people begin with it.

import { call, Failure } from '../api/http';
import type { Person } from '../api/types';

export type Known = 'asking' | 'nobody' | 'unreachable' | Person;

const RETRY_MS = 2_000;

class Signed {
  now = $state.raw<Known>('asking');

  async ask(): Promise<void> {
    try {
      this.now = await call<Person>('/api/me');
    } catch (error) {
      if (error instanceof Failure && error.status >= 400 && error.status < 500) {
        this.now = 'nobody';
      } else {
        this.now = 'unreachable';
        setTimeout(() => void this.ask(), RETRY_MS);
      }
    }
  }

  in(person: Person): void {
    this.now = person;
  }

  /** A request failed: was it because the sign-in has ended? Then the page asks for it again, where one is. */
  missed(error: unknown): void {
    if (error instanceof Failure && error.code === 'not_signed_in') this.now = 'nobody';
  }

  async out(): Promise<void> {
    await call('/api/logout', { method: 'POST' }).catch(() => undefined);
    this.now = 'nobody';
  }
}

export const signed = new Signed();
