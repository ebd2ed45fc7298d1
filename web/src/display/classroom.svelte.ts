//! The paired display at work: when to be in a lesson, with which devices, and what the one key does.

import { untrack } from 'svelte';
import type { Lesson, Named } from '../api/types';
import { expose } from '../live/hooks';
import { lessonToJoin, nextLesson } from '../live/lesson.svelte';
import { Level } from '../live/level.svelte';
import type { SeatRole } from '../live/lines';
import { LiveRoom } from '../live/room.svelte';
import { Sources } from '../live/sources.svelte';
import { time } from '../live/time.svelte';
import { t } from '../words/index.svelte';
import { Table } from './table.svelte';

/** Devices are opened this long before the bell, to be checked; never earlier: a camera that is on is a promise. */
const CHECK_BEFORE_MS = 10 * 60_000;

export class Classroom {
  readonly table: Table;
  readonly live: LiveRoom;
  readonly sources = new Sources();
  readonly level = new Level();
  /** what the key asked for and the server has not yet said */
  handAsked = $state<{ up: boolean; at: number } | null>(null);

  constructor(
    readonly identity: Named,
    secret: string,
  ) {
    this.table = new Table(identity.id, secret);
    this.live = new LiveRoom({ secret });
    time.run();
    this.exposeState();
  }

  /** The lesson to sit in now. Derived, so that the ticking clock alone wakes nobody. */
  readonly joining: Lesson | null = $derived.by(() => {
    const found = lessonToJoin(this.table.lessons, time.now);
    // Without the server's word the table alone decides, until the last bell.
    return found !== null && (this.live.link === 'open' || time.now < found.ends_ms) ? found : null;
  });

  readonly next: Lesson | null = $derived.by(() => nextLesson(this.table.lessons, time.now));

  readonly role: SeatRole = $derived.by(() => {
    const seated = this.joining?.rooms.find((room) => room.room.id === this.identity.id);
    return (seated?.kind ?? this.table.room?.kind) === 'terminal' ? 'terminal' : 'interactive';
  });

  readonly wantsDevices: boolean = $derived.by(() => {
    if (this.live.store.replaced || this.role === 'terminal') return false;
    return this.joining !== null || (this.next !== null && time.now >= this.next.starts_ms - CHECK_BEFORE_MS);
  });

  readonly name: string = $derived.by(() => this.table.room?.name ?? this.identity.name);

  /** Runs the display; called inside a component, so that it ends with it. */
  run(): void {
    const { live, sources, table } = this;
    $effect(() => {
      const { known, lessons } = live.store;
      if (known) untrack(() => table.take(lessons));
    });
    $effect(() => {
      const id = this.joining?.id;
      const { role } = this;
      const { replaced } = live.store;
      untrack(() => {
        if (replaced) void live.yield();
        else if (id === undefined) void live.leave(true);
        else live.join(id, role);
      });
    });
    $effect(() => {
      const wanted = this.wantsDevices;
      untrack(() => {
        if (wanted) void sources.open({ name: this.name, standinLabel: t('standin.label') });
        else sources.close();
      });
    });
    $effect(() => {
      const track = sources.camera?.track ?? null;
      untrack(() => live.put('camera', track));
    });
    $effect(() => {
      const track = sources.microphone?.track ?? null;
      untrack(() => {
        live.put('microphone', track);
        this.level.watch(track);
      });
    });
  }

  get handUp(): boolean {
    return this.handAsked?.up ?? this.live.store.mySeat?.hand != null;
  }

  get micMuted(): boolean {
    const { store } = this.live;
    return !store.onStage || (store.mySeat?.muted.includes('microphone') ?? true);
  }

  pressHand(): void {
    const { store } = this.live;
    if (store.lesson === null || store.onStage || this.role === 'terminal') return;
    const up = store.mySeat?.hand == null;
    if (!this.live.send({ kind: 'hand', up })) return;
    // The server's word follows within a moment; until then the key has visibly been heard.
    const asked = { up, at: time.now };
    this.handAsked = asked;
    setTimeout(() => {
      if (this.handAsked === asked) this.handAsked = null;
    }, 800);
  }

  close(): void {
    void this.live.leave();
    this.live.close();
    this.table.close();
    this.sources.close();
    this.level.stop();
  }

  private exposeState(): void {
    const { live } = this;
    const self = () => ({
      page: 'display',
      room: this.identity.id,
      phase: live.phase,
      link: live.link,
      lesson: live.store.lesson?.id ?? null,
      lesson_state: live.store.row?.state ?? live.store.lesson?.state ?? null,
      joining: this.joining?.id ?? null,
      seat: live.store.me?.seat ?? null,
      stage: live.store.lesson?.stage ?? null,
      on_stage: live.store.onStage,
      hand: live.store.mySeat?.hand ?? null,
      replaced: live.store.replaced,
      standin: { camera: this.sources.camera?.fault ?? null, microphone: this.sources.microphone?.fault ?? null },
      now_ms: time.clock.now(),
    });
    expose({
      get state() {
        return self();
      },
      get slots() {
        return $state.snapshot(live.store.slots);
      },
      stats: () => live.stats(),
    });
  }
}
