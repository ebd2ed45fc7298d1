//! Does the line take a picture beside the voice? A browser sends a camera with 30 kbit/s at least, whatever its line takes;
//! on one that is thinner than both the voice would wait behind the picture for seconds.

/** What the browser believes that the line takes, bit/s: below this for a while the camera rests. */
export const THIN = 90_000;
export const THIN_MS = 1_500;
/** Without a picture nobody learns that the line is wide again: it is tried after this, then after longer. */
export const TRY_MS = 20_000;
export const TRY_MOST_MS = 120_000;
/** A picture that went for so long goes well. */
const WELL_MS = 30_000;

export class Uplink {
  pictures = true;
  private thinSince: number | null = null;
  private changedAt = -Infinity;
  private wait = TRY_MS;

  /** Feeds what the browser believes that the line takes, null where it does not say. */
  feed(now: number, takes: number | null): boolean {
    if (!this.pictures) {
      if (now - this.changedAt >= this.wait) {
        this.change(now, true);
        this.wait = Math.min(this.wait * 2, TRY_MOST_MS);
      }
      return this.pictures;
    }
    if (takes === null || takes >= THIN) this.thinSince = null;
    else if (now - (this.thinSince ??= now) >= THIN_MS) this.change(now, false);
    if (this.pictures && now - this.changedAt >= WELL_MS) this.wait = TRY_MS;
    return this.pictures;
  }

  private change(now: number, pictures: boolean): void {
    this.pictures = pictures;
    this.changedAt = now;
    this.thinSince = null;
  }
}
