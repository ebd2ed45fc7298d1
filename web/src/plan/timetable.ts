//! A term's timetable as a sheet of paper has it: made from the dated lessons of all weeks, so that it says what is held.

import { call, query } from '../api/http';
import type { Class, GridLesson, Paged, Person, Room, Term, Week } from '../api/types';
import { civilDay, clockOf } from '../words/format';
import { t } from '../words/index.svelte';
import { daysAfter, mondayOf, weekdayNo } from './days';
import { rangesOf } from './weeks';

export interface Line {
  entry: string;
  subject: string;
  grade: string;
  /** the teacher; on a teacher's own page the rooms */
  who: string;
  weeks: string;
}
export interface Row {
  period: number;
  time: string;
  cells: Line[][];
}
export interface Sheet {
  id: string;
  title: string;
  days: number[];
  rows: Row[];
  changed: string[];
}

/** so many weeks are asked for at the same time */
const AT_ONCE = 4;

export async function lessonsOfTerm(term: Term, school: string, told: (share: number) => void): Promise<Week[]> {
  const dates = [term.first_day];
  for (let monday = daysAfter(mondayOf(term.first_day), 7); monday <= term.last_day; monday = daysAfter(monday, 7)) dates.push(monday);
  const weeks: Week[] = [];
  for (let i = 0; i < dates.length; i += AT_ONCE) {
    weeks.push(...(await Promise.all(dates.slice(i, i + AT_ONCE).map((date) => call<Week>('/api/week' + query({ date, school }))))));
    told(weeks.length / dates.length);
  }
  return weeks;
}

/** All weeks, the odd or even ones, or their numbers. */
function weeksText(weeks: number[], all: number[]): string {
  const same = (wanted: number[]) => wanted.length > 0 && wanted.length === weeks.length && wanted.every((week, i) => week === weeks[i]);
  if (same(all)) return '';
  if (same(all.filter((week) => week % 2 === 1))) return t('weeks.odd');
  if (same(all.filter((week) => week % 2 === 0))) return t('weeks.even');
  return t('weeks.numbers', { weeks: rangesOf(weeks) });
}

/** Whose pages: of each, its sheet's title, and which lessons are its. */
export const PAGES = ['room', 'class', 'teacher'] as const;
export type PageKind = (typeof PAGES)[number];
interface Subject {
  id: string;
  title: string;
  has: (lesson: GridLesson) => boolean;
}

export async function subjectsOf(kind: PageKind, school: string): Promise<Subject[]> {
  const all = async <T>(path: string) => (await call<Paged<T>>(path + query({ school, page: 1, per_page: 100 }))).items;
  if (kind === 'room') {
    return (await all<Room>('/api/rooms')).map((room) => ({
      id: room.id,
      title: room.class ? `${room.class} (${room.name})` : room.name,
      has: (lesson) => lesson.rooms.some((one) => one.id === room.id),
    }));
  }
  if (kind === 'class') {
    return (await all<Class>('/api/classes')).map(({ id, name, grade }) => ({ id, title: `${grade} ${name}`, has: (lesson) => lesson.classes.includes(id) }));
  }
  return (await all<Person>('/api/people')).filter((person) => person.role === 'teacher').map(({ id, name }) => ({ id, title: name, has: (lesson) => lesson.teacher.id === id }));
}

function sheetOf({ id, title, has }: Subject, weeks: Week[], kind: PageKind): Sheet | null {
  const follows = new Map(weeks.flatMap((week) => week.days.map((day) => [day.date, day.follows ?? null])));
  const lessons = weeks.flatMap((week) => week.lessons).filter(has);
  if (lessons.length === 0) return null;
  // A week whose Wednesday is a holiday is no Wednesday's week.
  const weeksWith = (weekday: number) => weeks.filter((week) => week.days.some((day) => day.follows === weekday)).map((week) => week.week);
  const lines = new Map<string, { weekday: number; lesson: GridLesson; weeks: Set<number> }>();
  for (const lesson of lessons.filter((one) => one.state === 'planned')) {
    const weekday = follows.get(lesson.date) ?? weekdayNo(lesson.date);
    const line = lines.get(lesson.entry) ?? { weekday, lesson, weeks: new Set<number>() };
    line.weeks.add(lesson.week);
    lines.set(lesson.entry, line);
  }
  const placed = [...lines.values()];
  const last = Math.max(5, ...placed.map((line) => line.weekday));
  const days = Array.from({ length: last }, (_, i) => i + 1);
  const numbers = [...new Set(placed.map((line) => line.lesson.period))].sort((a, b) => a - b);
  const rows = numbers.map((period) => {
    const here = placed.filter((line) => line.lesson.period === period);
    const first = here[0]!.lesson;
    const lineOf = ({ lesson, weekday, weeks: held }: (typeof placed)[number]) => ({
      entry: lesson.entry, subject: lesson.subject, grade: lesson.grade, who: kind === 'teacher' ? lesson.rooms.map((room) => room.name).join(' · ') : lesson.teacher.name,
      weeks: weeksText([...held].sort((a, b) => a - b), weeksWith(weekday)),
    });
    return {
      period,
      time: `${clockOf(first.starts_ms)}–${clockOf(first.ends_ms)}`,
      cells: days.map((day) => here.filter((line) => line.weekday === day).map(lineOf)),
    };
  });
  const changed = lessons.filter((lesson) => lesson.state !== 'planned').map((lesson) => {
    const what = `${lesson.subject} ${lesson.grade}`;
    return lesson.state === 'cancelled' ? t('print.cancelled', { what, day: civilDay(lesson.original) }) : t('print.moved', { what, from: civilDay(lesson.original), to: civilDay(lesson.date), n: lesson.period });
  });
  return { id, title, days, rows, changed };
}

/** One sheet for each of them that has a lesson. */
export function sheetsOf(weeks: Week[], subjects: Subject[], kind: PageKind): Sheet[] {
  return subjects.flatMap((subject) => sheetOf(subject, weeks, kind) ?? []);
}
