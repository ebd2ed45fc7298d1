//! What is wrong with a bell table while it is typed. The server checks again.

import type { BellPeriod } from '../api/types';

export type BellFault = 'time' | 'order' | 'overlap' | 'number' | 'long';
export interface Named {
  /** which row, from 0 */
  row: number;
  fault: BellFault;
  /** number of the period that it meets */
  other?: number;
}

/** Breaks of more than this are shown: it is often a forgotten period, and sometimes lunch. */
const GAP_MIN = 60;
/** No period is longer; the afternoon was typed as the morning. */
const LONG_MIN = 120;

/** Minutes of the day; null if it is no time. */
export function minutes(text: string): number | null {
  const match = /^(\d{2}):(\d{2})$/.exec(text);
  if (match === null) return null;
  const [hour, minute] = [Number(match[1]), Number(match[2])];
  return hour < 24 && minute < 60 ? hour * 60 + minute : null;
}

export function clock(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}

/** Every fault with its row: nothing is saved while there is one. */
export function faults(periods: BellPeriod[]): Named[] {
  const found: Named[] = [];
  periods.forEach((period, row) => {
    const [start, end] = [minutes(period.start), minutes(period.end)];
    if (start === null || end === null) found.push({ row, fault: 'time' });
    else if (end <= start) found.push({ row, fault: 'order' });
    else if (end - start > LONG_MIN) found.push({ row, fault: 'long' });
    if (!Number.isInteger(period.no) || period.no < 1 || periods.findIndex((other) => other.no === period.no) !== row) {
      found.push({ row, fault: 'number', other: period.no });
    }
    for (const other of periods.slice(0, row)) {
      const [from, to] = [minutes(other.start), minutes(other.end)];
      const known = start !== null && end !== null && from !== null && to !== null;
      // What runs backwards lies nowhere.
      if (known && start < end && from < to && start < to && from < end) {
        found.push({ row, fault: 'overlap', other: other.no });
      }
    }
  });
  return found;
}

/** Long breaks, which are told and do not hinder: after which period, and how many minutes. */
export function gaps(periods: BellPeriod[]): { after: number; minutes: number }[] {
  const known = periods.filter((period) => minutes(period.start) !== null && minutes(period.end) !== null);
  const sorted = known.sort((a, b) => (minutes(a.start) ?? 0) - (minutes(b.start) ?? 0));
  return sorted.slice(1).flatMap((period, i) => {
    const before = sorted[i]!;
    const length = (minutes(period.start) ?? 0) - (minutes(before.end) ?? 0);
    return length > GAP_MIN ? [{ after: before.no, minutes: length }] : [];
  });
}

/** The next row: as long as the last, after a break of ten minutes. */
export function nextPeriod(periods: BellPeriod[]): BellPeriod {
  const last = periods.at(-1);
  const end = last === undefined ? null : minutes(last.end);
  const start = last === undefined ? null : minutes(last.start);
  const no = Math.max(0, ...periods.map((period) => period.no)) + 1;
  if (end === null || start === null || end + 10 >= 24 * 60) return { no, start: '08:00', end: '08:40' };
  const from = end + 10;
  return { no, start: clock(from), end: clock(Math.min(from + Math.max(1, end - start), 24 * 60 - 1)) };
}
