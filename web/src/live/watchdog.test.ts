import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff';
import { ServerClock } from './clock';
import { FLOW_SILENCE_MS, IDLE_SILENCE_MS, Watchdog } from './watchdog';

/** Feeds every 500 ms until the watchdog speaks; tells after how long. */
function silenceAfter(dog: Watchdog, from: number, pulse: { bytes: number; responses: number }): number {
  for (let now = from; now < from + 60_000; now += 500) if (dog.feed(now, pulse) > 0) return now - from;
  return Infinity;
}

describe('the watchdog', () => {
  it('calls a path with flowing media dead soon after it falls silent', () => {
    const dog = new Watchdog();
    for (let i = 0; i < 10; i++) expect(dog.feed(i * 500, { bytes: i * 1000, responses: i })).toBe(0);
    expect(silenceAfter(dog, 5_000, { bytes: 9_000, responses: 9 })).toBeLessThanOrEqual(FLOW_SILENCE_MS);
  });

  it('is patient with a path on which only checks are answered', () => {
    const dog = new Watchdog();
    for (let i = 0; i < 40; i++) expect(dog.feed(i * 500, { bytes: 10, responses: Math.floor(i / 5) })).toBe(0);
    expect(silenceAfter(dog, 20_000, { bytes: 10, responses: 8 })).toBeGreaterThan(IDLE_SILENCE_MS - 3_000);
  });

  it('does not take a publisher that leaves for a dead path', () => {
    const dog = new Watchdog();
    for (let i = 0; i < 10; i++) dog.feed(i * 500, { bytes: i * 1000, responses: i });
    for (let i = 0; i < 20; i++) expect(dog.feed(5_000 + i * 500, { bytes: 9_000, responses: 10 + Math.floor(i / 2) })).toBe(0);
  });
});

describe('the backoff', () => {
  it('begins at once, stays quick for a minute, then slows down', () => {
    let now = 0;
    const backoff = new Backoff(() => now, () => 1);
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([200, 400, 500, 500]);
    now = 61_000;
    expect(backoff.next()).toBeGreaterThan(500);
    backoff.reset();
    expect(backoff.next()).toBe(200);
  });
});

describe('the server’s clock', () => {
  it('takes the least delayed reading and follows a jump', () => {
    let mono = 0;
    const clock = new ServerClock(() => mono);
    clock.read(1_000_000);
    mono = 10_000;
    clock.read(1_009_700); // 300 ms late
    expect(clock.now()).toBe(1_010_000);
    clock.read(5_000_000);
    expect(clock.now()).toBe(5_000_000);
  });
});
