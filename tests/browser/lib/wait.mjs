// Waiting for a state, with a ceiling.

/** Thrown by what is asked when waiting longer is of no use. */
export class NoUse extends Error {}

/**
 * Asks until the answer is truthy and returns it; throws after `ceiling_ms` with what was
 * waited for and the last answer.
 */
export async function until(what, ask, ceiling_ms = 20_000, pause_ms = 100) {
  const start = Date.now();
  let last;
  for (;;) {
    try {
      last = await ask();
    } catch (error) {
      if (error instanceof NoUse) throw error;
      last = error;
    }
    if (last && !(last instanceof Error)) return last;
    if (Date.now() - start > ceiling_ms) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`after ${ceiling_ms} ms still not: ${what} (last: ${seen})`);
    }
    await new Promise((done) => setTimeout(done, pause_ms));
  }
}
