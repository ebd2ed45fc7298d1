//! Civil dates as the calendar's documents write them, 2026-10-10, and teaching weeks. No clock, no time zone.

export type Day = string;

const DAY_MS = 86_400_000;
/** Longer than any term; a typing error must not draw a hundred years. */
const MONTHS_MAX = 18;

const at = (day: Day) => Date.parse(`${day}T00:00:00Z`);
const dayAt = (ms: number): Day => new Date(ms).toISOString().slice(0, 10);

export function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && Number.isFinite(at(text)) && dayAt(at(text)) === text;
}

export function daysAfter(day: Day, n: number): Day {
  return dayAt(at(day) + n * DAY_MS);
}

/** Monday 1 … Sunday 7. */
export function weekdayNo(day: Day): number {
  return ((new Date(at(day)).getUTCDay() + 6) % 7) + 1;
}

export function mondayOf(day: Day): Day {
  return daysAfter(day, 1 - weekdayNo(day));
}

/** The week of the term's first day is week 1. */
export function weekOf(firstDay: Day, day: Day): number {
  return Math.round((at(mondayOf(day)) - at(mondayOf(firstDay))) / (7 * DAY_MS)) + 1;
}

/** All days of a range; none if it is the wrong way round. */
export function daysBetween(from: Day, to: Day): Day[] {
  const days: Day[] = [];
  for (let ms = at(from); ms <= at(to) && days.length < 31 * MONTHS_MAX; ms += DAY_MS) days.push(dayAt(ms));
  return days;
}

/** 2026-09, 2026-10, … */
export function monthsBetween(from: Day, to: Day): string[] {
  const months: string[] = [];
  for (let month = from.slice(0, 7); month <= to.slice(0, 7) && months.length < MONTHS_MAX; ) {
    months.push(month);
    month = daysAfter(`${month}-28`, 7).slice(0, 7);
  }
  return months;
}

/** A month's weeks from Monday; days of other months are null. */
export function weeksOfMonth(month: string): (Day | null)[][] {
  const first = `${month}-01`;
  const next = daysAfter(`${month}-28`, 7).slice(0, 7);
  const weeks: (Day | null)[][] = [];
  for (let monday = mondayOf(first); monday.slice(0, 7) < next; monday = daysAfter(monday, 7)) {
    weeks.push([0, 1, 2, 3, 4, 5, 6].map((n) => daysAfter(monday, n)).map((day) => (day.startsWith(month) ? day : null)));
  }
  return weeks;
}
