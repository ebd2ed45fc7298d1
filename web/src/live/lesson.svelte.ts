//! The state of the page's lesson: one store, changed only by messages of the event stream.

import type { Lesson, LessonState, Me, Seat, ServerMessage, SlotShown, SourceKind } from '../api/types';
import { time } from './time.svelte';

export class LessonStore {
  known = $state(false);
  me = $state.raw<Me | null>(null);
  /** today's, in order */
  lessons = $state.raw<Lesson[]>([]);
  lesson = $state<LessonState | null>(null);
  slots = $state.raw<Record<string, SlotShown>>({});
  /** the newest word on each source: how much of it anybody watches */
  layers = $state.raw<Partial<Record<SourceKind, string>>>({});
  replaced = $state(false);
  revoked = $state(false);
  /** own round trip and losses, as the server sees them */
  line = $state.raw<{ loss_up: number; loss_down: number; round_trip_ms: number | null } | null>(null);
  /** counts messages that ask to fetch again */
  wallTurn = $state(0);
  pairingTurn = $state(0);
  lastError = $state.raw<{ code: string; at: number } | null>(null);

  get mySeat(): Seat | null {
    const mine = this.me?.seat;
    return this.lesson?.seats.find((seat) => seat.seat === mine) ?? null;
  }

  get teacher(): Seat | null {
    return this.lesson?.seats.find((seat) => seat.teacher) ?? null;
  }

  get rooms(): Seat[] {
    return this.lesson?.seats.filter((seat) => !seat.teacher) ?? [];
  }

  get staged(): Seat | null {
    const stage = this.lesson?.stage ?? null;
    return stage === null ? null : (this.lesson?.seats.find((seat) => seat.seat === stage) ?? null);
  }

  get onStage(): boolean {
    const mine = this.me?.seat ?? null;
    return mine !== null && this.lesson?.stage === mine;
  }

  /** The running lesson's row of the table. */
  get row(): Lesson | null {
    const id = this.lesson?.id;
    return this.lessons.find((lesson) => lesson.id === id) ?? null;
  }

  shows(slot: string): boolean {
    const shown = this.slots[slot];
    if (!shown || shown.source === null || shown.state === 'none') return false;
    if (shown.state === 'live') return true;
    // A held picture stays while its sender is lost; a sender who is there and stopped it has put it away.
    const { seat, kind } = shown.source;
    const sender = this.lesson?.seats.find((one) => one.seat === seat);
    return !sender?.present || sender.sources.includes(kind);
  }

  apply(message: ServerMessage): void {
    switch (message.kind) {
      case 'snapshot':
        time.read(message.now_ms);
        this.known = true;
        this.me = message.me;
        this.lessons = message.lessons;
        this.lesson = message.lesson ?? null;
        break;
      case 'lesson':
        this.putLesson(message.lesson);
        break;
      case 'roster':
        if (this.lesson?.id === message.lesson) this.lesson.seats = message.seats;
        break;
      case 'slots':
        this.slots = { ...this.slots, ...Object.fromEntries(message.slots.map((slot) => [slot.slot, slot])) };
        break;
      case 'stage':
        if (this.lesson?.id === message.lesson) this.lesson.stage = message.seat;
        break;
      case 'hand':
        this.change(message.seat, (seat) => (seat.hand = message.since_ms));
        break;
      case 'mute':
        this.change(message.seat, (seat) => {
          const others = seat.muted.filter((kind) => kind !== message.source);
          seat.muted = message.muted ? [...others, message.source] : others;
        });
        break;
      case 'quality':
        this.change(message.seat, (seat) => {
          seat.quality = message.quality;
          seat.level = message.level ?? seat.level;
        });
        if (message.seat === this.me?.seat) {
          const { loss_up = 0, loss_down = 0, round_trip_ms = null } = message;
          this.line = { loss_up, loss_down, round_trip_ms };
        }
        break;
      case 'sound_rate':
        break;
      case 'layers':
        this.layers = { ...this.layers, [message.source]: message.max };
        break;
      case 'bell':
        this.rings(message.lesson, message.what, message.at_ms);
        break;
      case 'clock':
        time.read(message.now_ms);
        break;
      case 'replaced':
        this.replaced = true;
        break;
      case 'display':
        this.revoked = message.state === 'revoked';
        break;
      case 'wall':
        this.wallTurn += 1;
        break;
      case 'pairing':
        this.pairingTurn += 1;
        break;
      case 'error':
        this.lastError = { code: message.code, at: time.now };
        break;
    }
  }

  /** When the connection is gone, what its slots showed is gone too. */
  forgetSlots(): void {
    this.slots = {};
    this.layers = {};
  }

  private putLesson(lesson: Lesson): void {
    const others = this.lessons.filter((other) => other.id !== lesson.id);
    this.lessons = [...others, lesson].sort((a, b) => a.starts_ms - b.starts_ms);
    if (this.lesson?.id === lesson.id) this.lesson.state = lesson.state;
  }

  private rings(id: string, what: 'admit' | 'start' | 'end' | 'extended', atMs: number): void {
    const lesson = this.lessons.find((candidate) => candidate.id === id);
    if (lesson !== undefined) {
      const state = what === 'start' ? 'live' : what === 'end' ? 'closed' : lesson.state;
      this.putLesson({ ...lesson, state, ends_ms: what === 'extended' ? atMs : lesson.ends_ms });
    }
    if (this.lesson?.id !== id) return;
    if (what === 'start') {
      this.lesson.state = 'live';
      this.lesson.recording = true;
      this.lesson.recording_since_ms ??= atMs;
    }
    if (what === 'end') {
      this.lesson.state = 'closed';
      this.lesson.recording = false;
      this.lesson.stage = null;
    }
  }

  private change(id: string, step: (seat: Seat) => void): void {
    const seat = this.lesson?.seats.find((candidate) => candidate.seat === id);
    if (seat !== undefined) step(seat);
  }
}

/** The lesson a room's display or a teacher should be in now, by the server's clock. */
export function lessonToJoin(lessons: Lesson[], now: number): Lesson | null {
  const running = lessons.filter(
    (lesson) =>
      (lesson.state === 'live' || (lesson.state === 'open' && now >= lesson.admits_ms)),
  );
  // A running lesson keeps its room until its bell.
  return running.sort((a, b) => a.starts_ms - b.starts_ms)[0] ?? null;
}

/** The lesson that comes next, or runs, for a table and a countdown. */
export function nextLesson(lessons: Lesson[], now: number): Lesson | null {
  const coming = lessons.filter(
    (lesson) => (lesson.state === 'planned' || lesson.state === 'open') && lesson.ends_ms > now,
  );
  return coming.sort((a, b) => a.starts_ms - b.starts_ms)[0] ?? null;
}
