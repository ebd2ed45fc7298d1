//! Dates and times as form fields have them, in this computer's time zone.

const two = (value: number) => String(value).padStart(2, '0');

/** 2026-11-26 */
export function dayInput(ms: number): string {
  const date = new Date(ms);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** 10:20 */
export function timeInput(ms: number): string {
  const date = new Date(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

export function momentOf(day: string, time: string): number | null {
  const moment = new Date(`${day}T${time}`).getTime();
  return Number.isFinite(moment) ? moment : null;
}
