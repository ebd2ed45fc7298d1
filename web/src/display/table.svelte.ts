//! Today's table of this room: asked for, kept for a start without network, replaced by what the event stream says.

import { call, Failure } from '../api/http';
import type { Lesson, Today, TodayRoom } from '../api/types';
import { time } from '../live/time.svelte';

const KEPT = 'tongke.today.';
const RETRY_MS = 3_000;
const REFRESH_MS = 5 * 60_000;

export class Table {
  room = $state.raw<TodayRoom | null>(null);
  lessons = $state.raw<Lesson[]>([]);
  /** shown from storage, not yet confirmed by the server */
  stale = $state(false);
  refused = $state(false);
  private timer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  constructor(
    private readonly roomId: string,
    private readonly secret: string,
  ) {
    const kept = read(roomId);
    if (kept !== null) {
      this.room = kept.room ?? null;
      this.lessons = kept.lessons;
      this.stale = true;
    }
    void this.fetch();
  }

  /** The event stream knows better. */
  take(lessons: Lesson[]): void {
    this.lessons = lessons;
    this.stale = false;
    this.keep();
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private async fetch(): Promise<void> {
    let again = REFRESH_MS;
    try {
      const today = await call<Today>('/api/today', { bearer: this.secret });
      if (!time.clock.known) time.read(today.now_ms);
      this.room = today.room ?? this.room;
      this.lessons = today.lessons;
      this.stale = false;
      this.keep();
    } catch (error) {
      again = RETRY_MS;
      if (error instanceof Failure && (error.status === 401 || error.status === 403)) this.refused = true;
    }
    if (!this.closed) this.timer = setTimeout(() => void this.fetch(), again);
  }

  private keep(): void {
    const kept: Today = { now_ms: time.clock.now(), lessons: this.lessons };
    if (this.room !== null) kept.room = this.room;
    localStorage.setItem(KEPT + this.roomId, JSON.stringify(kept));
  }
}

function read(room: string): Today | null {
  try {
    const value = JSON.parse(localStorage.getItem(KEPT + room) ?? 'null') as Today | null;
    return Array.isArray(value?.lessons) ? value : null;
  } catch {
    return null;
  }
}
