//! Should sound be sent twice (RFC 2198)? Only where packets get lost: it doubles what the voice takes of the line.

/** From this share of lost packets on. */
export const LOSSY = 0.02;
/** Below this the line counts as good; it must stay so for a while. */
export const CLEAN = 0.005;
export const CLEAN_MS = 30_000;

export class Redundancy {
  wanted = false;
  private lossyAt = -Infinity;

  /** Feeds the share of our sound that the server says was lost; null while it has said nothing. */
  feed(now: number, loss: number | null): boolean {
    if (loss === null) return this.wanted;
    if (loss >= CLEAN) this.lossyAt = now;
    if (loss >= LOSSY) this.wanted = true;
    else if (now - this.lossyAt >= CLEAN_MS) this.wanted = false;
    return this.wanted;
  }
}
