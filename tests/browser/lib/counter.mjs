// A frame counter that survives scaling and low bitrates.
//
// The upper half of a picture is a grid of 10 × 3 black and white blocks, read row by row:
// white, black (they give the levels), 4 bits of clip, 16 bits of count, 8 bits of CRC. At a
// quarter layer of 160 × 90 a block is still 16 × 15 pixels. The functions here have no outer
// references besides one another, so that their source can be handed to a page.

export const COLUMNS = 10;
export const ROWS = 3;
/** Counts wrap here. */
export const COUNTS = 65536;

/** The CRC of clip and count: polynomial 0x07, start 0x5a, over three bytes. */
export function checksum(clip, count) {
  let crc = 0x5a;
  for (const byte of [clip & 15, (count >> 8) & 255, count & 255]) {
    crc ^= byte;
    for (let i = 0; i < 8; i += 1) crc = crc & 128 ? ((crc << 1) ^ 7) & 255 : (crc << 1) & 255;
  }
  return crc;
}

/** The 30 blocks of one picture, 1 is white. */
export function blocks(clip, count) {
  const bits = [1, 0];
  for (let i = 3; i >= 0; i -= 1) bits.push((clip >> i) & 1);
  for (let i = 15; i >= 0; i -= 1) bits.push((count >> i) & 1);
  const crc = checksum(clip, count);
  for (let i = 7; i >= 0; i -= 1) bits.push((crc >> i) & 1);
  return bits;
}

/**
 * Reads a picture. `luma(x, y)` gives 0..255 of a pixel; the picture is width × height.
 * Returns `{clip, count}`, or null when there is no counter to be read.
 */
export function readBlocks(luma, width, height) {
  const level = [];
  for (let row = 0; row < 3; row += 1) {
    for (let column = 0; column < 10; column += 1) {
      const x0 = Math.floor(((column + 0.3) * width) / 10);
      const x1 = Math.floor(((column + 0.7) * width) / 10);
      const y0 = Math.floor(((row + 0.3) * height) / 6);
      const y1 = Math.floor(((row + 0.7) * height) / 6);
      let sum = 0;
      let n = 0;
      for (let y = y0; y < y1; y += 1) {
        for (let x = x0; x < x1; x += 1) {
          sum += luma(x, y);
          n += 1;
        }
      }
      level.push(sum / n);
    }
  }
  if (level[0] - level[1] < 40) return null;
  const threshold = (level[0] + level[1]) / 2;
  const number = (from, length) =>
    level.slice(from, from + length).reduce((all, one) => all * 2 + (one > threshold ? 1 : 0), 0);
  const clip = number(2, 4);
  const count = number(6, 16);
  return number(22, 8) === checksum(clip, count) ? { clip, count } : null;
}

/** How many counts from `from` to `to` when counts wrap at `modulo`; in −modulo/2 .. modulo/2. */
export function distance(from, to, modulo) {
  const forward = (((to - from) % modulo) + modulo) % modulo;
  return forward >= modulo / 2 ? forward - modulo : forward;
}

/** The middle value; NaN of nothing. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
