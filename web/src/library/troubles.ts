//! What the network did to each room, in lanes and in words.

import type { Key } from '../words/index.svelte';
import type { Trouble } from './types';

/** One seat's troubles, worst on top of what is less. */
export interface Lane {
  seat: string;
  who: string;
  teacher: boolean;
  troubles: Trouble[];
}

const WEIGHT: Record<Trouble['kind'], number> = { reduced: 0, weak: 1, held: 2, absent: 3 };

/** The teacher first, then rooms in the order of their first trouble; rooms without any have no lane. */
export function lanesOf(troubles: Trouble[]): Lane[] {
  const lanes = new Map<string, Lane>();
  for (const trouble of troubles) {
    const lane = lanes.get(trouble.seat) ?? { seat: trouble.seat, who: trouble.who, teacher: trouble.teacher, troubles: [] };
    lane.troubles.push(trouble);
    lanes.set(trouble.seat, lane);
  }
  const sorted = [...lanes.values()].sort((a, b) => Number(b.teacher) - Number(a.teacher));
  for (const lane of sorted) lane.troubles.sort((a, b) => WEIGHT[a.kind] - WEIGHT[b.kind] || a.from_ms - b.from_ms);
  return sorted;
}

const ABSENT: Record<NonNullable<Trouble['cause']>, Key> = {
  not_come: 'trouble.absent.not_come',
  line_lost: 'trouble.absent.line_lost',
  left: 'trouble.absent.left',
};
/** While the sound was fine, and while it was not. */
const PRESENT: Record<Exclude<Trouble['kind'], 'absent'>, [Key, Key]> = {
  reduced: ['trouble.reduced', 'trouble.reduced.sound'],
  weak: ['trouble.weak', 'trouble.weak.sound'],
  held: ['trouble.held', 'trouble.held.sound'],
};

/** What happened, in a word. */
export function wordOf(trouble: Trouble): Key {
  if (trouble.kind === 'absent') return ABSENT[trouble.cause ?? 'left'];
  return PRESENT[trouble.kind][trouble.sound_fine ? 0 : 1];
}
