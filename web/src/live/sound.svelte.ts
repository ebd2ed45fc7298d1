//! The page's one audio context: meters and stand-in tones run in it. Browsers may hold it (and all playing
//! sound) until somebody presses a key; `blocked` says so.

class Sound {
  blocked = $state(false);
  private made: AudioContext | null = null;
  private readonly waiting = new Set<HTMLMediaElement>();

  get context(): AudioContext {
    if (this.made === null) {
      this.made = new AudioContext();
      const release = () => this.release();
      for (const gesture of ['pointerdown', 'keydown'] as const) addEventListener(gesture, release, { capture: true });
    }
    return this.made;
  }

  /** Plays, and remembers what the browser would not play yet. */
  async play(element: HTMLMediaElement): Promise<void> {
    try {
      await element.play();
      this.waiting.delete(element);
      if (this.waiting.size === 0) this.blocked = false;
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      this.waiting.add(element);
      this.blocked = true;
      void this.context;
    }
  }

  forget(element: HTMLMediaElement): void {
    this.waiting.delete(element);
    if (this.waiting.size === 0) this.blocked = false;
  }

  private release(): void {
    if (this.made?.state === 'suspended') void this.made.resume();
    for (const element of [...this.waiting]) void this.play(element);
  }
}

export const sound = new Sound();
