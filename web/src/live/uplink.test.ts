import { describe, expect, it } from 'vitest';
import { THIN, THIN_MS, TRY_MS, Uplink } from './uplink';

describe('a thin way up', () => {
  it('takes the voice only, and is tried again later and later', () => {
    const uplink = new Uplink();
    expect(uplink.feed(0, THIN - 1)).toBe(true);
    expect(uplink.feed(THIN_MS - 500, THIN)).toBe(true);
    expect(uplink.feed(THIN_MS, THIN - 1)).toBe(true);
    expect(uplink.feed(2 * THIN_MS, THIN - 1)).toBe(false);
    let at = 2 * THIN_MS;
    for (const wait of [TRY_MS, 2 * TRY_MS, 4 * TRY_MS]) {
      expect(uplink.feed(at + wait - 1, THIN - 1)).toBe(false);
      expect(uplink.feed(at + wait, THIN - 1)).toBe(true);
      expect(uplink.feed(at + wait + 500, THIN - 1)).toBe(true);
      at += wait + 500 + THIN_MS;
      expect(uplink.feed(at, THIN - 1)).toBe(false);
    }
  });

  it('where the browser does not say is taken for wide', () => {
    const uplink = new Uplink();
    for (let at = 0; at < 60_000; at += 500) expect(uplink.feed(at, null)).toBe(true);
  });
});
