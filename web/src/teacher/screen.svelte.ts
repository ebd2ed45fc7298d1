//! The shared screen and the computer's sound: a captured window, or the sample slides when a person asks for them.

import { sampleSlides, type Deck } from '../live/standin';
import { slowDown } from '../live/slow';
import { t } from '../words/index.svelte';

export type ScreenFault = 'denied' | 'unsupported';

export class SharedScreen {
  track = $state.raw<MediaStreamTrack | null>(null);
  /** the same picture at no more than two frames a second */
  slow = $state.raw<MediaStreamTrack | null>(null);
  sound = $state.raw<MediaStreamTrack | null>(null);
  sample = $state(false);
  fault = $state<ScreenFault | null>(null);
  private deck: Deck | null = null;

  async share(): Promise<void> {
    this.fault = null;
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({
        video: { frameRate: { ideal: 15, max: 15 } },
        audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 2 },
        ...{ systemAudio: 'include', surfaceSwitching: 'include' },
      });
      const picture = stream.getVideoTracks()[0];
      if (picture === undefined) throw new DOMException('no picture', 'NotSupportedError');
      this.stop();
      this.take(picture, stream.getAudioTracks()[0] ?? null);
    } catch (error) {
      const denied = error instanceof DOMException && error.name === 'NotAllowedError';
      this.fault = denied ? 'denied' : 'unsupported';
    }
  }

  useSample(): void {
    this.stop();
    this.deck = sampleSlides([
      [t('sample.1'), t('sample.1.line')],
      [t('sample.2'), t('sample.2.line')],
      [t('sample.3'), t('sample.3.line')],
      [t('sample.4'), t('sample.4.line')],
    ]);
    this.sample = true;
    this.take(this.deck.track, null);
  }

  turn(by: number): void {
    this.deck?.turn(by);
  }

  stop(): void {
    this.deck?.stop();
    this.deck = null;
    this.sample = false;
    this.fault = null;
    for (const track of [this.track, this.slow, this.sound]) track?.stop();
    this.track = this.slow = this.sound = null;
  }

  private take(picture: MediaStreamTrack, sound: MediaStreamTrack | null): void {
    picture.contentHint = 'detail';
    if (sound !== null) sound.contentHint = 'music';
    this.track = picture;
    this.slow = picture.clone();
    this.slow.contentHint = 'detail';
    slowDown(this.slow);
    this.sound = sound;
    picture.addEventListener('ended', () => {
      if (this.track === picture) this.stop();
    });
    sound?.addEventListener('ended', () => {
      if (this.sound === sound) this.sound = null;
    });
  }
}
