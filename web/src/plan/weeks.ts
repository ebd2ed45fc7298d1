//! Patterns of teaching weeks, as people type them and as pages say them.

import type { Weeks } from '../api/types';
import { t } from '../words/index.svelte';

/** `1-8, 10` as numbers, sorted; null where it says no weeks of the term. Chinese commas and dashes do as well. */
export function readWeeks(text: string, last: number): number[] | null {
  const weeks = new Set<number>();
  for (const part of text.split(/[,\uFF0C\u3001;\s]+/u).filter((one) => one !== '')) {
    const match = /^(\d{1,2})(?:[-\u2013\u2014~\uFF5E](\d{1,2}))?$/u.exec(part);
    if (match === null) return null;
    const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (from < 1 || to > last || to < from) return null;
    for (let week = from; week <= to; week += 1) weeks.add(week);
  }
  return weeks.size === 0 ? null : [...weeks].sort((a, b) => a - b);
}

/** Numbers as ranges: 1–8, 10. */
export function rangesOf(weeks: number[]): string {
  const parts: [number, number][] = [];
  for (const week of weeks) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === week - 1) last[1] = week;
    else parts.push([week, week]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ');
}

export function weeksWords(weeks: Weeks): string {
  return Array.isArray(weeks) ? t('weeks.numbers', { weeks: rangesOf(weeks) }) : t(`weeks.${weeks}`);
}
