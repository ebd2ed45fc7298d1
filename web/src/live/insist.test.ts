import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Failure } from '../api/http';
import { Door } from './door';
import { CalledOff, Insist } from './insist';

describe('a request that must be answered', () => {
  const lost = () => new Failure(0, 'unreachable');
  /** Knocks not yet answered, oldest first. */
  let knocks: ((there: boolean) => void)[];
  let door: Door;
  let insist: Insist;
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    vi.useFakeTimers();
    knocks = [];
    const parts = { now: () => Date.now(), random: () => 1 };
    door = new Door({ knock: () => new Promise((resolve) => knocks.push(resolve)), ...parts });
    insist = new Insist({ door, ...parts });
  });

  afterEach(() => vi.useRealTimers());

  it('is made again after every failure of the network', async () => {
    let tries = 0;
    const answer = insist.run(async () => {
      if (++tries < 5) throw lost();
      return 'there';
    });
    await pass(5_000);
    expect(await answer).toBe('there');
    expect(tries).toBe(5);
    expect(knocks).toEqual([]);
  });

  it('fails at once with what is an answer', async () => {
    await expect(insist.run(() => Promise.reject(new Failure(404, 'unknown')))).rejects.toMatchObject({ status: 404 });
    const busy = new Failure(503, 'unavailable', {}, 3_000);
    await expect(insist.run(() => Promise.reject(busy))).rejects.toBe(busy);
  });

  it('waits for a slow server that answers knocks', async () => {
    let tries = 0;
    void insist.run(() => {
      tries += 1;
      return new Promise(() => undefined);
    });
    for (let i = 0; i < 20; i++) {
      await pass(300);
      knocks.shift()?.(true);
    }
    expect(tries).toBe(1);
  });

  it('is made anew when a knock overtakes another, for that one’s connection is dead', async () => {
    const signals: AbortSignal[] = [];
    const answer = insist.run((signal) => {
      signals.push(signal);
      return signals.length === 1 ? new Promise<string>(() => undefined) : Promise.resolve('there');
    });
    await pass(2_500);
    expect(knocks.length).toBeGreaterThanOrEqual(3);
    knocks.at(-1)?.(true);
    expect(await answer).toBe('there');
    expect(signals[0]?.aborted).toBe(true);
  });

  it('knocks no longer than it waits', async () => {
    const answer = insist.run(() => new Promise<void>((resolve) => setTimeout(resolve, 2_000)));
    await pass(2_100);
    await answer;
    const count = knocks.length;
    await pass(10_000);
    expect(knocks).toHaveLength(count);
  });

  it('is made anew on a hint from outside, unless it is young', async () => {
    let tries = 0;
    void insist.run(() => {
      tries += 1;
      return new Promise(() => undefined);
    });
    await pass(100);
    insist.hurry();
    await pass(1);
    expect(tries).toBe(1);
    await pass(1_000);
    insist.hurry();
    await pass(1);
    expect(tries).toBe(2);
  });

  it('can be called off', async () => {
    const off = expect(insist.run(() => new Promise(() => undefined))).rejects.toBeInstanceOf(CalledOff);
    await pass(5_000);
    insist.callOff();
    await off;
    const count = knocks.length;
    await pass(10_000);
    expect(knocks).toHaveLength(count);
  });
});
