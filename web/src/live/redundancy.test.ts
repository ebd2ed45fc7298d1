import { describe, expect, it } from 'vitest';
import { CLEAN_MS, Redundancy, ROOM } from './redundancy';

describe('redundancy of sound', () => {
  it('begins with loss and ends after a good while', () => {
    const redundancy = new Redundancy();
    expect(redundancy.feed(0, null, null)).toBe(false);
    expect(redundancy.feed(500, 0.01, null)).toBe(false);
    expect(redundancy.feed(1_000, 0.05, null)).toBe(true);
    expect(redundancy.feed(2_000, 0, null)).toBe(true);
    expect(redundancy.feed(20_000, 0.01, null)).toBe(true);
    expect(redundancy.feed(20_000 + CLEAN_MS - 1, 0, null)).toBe(true);
    expect(redundancy.feed(20_000 + CLEAN_MS, 0, null)).toBe(false);
  });

  it('needs room', () => {
    const redundancy = new Redundancy();
    expect(redundancy.feed(0, 0.1, ROOM - 1)).toBe(false);
    expect(redundancy.feed(500, 0.1, ROOM)).toBe(true);
    expect(redundancy.feed(1_000, 0.1, ROOM / 2)).toBe(true);
    expect(redundancy.feed(1_500, 0.1, ROOM / 2 - 1)).toBe(false);
  });
});
