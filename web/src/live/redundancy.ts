//! Should sound be sent twice (RFC 2198)? Only where packets get lost, and where there is room for it: it doubles what the
//! voice takes of the line, and loss on a line that is full is not mended by sending more.

/** From this share of lost packets on. */
export const LOSSY = 0.02;
/** Below this the line counts as good; it must stay so for a while. */
export const CLEAN = 0.005;
export const CLEAN_MS = 30_000;
/** What the browser must believe that the line takes, bit/s; once on, half of it is enough. */
export const ROOM = 200_000;

export class Redundancy {
  wanted = false;
  private lossyAt = -Infinity;

  /**
   * Feeds the share of our sound that the server says was lost, null while it has said nothing, and what the browser
   * believes that the line takes, null where it does not say.
   */
  feed(now: number, loss: number | null, takes: number | null): boolean {
    if (loss === null) return this.wanted;
    if (takes !== null && takes < (this.wanted ? ROOM / 2 : ROOM)) return (this.wanted = false);
    if (loss >= CLEAN) this.lossyAt = now;
    if (loss >= LOSSY) this.wanted = true;
    else if (now - this.lossyAt >= CLEAN_MS) this.wanted = false;
    return this.wanted;
  }
}
