//! What the library says of recordings.

import type { Named, Paged, SourceKind } from '../api/types';

export interface Entry {
  id: string;
  lesson: string;
  title: string;
  subject: string;
  grade: string;
  unit?: string;
  teacher: Named;
  school: Named;
  starts_ms: number;
  duration_ms: number;
  state: 'growing' | 'kept' | 'lost';
}

export interface Facet {
  value: string;
  count: number;
}

export interface Shelf extends Paged<Entry & { tracks: number }> {
  facets: { subject: Facet[]; grade: Facet[] };
}

export interface Run {
  start_ms: number;
  duration_ms: number;
  playlist: string;
}

export interface Track {
  id: string;
  kind: SourceKind;
  who: string;
  teacher: boolean;
  runs: Run[];
}

export interface Chapter {
  at_ms: number;
  kind: 'start' | 'stage' | 'end';
  room?: string;
}

export interface Gap {
  track: string;
  from_ms: number;
  to_ms: number;
}

/** A stretch in which a room's line did less than it should. */
export interface Trouble {
  seat: string;
  who: string;
  teacher: boolean;
  kind: 'reduced' | 'weak' | 'held' | 'absent';
  from_ms: number;
  to_ms: number;
  bad_ms: number;
  sound_fine: boolean;
  cause?: 'not_come' | 'line_lost' | 'left';
  down_kbps?: number;
  loss_permille: number;
  round_trip_ms?: number;
}

export interface Recording extends Entry {
  started_ms: number;
  tracks: Track[];
  chapters: Chapter[];
  gaps: Gap[];
  troubles: Trouble[];
}
