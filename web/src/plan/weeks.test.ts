import { describe, expect, it } from 'vitest';
import { rangesOf, readWeeks } from './weeks';

describe('a list of weeks', () => {
  it('is read as people type it', () => {
    expect(readWeeks('1-3, 5', 20)).toEqual([1, 2, 3, 5]);
    expect(readWeeks('8\uFF0C2\u20134\u30013', 20)).toEqual([2, 3, 4, 8]);
  });

  it('is none where it names week 0, a week after the term, or no week', () => {
    for (const text of ['', '0', '0-3', '21', '5-2', 'odd', '1-']) expect(readWeeks(text, 20), text).toBe(null);
  });

  it('is said in ranges', () => {
    expect(rangesOf([1, 2, 3, 5, 7, 8])).toBe('1–3, 5, 7–8');
  });
});
