import { describe, expect, it } from 'vitest';
import { CLEAN_MS, Redundancy } from './redundancy';

describe('redundancy of sound', () => {
  it('begins with loss and ends after a good while', () => {
    const redundancy = new Redundancy();
    expect(redundancy.feed(0, null)).toBe(false);
    expect(redundancy.feed(500, 0.01)).toBe(false);
    expect(redundancy.feed(1_000, 0.05)).toBe(true);
    expect(redundancy.feed(2_000, 0)).toBe(true);
    expect(redundancy.feed(20_000, 0.01)).toBe(true);
    expect(redundancy.feed(20_000 + CLEAN_MS - 1, 0)).toBe(true);
    expect(redundancy.feed(20_000 + CLEAN_MS, 0)).toBe(false);
  });
});
