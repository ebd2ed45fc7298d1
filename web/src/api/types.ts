//! The nouns of the API as the pages use them. Names follow the API description.

export type Role = 'region_admin' | 'group_admin' | 'school_admin' | 'teacher' | 'inspector' | 'guardian' | 'curator';
export type RoomKind = 'master' | 'interactive' | 'terminal';
export type SchoolKind = 'urban' | 'village' | 'teaching_point';
export type SourceKind = 'microphone' | 'camera' | 'screen' | 'screen_slow' | 'computer_sound';
export type LessonPhase = 'planned' | 'open' | 'live' | 'closed' | 'archived' | 'cancelled';
export type Quality = 'good' | 'weak' | 'lost' | 'unknown';

export interface Named {
  id: string;
  name: string;
}

export interface Person extends Named {
  user: string;
  role: Role;
  school?: Named;
}

export interface School extends Named {
  group?: string;
  kind: SchoolKind;
}

export interface Room extends Named {
  school: Named;
  kind: RoomKind;
  class?: string;
  display?: { state: 'none' | 'offline' | 'online'; id?: string; last_seen_ms?: number };
}

export interface SeatedRoom {
  seat: string;
  room: Named;
  school: Named;
  class?: string;
  kind: RoomKind;
}

export interface Lesson {
  id: string;
  title: string;
  subject: string;
  grade: string;
  unit?: string;
  starts_ms: number;
  ends_ms: number;
  admits_ms: number;
  state: LessonPhase;
  teacher: Named;
  master: { room: Named; school: Named };
  rooms: SeatedRoom[];
  recording?: string;
}

export interface Pairing {
  id: string;
  subject: string;
  grade: string;
  teacher: Named;
  master: { room: Named; school: Named };
  rural: { room: Named; school: Named; kind: RoomKind }[];
}

export interface Cause {
  code: string;
  room?: Named;
  since_ms: number;
}

export interface WallRow extends Lesson {
  health: 'green' | 'amber' | 'red' | 'grey';
  causes: Cause[];
}

export interface Wall {
  now_ms: number;
  lessons: WallRow[];
  at_risk: string[];
}

export interface Display {
  id: string;
  room?: Named & { school?: Named };
  state: 'waiting' | 'paired' | 'expired' | 'revoked';
  online?: boolean;
  last_seen_ms?: number;
}

export interface Clash {
  kind: 'teacher' | 'master_room' | 'rural_room';
  who: string;
  lesson: string;
  starts_ms: number;
  ends_ms: number;
}

export interface Paged<T> {
  items: T[];
  total: number;
  page: number;
  per_page: number;
}

export interface Demo {
  teacher: { user: string; password: string; url: string };
  admin: { user: string; password: string; url: string };
  displays: { room: string; school: string; url: string }[];
  lesson: { id: string; title: string; starts_ms: number; ends_ms: number };
  library_url: string;
}

/** A place in the lesson, as the roster shows it. */
export interface Seat {
  seat: string;
  room?: string;
  person?: string;
  name: string;
  school?: Named;
  teacher: boolean;
  kind: RoomKind;
  present: boolean;
  since_ms?: number | null;
  hand: number | null;
  sources: SourceKind[];
  muted: SourceKind[];
  quality: Quality;
  level: number;
  attendance_ms: number;
}

export interface LessonState {
  id: string;
  state: LessonPhase;
  recording: boolean;
  recording_since_ms?: number | null;
  stage: string | null;
  codec?: 'h264' | 'vp9' | null;
  seats: Seat[];
}

export interface Source {
  seat: string;
  kind: SourceKind;
}

export interface SlotShown {
  mid: string;
  slot: string;
  source: Source | null;
  state: 'live' | 'held' | 'none';
}

export interface Me {
  role: string;
  room?: Named;
  seat?: string;
  person?: Named;
}

/** Server to page, on the event stream. Each carries its rising number. */
export type ServerMessage = { n?: number } & (
  | { kind: 'snapshot'; now_ms: number; me: Me; lessons: Lesson[]; lesson?: LessonState | null; slots?: SlotShown[] }
  | { kind: 'lesson'; lesson: Lesson }
  | { kind: 'roster'; lesson: string; seats: Seat[] }
  | { kind: 'slots'; slots: SlotShown[] }
  | { kind: 'stage'; lesson: string; seat: string | null; name?: string }
  | { kind: 'hand'; lesson?: string; seat: string; since_ms: number | null }
  | { kind: 'mute'; seat: string; source: SourceKind; muted: boolean }
  | { kind: 'quality'; seat: string; quality: Quality; loss_up?: number; loss_down?: number; round_trip_ms?: number | null; level?: number }
  | { kind: 'layers'; source: SourceKind; max: string }
  | { kind: 'bell'; lesson: string; what: 'admit' | 'start' | 'end' | 'extended'; at_ms: number }
  | { kind: 'replaced' }
  | { kind: 'clock'; now_ms: number }
  | { kind: 'display'; state: string }
  | { kind: 'wall' }
  | { kind: 'pairing' }
  | { kind: 'error'; code: string }
);

/** Page to server. */
export type PageMessage =
  | { kind: 'hello'; secret?: string; lesson?: string; resume?: number; page?: string; capabilities?: Capabilities }
  | { kind: 'source'; source: SourceKind; on: boolean }
  | { kind: 'hand'; up: boolean }
  | { kind: 'call'; seat: string | null }
  | { kind: 'mute'; seat: string; source: SourceKind; muted: boolean }
  | { kind: 'layout'; thumbnails: string[] }
  | ({ kind: 'health' } & Health)
  | { kind: 'clock' }
  | { kind: 'snapshot' };

export interface Capabilities {
  codecs: ('h264' | 'vp9')[];
  decoders: number;
  pixels: number;
}

export interface Health {
  frames_decoded: number;
  freezes: number;
  concealed_ms: number;
  round_trip_ms: number | null;
}
