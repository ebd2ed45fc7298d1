//! The player: one clock, one reel per track, one beat that keeps them together.

import { call } from '../api/http';
import { expose } from '../live/hooks';
import { Clockwork } from './clockwork';
import { Reel } from './reel.svelte';
import type { Recording } from './types';

const BEAT_MS = 50;
/** Signed links last up to five minutes. */
const RENEW_MS = 3 * 60_000;
const GROWING_MS = 8_000;

export class Player {
  recording = $state.raw<Recording>() as Recording;
  time = $state(0);
  playing = $state(false);
  held = $state(false);
  rate = $state(1);
  muted = $state(false);
  readonly clock: Clockwork;
  readonly reels = $state.raw<Reel[]>([]);
  private signature: string | null;
  private fetchedAt = performance.now();
  private asking = false;
  private readonly beat: ReturnType<typeof setInterval>;

  constructor(recording: Recording) {
    this.recording = recording;
    this.clock = new Clockwork(recording.duration_ms);
    this.signature = signatureOf(recording);
    this.reels = recording.tracks
      .filter((track) => track.kind !== 'screen_slow' && track.runs.length > 0)
      .map((track) => new Reel(track, () => this.signature, () => void this.renew()));
    this.beat = setInterval(() => this.tick(), BEAT_MS);
    this.exposeState();
  }

  get camera(): Reel | undefined {
    return this.reels.find((reel) => reel.track.teacher && reel.track.kind === 'camera');
  }

  get screen(): Reel | undefined {
    return this.reels.find((reel) => reel.track.kind === 'screen');
  }

  get rooms(): Reel[] {
    return this.reels.filter((reel) => !reel.track.teacher && reel.track.kind === 'camera');
  }

  get sounds(): Reel[] {
    return this.reels.filter((reel) => reel.track.kind === 'microphone' || reel.track.kind === 'computer_sound');
  }

  /** Who speaks besides the teacher: rooms are recorded with sound only while on stage. */
  speaksAt(time: number): string | null {
    const reel = this.sounds.find(
      (sound) =>
        !sound.track.teacher &&
        sound.track.runs.some((run) => time >= run.start_ms && time < run.start_ms + run.duration_ms),
    );
    return reel?.track.who ?? null;
  }

  toggle(): void {
    if (this.clock.playing) this.clock.pause();
    else this.clock.play();
    this.tick();
  }

  seek(time: number): void {
    this.clock.seek(time);
    this.tick();
  }

  skip(by: number): void {
    this.seek(this.clock.time + by);
  }

  setRate(rate: number): void {
    this.clock.setRate(rate);
    this.tick();
  }

  close(): void {
    clearInterval(this.beat);
    for (const reel of this.reels) reel.detach();
  }

  private tick(): void {
    const { clock } = this;
    // The voice and the two large pictures are waited for; the rooms' small pictures are not.
    const leading = [this.camera, this.screen, ...this.sounds.filter((reel) => reel.track.teacher)];
    clock.hold(clock.playing && leading.some((reel) => reel?.waiting));
    for (const reel of this.reels) reel.follow(clock);
    if (clock.playing && clock.ended && this.recording.state !== 'growing') clock.pause();
    this.time = clock.time;
    this.playing = clock.playing;
    this.held = clock.held;
    this.rate = clock.rate;
    const age = performance.now() - this.fetchedAt;
    if (age > (this.recording.state === 'growing' ? GROWING_MS : RENEW_MS) && !document.hidden) void this.renew();
  }

  private async renew(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      const fresh = await call<Recording>(`/api/library/${this.recording.id}`);
      this.recording = fresh;
      this.signature = signatureOf(fresh);
      this.clock.durationMs = fresh.duration_ms;
      for (const reel of this.reels) {
        reel.track = fresh.tracks.find((track) => track.id === reel.track.id) ?? reel.track;
      }
    } catch {
      // The next beat tries again; what is buffered plays on.
    } finally {
      this.fetchedAt = performance.now();
      this.asking = false;
    }
  }

  private exposeState(): void {
    const player = () => ({
      time: this.clock.time,
      duration: this.clock.durationMs,
      playing: this.clock.playing,
      held: this.clock.held,
      rate: this.clock.rate,
      tracks: this.reels.map((reel) => ({
        id: reel.track.id,
        kind: reel.track.kind,
        who: reel.track.who,
        teacher: reel.track.teacher,
        time: reel.time,
        ready: reel.ready,
        in_gap: reel.inGap,
        failed: reel.failed,
      })),
    });
    expose({
      state: { page: 'player', recording: this.recording.id },
      get player() {
        return player();
      },
    });
  }
}

function signatureOf(recording: Recording): string | null {
  for (const track of recording.tracks) {
    for (const run of track.runs) {
      const found = new URL(run.playlist, location.href).searchParams.get('sig');
      if (found !== null) return found;
    }
  }
  return null;
}
