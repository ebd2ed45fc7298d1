import { describe, expect, it } from 'vitest';
import type { Lesson, Seat } from '../api/types';
import { lessonToJoin, LessonStore, nextLesson } from './lesson.svelte';

const named = (id: string) => ({ id, name: id });

const lesson = (over: Partial<Lesson> = {}): Lesson => ({
  id: 'l1',
  title: 't',
  subject: 's',
  grade: 'g',
  starts_ms: 1_000,
  ends_ms: 2_000,
  admits_ms: 900,
  state: 'open',
  teacher: named('p'),
  master: { room: named('m'), school: named('s') },
  rooms: [],
  ...over,
});

const seat = (id: string, over: Partial<Seat> = {}): Seat => ({
  seat: id,
  name: id,
  teacher: false,
  kind: 'interactive',
  present: true,
  hand: null,
  sources: [],
  muted: ['microphone'],
  quality: 'good',
  level: 0,
  attendance_ms: 0,
  ...over,
});

function store(): LessonStore {
  const made = new LessonStore();
  made.apply({
    kind: 'snapshot',
    now_ms: 1_500,
    epoch: 1,
    me: { role: 'display', seat: 'b' },
    lessons: [lesson({ state: 'live' })],
    lesson: { id: 'l1', state: 'live', recording: true, stage: null, seats: [seat('a', { teacher: true }), seat('b'), seat('c')] },
  });
  return made;
}

describe('the lesson', () => {
  it('follows hands, stage and mutes', () => {
    const made = store();
    made.apply({ kind: 'hand', lesson: 'l1', seat: 'b', since_ms: 1_600 });
    expect(made.mySeat?.hand).toBe(1_600);
    made.apply({ kind: 'stage', lesson: 'l1', seat: 'b' });
    expect(made.onStage).toBe(true);
    made.apply({ kind: 'mute', seat: 'b', source: 'microphone', muted: false });
    expect(made.mySeat?.muted).toEqual([]);
    made.apply({ kind: 'stage', lesson: 'other', seat: null });
    expect(made.onStage).toBe(true);
  });

  it('is on stage for nobody without a seat', () => {
    const made = new LessonStore();
    expect(made.onStage).toBe(false);
  });

  it('ends at the bell', () => {
    const made = store();
    made.apply({ kind: 'bell', lesson: 'l1', what: 'end', at_ms: 2_000 });
    expect(made.lesson?.state).toBe('closed');
    expect(lessonToJoin(made.lessons, 2_000)).toBeNull();
  });

  it('is entered from admission on, and a running one keeps its room', () => {
    expect(lessonToJoin([lesson()], 899)).toBeNull();
    expect(lessonToJoin([lesson()], 900)?.id).toBe('l1');
    const both = [lesson({ id: 'l2', starts_ms: 2_000, admits_ms: 1_900 }), lesson({ state: 'live' })];
    expect(lessonToJoin(both, 1_950)?.id).toBe('l1');
    expect(nextLesson(both, 1_950)?.id).toBe('l2');
  });

  it('shows a slot only when something was put into it', () => {
    const made = store();
    const slides = (seat: string, state: string) =>
      made.apply({ kind: 'slots', slots: [{ mid: '3', slot: 'screen', source: { seat, kind: 'screen' }, state }] });
    slides('a', 'live');
    expect(made.shows('screen')).toBe(true);
    slides('gone', 'held');
    expect(made.shows('screen'), 'a picture is held while its sender is away').toBe(true);
    slides('a', 'none');
    expect(made.shows('screen')).toBe(false);
    made.apply({ kind: 'slots', slots: [{ mid: '3', slot: 'screen', source: null, state: 'none' }] });
    expect(made.shows('screen')).toBe(false);
  });
});
