//! Times and lengths as people read them, in the district's time. Reactive through `locale()` and the zone.

import { locale, t } from './index.svelte';
import { civil } from './zone.svelte';

const two = (value: number) => String(value).padStart(2, '0');

/** 10:20 */
export function clockOf(ms: number): string {
  const date = civil(ms);
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

/** 10:20:05 */
export function clockSecondsOf(ms: number): string {
  return `${clockOf(ms)}:${two(civil(ms).getUTCSeconds())}`;
}

/** A length: 17:42, or 1:02:03 from an hour on. */
export function spanOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${two(minutes)}:${two(seconds % 60)}`;
}

/** A length that is counted down: its last second is shown as 00:01. */
export function countdownOf(ms: number): string {
  return spanOf(Math.ceil(Math.max(0, ms) / 1000) * 1000);
}

export function weekdayOf(ms: number): string {
  return new Intl.DateTimeFormat(locale(), { weekday: 'long', timeZone: 'UTC' }).format(civil(ms));
}

export function dayOf(ms: number): string {
  return new Intl.DateTimeFormat(locale(), { month: 'long', day: 'numeric', timeZone: 'UTC' }).format(civil(ms));
}

export function dateOf(ms: number): string {
  return new Intl.DateTimeFormat(locale(), { year: 'numeric', month: '2-digit', day: '2-digit', timeZone: 'UTC' }).format(civil(ms));
}

/** How long ago, as people say it. */
export function agoOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return t('ago.now');
  if (minutes < 60) return t('ago.minutes', { n: minutes });
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? t('ago.hours', { n: hours }) : t('ago.days', { n: Math.floor(hours / 24) });
}

/** A length in words: lists need no seconds. */
export function lengthOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return t('length.seconds', { n: Math.max(0, Math.floor(ms / 1000)) });
  return minutes < 120 ? t('length.minutes', { n: minutes }) : t('length.hours', { n: Math.floor(minutes / 60) });
}

export function minutesOf(ms: number): number {
  return Math.round(ms / 60_000);
}

/** A civil date, 2026-10-10, as people say it. */
export function civilDay(day: string): string {
  return dayWords(day, { month: 'long', day: 'numeric' });
}

export function civilWeekday(day: string): string {
  return dayWords(day, { weekday: 'short' });
}

/** 2026-10 */
export function monthName(month: string): string {
  return dayWords(`${month}-01`, { year: 'numeric', month: 'long' });
}

/** Monday 1 … Sunday 7. */
export function weekdayName(no: number, length: 'short' | 'narrow' | 'long' = 'short'): string {
  // 2024 began on a Monday.
  return dayWords(`2024-01-0${Math.min(7, Math.max(1, no))}`, { weekday: length });
}

function dayWords(day: string, words: Intl.DateTimeFormatOptions): string {
  const moment = Date.parse(`${day}T00:00:00Z`);
  return Number.isFinite(moment) ? new Intl.DateTimeFormat(locale(), { ...words, timeZone: 'UTC' }).format(moment) : day;
}
