import { expect, test } from 'vitest';
import { slowDown, slowRate } from './slow';

/** A clone of a capture that was asked for 15 frames a second. */
class Clone {
  private constraints: MediaTrackConstraints = { frameRate: { ideal: 15, max: 15 } };
  constructor(private readonly obeys: boolean) {}
  async applyConstraints(constraints: MediaTrackConstraints) {
    if (!this.obeys) throw new DOMException('no', 'OverconstrainedError');
    this.constraints = constraints;
  }
  getConstraints() {
    return this.constraints;
  }
}

test('only where the track is not slow by itself its sender is told to be', () => {
  const rateOf = (obeys: boolean) => {
    const track = new Clone(obeys) as unknown as MediaStreamTrack;
    slowDown(track);
    return slowRate(track);
  };
  expect(rateOf(true)).toBeUndefined();
  expect(rateOf(false)).toBe(2);
  expect(slowRate(null), 'nothing is told before there is a track: it would stay').toBeUndefined();
});
