//! A change that is being considered: what it would do is asked before anything is done.

import { call, query } from '../api/http';
import { Failure } from '../api/http';
import type { ChangeAct, ChangeCheck, GridLesson, SlotCheck, Week, WeekDay } from '../api/types';
import { signed } from '../ui/person.svelte';
import { civilDay } from '../words/format';
import { t, tWord } from '../words/index.svelte';

/** A drag passes over many periods; what it only crosses is not asked for. */
const REST_MS = 120;

export class Trial {
  act = $state.raw<ChangeAct | null>(null);
  check = $state.raw<ChangeCheck | null>(null);
  fault = $state<string | null>(null);
  private known = new Map<string, ChangeCheck>();
  private timer: ReturnType<typeof setTimeout> | null = null;

  /** Asks once the hand rests; the same question is not asked twice until something has changed. */
  async ask(term: string, act: ChangeAct, restMs = REST_MS): Promise<void> {
    const key = JSON.stringify(act);
    if (this.act !== null && JSON.stringify(this.act) === key && (this.check !== null || this.fault !== null)) return;
    this.act = act;
    this.fault = null;
    this.check = this.known.get(key) ?? null;
    if (this.timer !== null) clearTimeout(this.timer);
    if (this.check !== null) return;
    await new Promise<void>((rested) => (this.timer = setTimeout(rested, restMs)));
    if (this.act === null || JSON.stringify(this.act) !== key) return;
    try {
      const found = await call<ChangeCheck>('/api/changes/check', { body: { term, act } });
      this.known.set(key, found);
      if (this.act !== null && JSON.stringify(this.act) === key) this.check = found;
    } catch (error) {
      signed.missed(error);
      if (this.act !== null && JSON.stringify(this.act) === key) this.fail(error);
    }
  }

  fail(error: unknown): void {
    this.fault = tWord('error', error instanceof Failure ? error.code : 'unreachable', 'error.other');
  }

  /** What is known already, such as the places of a lesson in hand, is not asked for. */
  tell(act: ChangeAct, check: ChangeCheck, over = false): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.known.set(JSON.stringify(act), check);
    this.act = act;
    this.check = over ? null : check;
    this.fault = over ? t('change.over') : null;
  }

  clear(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.act = this.check = this.fault = null;
    this.known.clear();
  }
}

export const nameOf = (lesson: GridLesson) => ({ entry: lesson.entry, date: lesson.original });

/** Where a lesson may be moved goes by its master's bells, not by those of the school that looks. */
export async function masterDays(lesson: GridLesson, date: string): Promise<WeekDay[]> {
  const room = lesson.rooms[0]?.id;
  if (room === undefined) return [];
  return (await call<Week>('/api/week' + query({ date, room })).catch(() => null))?.days ?? [];
}

/** Every place of a week for a lesson, with what putting it down there would do: one question for all of them. */
export function placesOf(term: string, lesson: GridLesson, date: string): Promise<SlotCheck[]> {
  return call<SlotCheck[]>('/api/changes/slots', { body: { term, lesson: nameOf(lesson), date } });
}

/** Why a place is none, in a few words. */
export function placeWords(place: SlotCheck): string {
  if (place.over) return t('change.over.short');
  const kinds = [...new Set(place.check.clashes.map((clash) => clash.kind))];
  if (kinds.length > 0) return kinds.map((kind) => tWord('plan.kind', kind, 'plan.kind.other')).join(t('clash.and'));
  return place.check.asks.length > 0 ? t('week.place.asks') : place.act.kind === 'swap' ? t('week.place.swap') : t('week.place.free');
}

/** What a change does, without the lesson's name. */
export function actWords(act: ChangeAct): string {
  switch (act.kind) {
    case 'move':
      return t('act.move', { from: civilDay(act.lesson.date), to: civilDay(act.to.date), n: act.to.period });
    case 'swap':
      return t('act.swap', { a: civilDay(act.a.date), b: civilDay(act.b.date) });
    case 'substitute':
      return t('act.substitute', { day: civilDay(act.lesson.date) });
    case 'cancel':
      return t('act.cancel', { day: civilDay(act.lesson.date) });
  }
}
