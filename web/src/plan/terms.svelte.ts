//! The terms, and which one and which school the calendar's pages look at: chosen once, for all of them.

import { call } from '../api/http';
import type { Paged, School, Term } from '../api/types';
import { dayInput } from '../admin/days';
import { time } from '../live/time.svelte';
import { signed } from '../ui/person.svelte';

class Terms {
  list = $state.raw<Term[] | null>(null);
  failed = $state(false);
  private wanted = $state<string | null>(null);

  private readonly today = $derived(dayInput(time.now));

  /**
   * The chosen one; else the one of today, else the next to come, else the last that was. Derived, so that whoever looks at
   * it is told when it is another one, not of every second that passes.
   */
  readonly now = $derived.by((): Term | null => {
    const list = this.list ?? [];
    const coming = [...list].reverse().find((term) => term.last_day >= this.today);
    return list.find((term) => term.id === this.wanted) ?? coming ?? list[0] ?? null;
  });

  choose(id: string): void {
    this.wanted = id;
  }

  async load(): Promise<void> {
    try {
      this.list = await call<Term[]>('/api/terms');
      this.failed = false;
    } catch (error) {
      this.failed = true;
      signed.missed(error);
    }
  }
}

export const terms = new Terms();

class Place {
  school = $state.raw<School | null>(null);
  private asked = false;

  /** An administrator of one school has that one; where there is one school only, it is chosen. */
  async load(): Promise<void> {
    if (this.asked || this.school !== null) return;
    this.asked = true;
    const person = signed.now;
    if (typeof person === 'object' && person.school && person.role === 'school_admin') {
      this.school = { ...person.school, kind: 'village' };
      return;
    }
    const answer = await call<Paged<School>>('/api/schools?page=1&per_page=2').catch(() => null);
    if (answer?.items.length === 1) this.school = answer.items[0] ?? null;
  }
}

export const place = new Place();

/** What a role may write for: the widest first. */
export function scopesOf(role: string): ('region' | 'group' | 'school')[] {
  if (role === 'region_admin') return ['region', 'group', 'school'];
  return role === 'group_admin' ? ['group', 'school'] : ['school'];
}
