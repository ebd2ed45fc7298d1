import { describe, expect, it } from 'vitest';
import { faults, gaps, nextPeriod } from './bells';

const period = (no: number, start: string, end: string) => ({ no, start, end });

describe('a bell table', () => {
  it('without faults has none, and a long lunch is only told', () => {
    const periods = [period(1, '08:00', '08:40'), period(2, '08:50', '09:30'), period(3, '14:00', '14:40')];
    expect(faults(periods)).toEqual([]);
    expect(gaps(periods)).toEqual([{ after: 2, minutes: 270 }]);
  });

  it('names periods that overlap, run backwards, lack a time, or share a number', () => {
    const periods = [period(1, '08:00', '08:40'), period(2, '08:30', '09:10'), period(2, '10:00', '09:40'), period(4, '', '11:00'), period(5, '08:00', '14:40')];
    expect(faults(periods)).toEqual([
      { row: 1, fault: 'overlap', other: 1 },
      { row: 2, fault: 'order' },
      { row: 2, fault: 'number', other: 2 },
      { row: 3, fault: 'time' },
      { row: 4, fault: 'long' },
      { row: 4, fault: 'overlap', other: 1 },
      { row: 4, fault: 'overlap', other: 2 },
    ]);
  });

  it('offers a next period after ten minutes', () => {
    expect(nextPeriod([])).toEqual(period(1, '08:00', '08:40'));
    expect(nextPeriod([period(1, '08:00', '08:45')])).toEqual(period(2, '08:55', '09:40'));
    expect(nextPeriod([period(7, '23:00', '23:55')])).toEqual(period(8, '08:00', '08:40'));
  });
});
