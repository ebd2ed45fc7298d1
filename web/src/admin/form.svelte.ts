//! A form on its way to the server: busy, refused with reasons per field, or done.

import { call, Failure } from '../api/http';
import type { Clash, PlanClash } from '../api/types';
import { t, tWord } from '../words/index.svelte';

export class Form {
  busy = $state(false);
  fault = $state<string | null>(null);
  fields = $state.raw<Record<string, string>>({});
  clashes = $state.raw<Clash[]>([]);
  /** what the calendar has against it */
  inTheWay = $state.raw<PlanClash[]>([]);
  done = $state(false);

  async send<T>(path: string, body: unknown, method = 'POST'): Promise<T | null> {
    this.clear();
    // What was not chosen has no id: the reason stands at its field, not in the server's answer.
    const blank = Object.entries(body as object).filter(([, value]) => value === '');
    if (blank.length > 0) {
      this.fields = Object.fromEntries(blank.map(([name]) => [name, 'blank']));
      this.fault = t('error.fields');
      return null;
    }
    this.busy = true;
    try {
      const answer = await call<T>(path, { method, body });
      this.done = true;
      return answer;
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure(0, 'unreachable');
      this.fault = tWord('error', failure.code, 'error.other');
      this.fields = failure.body.fields ?? {};
      this.clashes = Array.isArray(failure.body.clashes) ? (failure.body.clashes as Clash[]) : [];
      this.inTheWay = Array.isArray(failure.body.in_the_way) ? (failure.body.in_the_way as PlanClash[]) : [];
      return null;
    } finally {
      this.busy = false;
    }
  }

  clear(): void {
    this.fault = null;
    this.fields = {};
    this.clashes = [];
    this.inTheWay = [];
    this.done = false;
  }

  /** Why a field was refused, in words; the server's own reason is for engineers. */
  why(field: string): string | null {
    return field in this.fields ? tWord('field', field, 'field.bad') : null;
  }
}
