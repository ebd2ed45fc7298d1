import { describe, expect, it } from 'vitest';
import { daysAfter, daysBetween, isDay, mondayOf, monthsBetween, weekdayNo, weekOf, weeksOfMonth } from './days';

describe('civil dates', () => {
  it('know their weekday and their Monday', () => {
    expect(weekdayNo('2026-10-10')).toBe(6);
    expect(weekdayNo('2026-10-11')).toBe(7);
    expect(mondayOf('2026-10-11')).toBe('2026-10-05');
    expect(mondayOf('2026-10-05')).toBe('2026-10-05');
  });

  it('count teaching weeks from the week of the first day, also over new year', () => {
    expect(weekOf('2026-09-01', '2026-09-06')).toBe(1);
    expect(weekOf('2026-09-01', '2026-09-07')).toBe(2);
    expect(weekOf('2026-09-01', '2026-10-10')).toBe(6);
    expect(weekOf('2026-09-01', '2027-01-15')).toBe(20);
  });

  it('step over leap days and the ends of months', () => {
    expect(daysAfter('2028-02-28', 1)).toBe('2028-02-29');
    expect(daysAfter('2026-12-31', 1)).toBe('2027-01-01');
    expect(daysBetween('2026-09-28', '2026-10-01')).toEqual(['2026-09-28', '2026-09-29', '2026-09-30', '2026-10-01']);
    expect(daysBetween('2026-10-01', '2026-09-28')).toEqual([]);
  });

  it('lay months out from Monday', () => {
    expect(monthsBetween('2026-09-01', '2027-01-15')).toEqual(['2026-09', '2026-10', '2026-11', '2026-12', '2027-01']);
    const october = weeksOfMonth('2026-10');
    expect(october).toHaveLength(5);
    expect(october[0]).toEqual([null, null, null, '2026-10-01', '2026-10-02', '2026-10-03', '2026-10-04']);
    expect(october.flat().filter((day) => day !== null)).toHaveLength(31);
  });

  it('are told from what is none', () => {
    expect(isDay('2026-02-29')).toBe(false);
    expect(isDay('2028-02-29')).toBe(true);
    expect(isDay('')).toBe(false);
  });
});
