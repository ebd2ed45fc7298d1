//! The server's clock by offset. The device's own clock may be minutes wrong and is never shown;
//! only its monotonic counter is used.

/** Offsets remembered: at one reading every 10 s, one minute. */
const KEPT = 6;
/** A reading that differs more than this is a new truth (suspend, another server), not a slow packet. */
const JUMP_MS = 2_000;

export class ServerClock {
  private offsets: number[] = [];

  constructor(private readonly monotonic: () => number = () => performance.now()) {}

  get known(): boolean {
    return this.offsets.length > 0;
  }

  /** A reading of the server's clock that has just arrived. */
  read(nowMs: number): void {
    const offset = nowMs - this.monotonic();
    if (this.known && Math.abs(offset - this.offset) > JUMP_MS) this.offsets = [];
    this.offsets.push(offset);
    if (this.offsets.length > KEPT) this.offsets.shift();
  }

  /** Server time now, in epoch milliseconds; before the first reading, the device's guess. */
  now(): number {
    return this.known ? this.monotonic() + this.offset : Date.now();
  }

  /** Packets are only ever late, so the largest offset is the least delayed reading. */
  private get offset(): number {
    return Math.max(...this.offsets);
  }
}
