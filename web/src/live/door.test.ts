import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Door } from './door';
import { PathKnock } from './knock';

describe('the door', () => {
  /** the line swallows plain knocks and checks alike */
  let cut: boolean;
  /** plain knocks, when */
  let plain: number[];
  let paths: number;
  let door: Door;
  let opened: boolean[];
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    vi.useFakeTimers();
    cut = true;
    plain = [];
    paths = 0;
    opened = [];
    const lost = (ms: number) => new Promise<boolean>((resolve) => setTimeout(() => resolve(false), ms));
    door = new Door({
      knock: () => {
        plain.push(Date.now());
        return cut ? lost(3_000) : Promise.resolve(true);
      },
      path: {
        ready: true,
        // Checks go out all the time.
        knock: async () => {
          paths += 1;
          for (let i = 0; i < 80; i++) {
            if (!cut) return true;
            await lost(100);
          }
          return false;
        },
      },
      now: () => Date.now(),
      random: () => 1,
    });
  });

  afterEach(() => vi.useRealTimers());

  it.each([2, 10, 60, 300, 900])('opens within a second and a half of a line that was away for %i s', async (seconds) => {
    door.watch((broken) => opened.push(broken));
    await pass(seconds * 1_000);
    expect(opened).toEqual([]);
    cut = false;
    await pass(1_500);
    expect(opened[0]).toBe(true);
  });

  it('leaves the browser a connection, however long the line is away', async () => {
    door.watch(() => undefined);
    await pass(900_000);
    // An attempt to connect lasts 127 s on Linux, and a browser makes six; one is a request's of before.
    for (const at of plain) expect(plain.filter((other) => other >= at && other < at + 127_000).length).toBeLessThanOrEqual(4);
    expect(paths).toBeGreaterThan(100);
  });

  it('knocks plainly while the path is found but connections are still dead', async () => {
    let dead = true;
    door = new Door({
      knock: async () => {
        plain.push(Date.now());
        return cut || dead ? new Promise((resolve) => setTimeout(() => resolve(false), 3_000)) : true;
      },
      path: {
        ready: true,
        knock: async () => {
          paths += 1;
          await new Promise((resolve) => setTimeout(resolve, 5_000));
          return !cut;
        },
      },
      now: () => Date.now(),
      random: () => 1,
    });
    door.watch((broken) => opened.push(broken));
    await pass(10_000);
    cut = false;
    await pass(5_000);
    const [count, tries] = [plain.length, paths];
    await pass(5_000);
    expect(plain.length - count).toBeGreaterThanOrEqual(4);
    expect(plain.length - count).toBeLessThanOrEqual(6);
    expect(paths).toBe(tries);
    dead = false;
    await pass(1_500);
    expect(opened[0]).toBe(true);
  });

  it('knocks plainly all along where no path is known', async () => {
    door = new Door({
      knock: async () => {
        plain.push(Date.now());
        return false;
      },
      path: new PathKnock(),
      now: () => Date.now(),
      random: () => 1,
    });
    door.watch(() => undefined);
    await pass(60_000);
    const gaps = plain.slice(1).map((at, i) => at - (plain[i] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1_500);
    expect(plain.filter((at) => at < (plain[0] ?? 0) + 10_000).length).toBeGreaterThanOrEqual(10);
  });

  it('is quiet when nobody waits', async () => {
    const quit = door.watch(() => undefined);
    await pass(20_000);
    quit();
    await pass(10_000);
    const [count, tries] = [plain.length, paths];
    await pass(60_000);
    expect([plain.length, paths]).toEqual([count, tries]);
  });

  it('knocks at once when the network is said to be back', async () => {
    door.watch(() => undefined);
    await pass(30_000);
    const count = plain.length;
    door.hurry();
    expect(plain.length).toBe(count + 1);
  });
});
