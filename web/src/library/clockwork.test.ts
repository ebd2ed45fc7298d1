import { describe, expect, it } from 'vitest';
import { Clockwork, correction, NUDGE_PICTURE, NUDGE_SOUND, runAt, SEEK_BEYOND_MS } from './clockwork';

function clockwork(durationMs = 60_000) {
  const at = { now: 0 };
  return { at, clock: new Clockwork(durationMs, () => at.now) };
}

describe('the lesson clock', () => {
  it('runs only while playing, at its rate', () => {
    const { at, clock } = clockwork();
    at.now = 1_000;
    expect(clock.time).toBe(0);
    clock.play();
    at.now = 2_000;
    expect(clock.time).toBe(1_000);
    clock.setRate(2);
    at.now = 3_000;
    expect(clock.time).toBe(3_000);
    clock.pause();
    at.now = 9_000;
    expect(clock.time).toBe(3_000);
  });

  it('stands still while held, and goes on where it was', () => {
    const { at, clock } = clockwork();
    clock.play();
    at.now = 500;
    clock.hold(true);
    at.now = 4_000;
    expect(clock.time).toBe(500);
    clock.hold(false);
    at.now = 4_250;
    expect(clock.time).toBe(750);
  });

  it('stays within the lesson and begins anew after its end', () => {
    const { at, clock } = clockwork(1_000);
    clock.seek(-5);
    expect(clock.time).toBe(0);
    clock.play();
    at.now = 5_000;
    expect(clock.time).toBe(1_000);
    expect(clock.ended).toBe(true);
    clock.play();
    expect(clock.time).toBe(0);
  });
});

describe('a correction', () => {
  it('leaves alone what nobody notices', () => {
    expect(correction(1_010, 1_000, 1)).toEqual({ seekMs: null, rate: 1 });
  });

  it('nudges within five per cent of the chosen rate, and jumps when far off', () => {
    expect(correction(1_030, 1_000, 1).rate).toBeCloseTo(0.97);
    expect(correction(800, 1_000, 2).rate).toBeCloseTo(2.1);
    expect(correction(1_000 + SEEK_BEYOND_MS + 1, 1_000, 1).seekMs).toBe(1_000);
  });

  it.each([
    ['sound', NUDGE_SOUND, 5],
    ['a picture', NUDGE_PICTURE, 2],
  ])('brings %s within 40 ms in a few seconds', (_what, most, seconds) => {
    let element = 240;
    let wanted = 0;
    for (let beat = 0; beat < seconds * 20; beat++) {
      const { rate } = correction(element, wanted, 1, most);
      element += 50 * rate;
      wanted += 50;
    }
    expect(Math.abs(element - wanted)).toBeLessThan(40);
  });
});

describe('runs', () => {
  const runs = [
    { start_ms: 100, duration_ms: 50 },
    { start_ms: 200, duration_ms: 50 },
  ];
  it('are found by time; between them is a gap', () => {
    expect([50, 100, 149, 150, 200, 260].map((time) => runAt(runs, time))).toEqual([-1, 0, 0, -1, 1, -1]);
  });
});
