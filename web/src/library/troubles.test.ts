import { expect, test } from 'vitest';
import { lanesOf, wordOf } from './troubles';
import type { Trouble } from './types';

const trouble = (more: Partial<Trouble>): Trouble => ({
  seat: 'a', who: 'A', teacher: false, kind: 'weak', from_ms: 0, to_ms: 1, bad_ms: 1, sound_fine: true, loss_permille: 0, ...more,
});

test('each seat has one lane, the teacher first, the worst drawn last', () => {
  const lanes = lanesOf([
    trouble({ kind: 'absent', from_ms: 5 }),
    trouble({ from_ms: 7 }),
    trouble({ seat: 't', teacher: true }),
  ]);
  expect(lanes.map((lane) => lane.seat)).toEqual(['t', 'a']);
  expect(lanes[1]?.troubles.map((one) => one.kind)).toEqual(['weak', 'absent']);
});

test('only what left the sound fine says so', () => {
  expect(wordOf(trouble({}))).toBe('trouble.weak');
  expect(wordOf(trouble({ sound_fine: false }))).toBe('trouble.weak.sound');
  expect(wordOf(trouble({ kind: 'absent', cause: 'line_lost', sound_fine: false }))).toBe('trouble.absent.line_lost');
});
