import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff';
import { ServerClock } from './clock';
import { HINTED_SILENCE_MS, IDLE_SILENCE_MS, Watchdog } from './watchdog';

/** Feeds every 500 ms until the watchdog speaks; tells after how long. */
function silenceAfter(dog: Watchdog, from: number, pulse: { bytes: number; responses: number }): number {
  for (let now = from; now < from + 60_000; now += 500) if (dog.feed(now, pulse) > 0) return now - from;
  return Infinity;
}

describe('the watchdog', () => {
  const flow = (dog: Watchdog, samples = 10) => {
    for (let i = 0; i < samples; i++) expect(dog.feed(i * 500, { bytes: i * 1000, responses: i })).toBe(0);
  };

  it('calls a path with flowing media dead after a second of silence', () => {
    const dog = new Watchdog();
    flow(dog);
    expect(silenceAfter(dog, 5_000, { bytes: 9_000, responses: 9 })).toBeLessThanOrEqual(500);
  });

  it('needs half of that after a hint that the network changed', () => {
    const dog = new Watchdog();
    flow(dog);
    dog.hint(4_600);
    expect(silenceAfter(dog, 4_500 + HINTED_SILENCE_MS, { bytes: 9_000, responses: 9 })).toBe(0);
  });

  it('is patient with a path on which only reports come', () => {
    const dog = new Watchdog();
    for (let i = 0; i < 40; i++) expect(dog.feed(i * 500, { bytes: i * 30, responses: Math.floor(i / 5) })).toBe(0);
    const dead = silenceAfter(dog, 20_000, { bytes: 39 * 30, responses: 7 });
    expect(dead).toBeGreaterThanOrEqual(IDLE_SILENCE_MS - 500);
    expect(dead).toBeLessThanOrEqual(IDLE_SILENCE_MS);
  });

  it('does not take a publisher that leaves for a dead path', () => {
    const dog = new Watchdog();
    flow(dog);
    for (let i = 0; i < 20; i++) expect(dog.feed(5_000 + i * 500, { bytes: 9_000 + i * 30, responses: 10 })).toBe(0);
  });
});

describe('the backoff', () => {
  it('begins at once, tries every second for ten, and never waits longer than 1.5 s', () => {
    let now = 0;
    const backoff = new Backoff(() => now, () => 1);
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([200, 400, 800, 1_000]);
    now = 10_000;
    expect(backoff.next()).toBe(1_000);
    now = 900_000;
    expect(backoff.next()).toBe(1_500);
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
