//! The nouns of the API as the pages use them, taken from the API description (`npm run gen`).

import type { components } from './schema';

type Schemas = components['schemas'];

export type Role = Schemas['Role'];
export type RoomKind = Schemas['RoomKind'];
export type SchoolKind = Schemas['SchoolKind'];
export type SourceKind = Schemas['SourceKind'];
export type LessonPhase = Schemas['LessonState'];
export type Quality = Schemas['Quality'];

export interface Named {
  id: string;
  name: string;
}

export type ServerTime = Schemas['ClockAnswer'];
export type Person = Schemas['Person'];
export type School = Schemas['School'];
export type Room = Schemas['Room'];
export type SeatedRoom = Schemas['LessonRoom'];
export type Lesson = Schemas['Lesson'];
export type Pairing = Schemas['Pairing'];
export type PairingFacts = Schemas['PairingDetails'];
export type AuditRow = Schemas['AuditRow'];
export type Today = Schemas['Today'];
export type TodayRoom = Schemas['TodayRoom'];
export type Cause = Schemas['WallCause'];
export type Wall = Schemas['Wall'];
export type Colour = 'green' | 'amber' | 'red' | 'grey';
export type WallRow = Omit<Wall['lessons'][number], 'health'> & { health: Colour };
export type Display = Schemas['Display'];
export type NewDisplay = Schemas['NewDisplay'];
export type DisplaySelf = Schemas['DisplaySelf'];
export type Clash = Schemas['Clash'];
export type Term = Schemas['Term'];
export type DayRule = Schemas['DayRule'];
export type BellPeriod = Schemas['BellPeriod'];
export type BellTable = Schemas['BellTable'];
export type Class = Schemas['Class'];
export type Weeks = 'all' | 'odd' | 'even' | number[];
export type Entry = Omit<Schemas['Entry'], 'weeks'> & { weeks: Weeks };
export type EntryCheck = Schemas['EntryCheck'];
export type WeekPeriod = Schemas['WeekPeriod'];
export type PlanClash = Schemas['PlanClash'];
export type Week = Schemas['Week'];
export type Feed = Schemas['Feed'];
export type Figure = Schemas['Figure'];
export type LedgerRow = Schemas['LedgerRow'];
export type ImportReport = Schemas['ImportReport'];
export type ImportFault = Schemas['ImportFault'];
export type Need = Schemas['Need'];
export type Supply = Schemas['Supply'];
export type Proposal = Schemas['Proposal'];
export type Proposals = Schemas['Proposals'];
export type Accepted = Schemas['Accepted'];
export type WeekDay = Schemas['WeekDay'];
export type GridLesson = Schemas['GridLesson'];
export type ChangeAct = Schemas['ChangeAct'];
export type ChangeCheck = Schemas['ChangeCheck'];
export type SlotCheck = Schemas['SlotCheck'];
export type CalendarChange = Schemas['CalendarChange'];
export type Demo = Schemas['Demo'];

export interface Paged<T> {
  items: T[];
  total: number;
  page: number;
  per_page: number;
}

/** A place in the lesson, as the roster shows it. */
export type Seat = Schemas['SeatView'];
export type LessonState = Schemas['LessonView'];
export type SlotShown = Schemas['SlotView'];
export type Me = Schemas['Me'];
export type Capabilities = Schemas['Capabilities'];

/** Server to page, on the event stream. Each carries its rising number. */
export type ServerMessage = Schemas['ServerMessage'] & { n?: number };

/** Page to server. */
export type PageMessage = Schemas['PageMessage'];
export type Hello = Extract<PageMessage, { kind: 'hello' }>;
