//! The district's civil time. A lesson at 10:20 is at 10:20 on every page, wherever the device believes it stands.

const STORED = 'tongke.zone';
/** China's; what a page shows that has never reached its server. */
const CHINA_MS = 8 * 3_600_000;
const MOST_MS = 15 * 3_600_000;

function kept(): number {
  try {
    const text = localStorage.getItem(STORED);
    const value = Number(text);
    return text !== null && Number.isFinite(value) && Math.abs(value) < MOST_MS ? value : CHINA_MS;
  } catch {
    return CHINA_MS;
  }
}

let offsetMs = $state(kept());

/** What the server says. */
export function setZone(ms: number): void {
  if (!Number.isFinite(ms) || Math.abs(ms) > MOST_MS) return;
  offsetMs = ms;
  try {
    localStorage.setItem(STORED, String(ms));
  } catch {
    // Without storage the next page asks again.
  }
}

/** A date whose UTC fields are the district's: for fields and for formats with `timeZone: 'UTC'` only. */
export function civil(ms: number): Date {
  return new Date(ms + offsetMs);
}

/** The moment that the district writes so: 2026-11-26T10:20. */
export function momentOfCivil(text: string): number | null {
  const moment = Date.parse(`${text}Z`) - offsetMs;
  return Number.isFinite(moment) ? moment : null;
}
