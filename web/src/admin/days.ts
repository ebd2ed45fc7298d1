//! Dates and times as form fields have them, in the district's time.

import { civil, momentOfCivil } from '../words/zone.svelte';

/** 2026-11-26 */
export function dayInput(ms: number): string {
  return civil(ms).toISOString().slice(0, 10);
}

/** 10:20 */
export function timeInput(ms: number): string {
  return civil(ms).toISOString().slice(11, 16);
}

export function momentOf(day: string, time: string): number | null {
  return momentOfCivil(`${day}T${time}`);
}
