//! The slow twin of shared slides: the same picture twice a second, for receivers on thin lines.

const FPS = 2;

/** Lets a clone of a captured picture pass so many frames. */
export function slowDown(clone: MediaStreamTrack): void {
  // Where the browser cannot, the sender is told (`slowRate`).
  void clone.applyConstraints({ frameRate: { max: FPS } }).catch(() => undefined);
}

/**
 * What the sender of the twin has to be told of frames a second: nothing where the track is slow by itself. Chromium
 * hands the wish of any sender on to the capture, and then everybody's slides come no faster than the twin.
 */
export function slowRate(track: MediaStreamTrack | null): number | undefined {
  if (track === null) return undefined;
  const { frameRate } = track.getConstraints();
  return typeof frameRate === 'object' && frameRate.max === FPS ? undefined : FPS;
}
