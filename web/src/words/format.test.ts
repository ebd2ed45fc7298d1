import { afterEach, describe, expect, it } from 'vitest';
import { dayInput, momentOf, timeInput } from '../admin/days';
import { clockOf, dateOf, weekdayOf } from './format';
import { setZone } from './zone.svelte';

const HOUR_MS = 3_600_000;
/** A Saturday in Greenwich, already Sunday in China. */
const LATE = Date.parse('2026-11-28T18:20:00Z');

describe('times on pages', () => {
  afterEach(() => setZone(8 * HOUR_MS));

  it('are the district’s, not the device’s', () => {
    expect(clockOf(LATE)).toBe('02:20');
    expect(dateOf(LATE)).toContain('29');
    expect(weekdayOf(LATE)).toBe('星期日');
    setZone(-3.5 * HOUR_MS);
    expect(clockOf(LATE)).toBe('14:50');
    expect(dateOf(LATE)).toContain('28');
  });

  it('come back from a form as they went into it', () => {
    for (const hours of [-11, -3.5, 0, 5.75, 8, 13]) {
      setZone(hours * HOUR_MS);
      expect(momentOf(dayInput(LATE), timeInput(LATE))).toBe(LATE);
    }
    expect(momentOf('', '10:00')).toBeNull();
  });
});
