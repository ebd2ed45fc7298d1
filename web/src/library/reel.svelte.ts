//! One track on one media element: loads the run that holds the time, follows the clock, is quiet in gaps.

import Hls from 'hls.js';
import { NUDGE_PICTURE, NUDGE_SOUND, correction, runAt, type Clockwork } from './clockwork';
import type { Track } from './types';

/** The runs of one track are cut at gaps; a sliver this short at a run's end is not waited for. */
const TAIL_MS = 120;
/** After a seek the element needs a moment before its time means anything. */
const SETTLE_MS = 300;

export class Reel {
  /** nothing recorded at this time */
  inGap = $state(true);
  failed = $state(false);
  private element: HTMLMediaElement | null = null;
  private hls: Hls | null = null;
  private loaded: string | null = null;
  private settledAt = 0;

  constructor(
    public track: Track,
    private readonly signature: () => string | null,
    private readonly expired: () => void,
  ) {}

  attach(element: HTMLMediaElement): void {
    this.element = element;
    element.preservesPitch = true;
  }

  detach(): void {
    this.unload();
    this.element = null;
  }

  /** Lesson time of what the element plays, or null. */
  get time(): number | null {
    const run = this.track.runs[this.index];
    return this.element === null || run === undefined || this.inGap ? null : run.start_ms + this.element.currentTime * 1000;
  }

  get waiting(): boolean {
    return !this.inGap && !this.failed && this.element !== null && this.element.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
  }

  get ready(): boolean {
    return this.element !== null && !this.inGap && this.element.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
  }

  private index = -1;

  /** Called by the player's beat. */
  follow(clock: Clockwork): void {
    const { element } = this;
    if (element === null) return;
    const time = clock.time;
    this.index = runAt(this.track.runs, time);
    const run = this.track.runs[this.index];
    this.inGap = run === undefined;
    if (run === undefined) {
      if (!element.paused) element.pause();
      return;
    }
    const wanted = time - run.start_ms;
    const key = `${this.track.id}/${run.start_ms}`;
    if (this.loaded !== key) this.load(key, run.playlist, wanted);
    const near = run.duration_ms - wanted < TAIL_MS;
    // While one is waited for, the others stand where the clock stands: all go on together.
    const still = !clock.playing || clock.held;
    if (!still && !near && element.paused) void element.play().catch(() => undefined);
    if (still && !element.paused) element.pause();
    if (element.seeking || performance.now() < this.settledAt) return;
    if (element.readyState < HTMLMediaElement.HAVE_METADATA) return;
    const most = element instanceof HTMLVideoElement ? NUDGE_PICTURE : NUDGE_SOUND;
    const { seekMs, rate } = correction(element.currentTime * 1000, wanted, clock.rate, most);
    // What stands must be exact as well; there no rate helps.
    const off = Math.abs(element.currentTime * 1000 - wanted);
    if (seekMs !== null || (still && off > 40)) {
      element.currentTime = wanted / 1000;
      this.settledAt = performance.now() + SETTLE_MS;
    }
    if (Math.abs(element.playbackRate - rate) > 0.001) element.playbackRate = rate;
  }

  private load(key: string, playlist: string, atMs: number): void {
    const { element } = this;
    if (element === null) return;
    this.unload();
    this.loaded = key;
    this.failed = false;
    if (!Hls.isSupported()) {
      element.src = this.signed(playlist);
      element.currentTime = atMs / 1000;
      return;
    }
    const hls = new Hls({
      // A worker would be made from a blob, which the page's policy forbids; remuxing is nothing here.
      enableWorker: false,
      startPosition: atMs / 1000,
      maxBufferLength: 30,
      backBufferLength: 60,
      xhrSetup: (xhr, url) => xhr.open('GET', this.signed(url), true),
    });
    hls.on(Hls.Events.ERROR, (_event, data) => {
      if (this.hls !== hls) return;
      const status = data.response?.code ?? 0;
      if (status === 401 || status === 403) this.expired();
      if (!data.fatal) return;
      if (data.type === Hls.ErrorTypes.NETWORK_ERROR) setTimeout(() => this.hls === hls && hls.startLoad(), 1_500);
      else if (data.type === Hls.ErrorTypes.MEDIA_ERROR && !this.failed) {
        this.failed = true;
        hls.recoverMediaError();
      } else this.failed = true;
    });
    hls.on(Hls.Events.FRAG_BUFFERED, () => (this.failed = false));
    hls.loadSource(playlist);
    hls.attachMedia(element);
    this.hls = hls;
    this.settledAt = performance.now() + SETTLE_MS;
  }

  /** Links are good for minutes only; each request takes the newest signature. */
  private signed(url: string): string {
    const newest = this.signature();
    if (newest === null) return url;
    const made = new URL(url, location.href);
    if (made.searchParams.has('sig')) made.searchParams.set('sig', newest);
    return made.href;
  }

  private unload(): void {
    this.hls?.destroy();
    this.hls = null;
    this.loaded = null;
    this.element?.removeAttribute('src');
  }
}
