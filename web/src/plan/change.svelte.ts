//! A change that is being considered: what it would do is asked before anything is done.

import { call, query } from '../api/http';
import { Failure } from '../api/http';
import type { ChangeAct, ChangeCheck, GridLesson, Week, WeekDay } from '../api/types';
import { signed } from '../ui/person.svelte';
import { civilDay } from '../words/format';
import { t, tWord } from '../words/index.svelte';
import { minutes } from './bells';

export interface Slot {
  date: string;
  period: number;
}

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
      if (this.act !== null && JSON.stringify(this.act) === key) this.fault = tWord('error', error instanceof Failure ? error.code : 'unreachable', 'error.other');
    }
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

/** The period that a lesson let go at this time of day is meant for: the one that begins nearest. */
export function slotOf(days: WeekDay[], date: string, minute: number): Slot | null {
  const periods = days.find((day) => day.date === date)?.periods ?? [];
  let best: { no: number; off: number } | null = null;
  for (const period of periods) {
    const off = Math.abs((minutes(period.start) ?? 0) - minute);
    if (best === null || off < best.off) best = { no: period.no, off };
  }
  return best === null ? null : { date, period: best.no };
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
