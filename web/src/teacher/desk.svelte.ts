//! The teacher's console at work: which lesson, which devices, and the few acts of a lesson.

import { untrack } from 'svelte';
import { call, Failure } from '../api/http';
import type { Lesson, Person, Seat } from '../api/types';
import { expose } from '../live/hooks';
import { Level } from '../live/level.svelte';
import { THUMBNAILS } from '../live/lines';
import { LiveRoom } from '../live/room.svelte';
import { Sources } from '../live/sources.svelte';
import { time } from '../live/time.svelte';
import { t, tWord } from '../words/index.svelte';
import { SharedScreen } from './screen.svelte';

/** Devices are opened this long before the bell, so that the preview is there when the teacher walks in. */
const PREPARE_MS = 15 * 60_000;
const SHARED = 'tongke.shared.';

export class Desk {
  readonly live: LiveRoom;
  readonly sources = new Sources();
  readonly screen = new SharedScreen();
  readonly level = new Level();
  music = $state(false);
  cameraOn = $state(true);
  busy = $state(false);
  fault = $state<string | null>(null);
  /** a person asked to see the devices before their time */
  checking = $state(false);

  constructor(
    readonly person: Person,
    readonly lessonId: string,
    private readonly first: Lesson,
  ) {
    this.live = new LiveRoom({ secret: null, lesson: lessonId });
    // A music lesson begins in music mode; the teacher may change it.
    this.music = /音乐|music/i.test(first.subject);
    this.live.setMusic(this.music);
    this.exposeState();
  }

  readonly lesson: Lesson = $derived.by(
    () => this.live.store.lessons.find((lesson) => lesson.id === this.lessonId) ?? this.first,
  );

  readonly admitted: boolean = $derived.by(() => this.lesson.state === 'live' || (this.lesson.state === 'open' && time.now >= this.lesson.admits_ms));
  readonly inClass: boolean = $derived.by(() => this.lesson.state === 'live');
  readonly over: boolean = $derived.by(() => ['closed', 'archived', 'cancelled'].includes(this.lesson.state));
  readonly wantsDevices: boolean = $derived.by(() => !this.over && !this.live.store.replaced && (this.checking || this.admitted || time.now >= this.lesson.starts_ms - PREPARE_MS));
  readonly rooms: Seat[] = $derived.by(() => this.live.store.rooms);
  readonly micMuted: boolean = $derived.by(() => this.live.store.mySeat?.muted.includes('microphone') ?? false);
  /** the screen was shared before a reload: the browser wants one press for it */
  readonly askShareAgain: boolean = $derived.by(() => this.inClass && this.screen.track === null && sessionStorage.getItem(SHARED + this.lessonId) !== null);

  run(): void {
    time.run();
    const { live, sources, screen } = this;
    $effect(() => {
      const { admitted, over } = this;
      const { replaced } = live.store;
      untrack(() => {
        if (replaced) void live.yield();
        else if (admitted) live.join(this.lessonId, 'teacher');
        else if (over) void live.leave(true);
      });
    });
    $effect(() => {
      const wanted = this.wantsDevices;
      untrack(() => {
        if (wanted) {
          void sources.open({
            name: this.person.name,
            standinLabel: t('standin.label'),
            music: this.music,
            camera: localStorage.getItem('tongke.camera') ?? '',
            microphone: localStorage.getItem('tongke.microphone') ?? '',
          });
        } else {
          sources.close();
          screen.stop();
        }
      });
    });
    $effect(() => {
      const track = this.cameraOn ? (sources.camera?.track ?? null) : null;
      untrack(() => live.put('camera', track));
    });
    $effect(() => {
      const track = sources.microphone?.track ?? null;
      untrack(() => {
        live.put('microphone', track);
        this.level.watch(track);
      });
    });
    $effect(() => {
      const { track, slow, sound } = screen;
      untrack(() => {
        live.put('screen', track);
        live.put('screen_slow', slow);
        live.put('computer_sound', sound);
        if (track !== null) sessionStorage.setItem(SHARED + this.lessonId, '1');
      });
    });
    this.keepLayout();
    if (new URLSearchParams(location.search).has('autoshare')) void screen.share();
  }

  /** Thumbnails for the first rooms, those with a raised hand before the others. */
  readonly thumbnails: string[] = $derived.by(() => [...this.rooms]
      .filter((room) => room.kind !== 'terminal')
      .sort((a, b) => Number(a.hand === null) - Number(b.hand === null))
      .slice(0, THUMBNAILS)
      .map((room) => room.seat)
      .sort());

  private keepLayout(): void {
    let said = '';
    $effect(() => {
      const seats = this.thumbnails;
      const open = this.live.link === 'open' && this.live.phase === 'live';
      const text = open ? seats.join() : '';
      if (text === said) return;
      said = text;
      if (open) untrack(() => this.live.send({ kind: 'layout', thumbnails: seats }));
    });
  }

  thumbnailOf(seat: string): MediaStreamTrack | undefined {
    const { store, tracks } = this.live;
    for (let i = 0; i < THUMBNAILS; i++) {
      const slot = `thumbnail_${i}` as const;
      if (store.slots[slot]?.source?.seat === seat) return tracks.get(slot);
    }
    return undefined;
  }

  call(seat: string): void {
    this.live.send({ kind: 'call', seat: this.live.store.lesson?.stage === seat ? null : seat });
  }

  mute(seat: string, muted: boolean): void {
    this.live.send({ kind: 'mute', seat, source: 'microphone', muted });
  }

  muteSelf(): void {
    const own = this.live.store.me?.seat;
    if (own != null) this.mute(own, !this.micMuted);
  }

  async setMusic(music: boolean): Promise<void> {
    this.music = music;
    this.live.setMusic(music);
    await this.sources.choose({ music });
  }

  async choose(kind: 'camera' | 'microphone', id: string): Promise<void> {
    localStorage.setItem(`tongke.${kind}`, id);
    await this.sources.choose({ [kind]: id });
  }

  async stopSharing(): Promise<void> {
    sessionStorage.removeItem(SHARED + this.lessonId);
    this.screen.stop();
  }

  async act(what: 'start' | 'end' | 'extend'): Promise<void> {
    this.busy = true;
    this.fault = null;
    try {
      const lesson = await call<Lesson>(`/api/lessons/${this.lessonId}/${what}`, { method: 'POST', body: {} });
      this.live.store.apply({ kind: 'lesson', lesson });
    } catch (error) {
      this.fault = tWord('error', error instanceof Failure ? error.code : 'unreachable', 'error.other');
    } finally {
      this.busy = false;
    }
  }

  close(): void {
    void this.live.leave();
    this.live.close();
    this.sources.close();
    this.screen.stop();
    this.level.stop();
  }

  private exposeState(): void {
    const { live } = this;
    const self = () => ({
      page: 'teacher',
      phase: live.phase,
      link: live.link,
      lesson: this.lessonId,
      lesson_state: this.lesson.state,
      recording: live.store.lesson?.recording ?? false,
      seat: live.store.me?.seat ?? null,
      stage: live.store.lesson?.stage ?? null,
      replaced: live.store.replaced,
      seats: $state.snapshot(live.store.lesson?.seats ?? []),
      sources: {
        camera: this.sources.camera !== null,
        microphone: this.sources.microphone !== null,
        screen: this.screen.track !== null,
        computer_sound: this.screen.sound !== null,
      },
      standin: { camera: this.sources.camera?.fault ?? null, microphone: this.sources.microphone?.fault ?? null },
      music: this.music,
      microphone: this.sources.microphone?.track.getSettings() ?? null,
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
