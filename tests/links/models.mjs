// Models of one direction of a line. A model is told when a packet of so many bytes comes, and says
// when it arrives, or that it never does.
//
// Pure: time is an argument, and chance comes from a seed. Every packet takes the same number of draws
// whatever the model and whatever becomes of the packet, so the same seed gives the same fates, also
// when the model is changed on the way.
//
// A packet passes in this order: blackout, loss, the queue of the bottleneck, delay and jitter, reordering.
// What is lost does not wait in the queue.

/** Numbers from 0 to 1, the same for the same seed (mulberry32, public domain). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What a packet has beside its payload: IPv4 and UDP. */
const HEADERS_BYTES = 28;

/** A queue that nobody sized holds so much time at its rate, as home routers do. */
const QUEUE_MS = 300;
/** A full packet fits in every queue. */
const LEAST_QUEUE_BYTES = 2 * 1500;

/** What TCP sends at a time, and what it starts with (RFC 6928). */
const SEGMENT_BYTES = 1500;
const FIRST_WINDOW = 10;

/**
 * Other people's traffic: one TCP flow that wants `limit_bps` and halves its window when it loses.
 * It sends evenly up to its limit. Its answers come `rtt_ms` after a segment has left the queue.
 */
class Others {
  constructor({ limit_bps, rtt_ms = 40 }) {
    this.pause_ms = (SEGMENT_BYTES * 8 * 1000) / limit_bps;
    this.rtt_ms = rtt_ms;
    this.window = FIRST_WINDOW;
    this.slowStart = Infinity;
    this.inFlight = 0;
    this.next_ms = null;
    this.deaf_until_ms = -Infinity;
    /** Answers on their way: [at_ms, wasLost], in order, because the queue keeps order. */
    this.answers = [];
    this.sent_bytes = 0;
  }

  /** Sends and hears all that is due before `until_ms`. `send(at_ms, bytes)` gives when it leaves, or null. */
  run(until_ms, send) {
    this.next_ms ??= until_ms;
    for (;;) {
      const answer_ms = this.answers[0]?.[0] ?? Infinity;
      const send_ms = this.inFlight < Math.floor(this.window) ? this.next_ms : Infinity;
      if (Math.min(answer_ms, send_ms) >= until_ms) break;
      if (answer_ms <= send_ms) this.hear(...this.answers.shift());
      else this.put(send_ms, send);
    }
  }

  put(at_ms, send) {
    const leaves_ms = send(at_ms, SEGMENT_BYTES);
    this.inFlight += 1;
    this.next_ms = at_ms + this.pause_ms;
    if (leaves_ms === null) {
      // The segments behind the lost one tell of it about a round trip later.
      this.answer((this.answers.at(-1)?.[0] ?? at_ms) + this.rtt_ms / 10, true);
    } else {
      this.sent_bytes += SEGMENT_BYTES;
      this.answer(leaves_ms + this.rtt_ms, false);
    }
  }

  answer(at_ms, wasLost) {
    this.answers.push([Math.max(at_ms, this.answers.at(-1)?.[0] ?? at_ms), wasLost]);
  }

  hear(at_ms, wasLost) {
    const wasFull = this.inFlight + 1 >= this.window;
    this.inFlight -= 1;
    // A sender that waited for its window begins again now, not in the past.
    this.next_ms = Math.max(this.next_ms, at_ms);
    if (wasLost) {
      if (at_ms < this.deaf_until_ms) return;
      this.window = Math.max(2, this.window / 2);
      this.slowStart = this.window;
      this.deaf_until_ms = at_ms + this.rtt_ms;
    } else if (wasFull) {
      this.window += this.window < this.slowStart ? 1 : 1 / this.window;
    }
  }
}

/**
 * The bottleneck: packets leave it one after another at a rate, and what does not fit in the queue
 * is dropped at its tail. Several models may share one. Without a rate it holds nothing.
 */
export class Bottleneck {
  /** `{ rate_bps, queue_bytes, others: { limit_bps, rtt_ms } }`; all may be left out. */
  constructor(spec = {}) {
    this.leaving = [];
    this.held_bytes = 0;
    this.free_ms = -Infinity;
    this.worst_ms = 0;
    this.dropped = 0;
    this.set(spec);
  }

  /** Holds for packets that come from now on; those that wait leave when they would have. */
  set({ rate_bps = Infinity, queue_bytes, others = null }) {
    this.rate_bps = rate_bps;
    this.queue_bytes = queue_bytes ?? Math.max(LEAST_QUEUE_BYTES, (rate_bps / 8000) * QUEUE_MS);
    this.others = others && new Others(others);
  }

  /** When a packet leaves that comes now; null when it is dropped. */
  pass(now_ms, bytes) {
    this.others?.run(now_ms, (at_ms, size) => this.enqueue(at_ms, size));
    return this.enqueue(now_ms, bytes);
  }

  enqueue(now_ms, bytes) {
    while (this.leaving.length > 0 && this.leaving[0][0] <= now_ms) this.held_bytes -= this.leaving.shift()[1];
    if (this.held_bytes + bytes > this.queue_bytes) {
      this.dropped += 1;
      return null;
    }
    const takes_ms = (bytes * 8 * 1000) / this.rate_bps;
    const leaves_ms = Math.max(this.free_ms, now_ms) + takes_ms;
    this.free_ms = leaves_ms;
    this.held_bytes += bytes;
    this.leaving.push([leaves_ms, bytes]);
    this.worst_ms = Math.max(this.worst_ms, leaves_ms - now_ms);
    return leaves_ms;
  }

  /** How long the slowest packet was in the queue since this was last asked. */
  takeWorst() {
    const worst_ms = this.worst_ms;
    this.worst_ms = 0;
    return worst_ms;
  }
}

/**
 * One direction of a line, described by a plain object of which all parts may be left out:
 *
 * - `loss`: the share of packets that vanish, each on its own
 * - `burst: { share, mean }`: Gilbert–Elliott: so much vanishes, in runs of so many on average
 * - `rate_bps`, `queue_bytes`, `others`: the bottleneck, unless the model is given one
 * - `delay_ms`, `jitter_ms`: every packet takes `delay_ms` and up to `jitter_ms` more, in order
 * - `reorder: { share, by_ms }`: so many packets come so much later than the others, out of order
 * - `blackouts: [[from_ms, to_ms], …]`: nothing passes then; counted from when the model was set
 */
export class Model {
  constructor(spec = {}, seed = 1, bottleneck = null) {
    this.random = randomFrom(seed);
    this.shared = bottleneck;
    this.own = new Bottleneck();
    this.isInBurst = false;
    this.last_ms = -Infinity;
    /** Packets that came so far. */
    this.count = 0;
    this.set(spec);
  }

  /** Another model from now on. The draws and what waits in the queue go on. */
  set(spec) {
    this.spec = spec;
    this.since_ms = null;
    this.isInBurst = false;
    if (!this.shared) this.own.set(spec);
  }

  get bottleneck() {
    return this.shared ?? this.own;
  }

  /** When a packet with so many bytes of payload arrives that is sent now; null when it never does. */
  fate(now_ms, payload_bytes) {
    const draws = { loss: this.random(), burst: this.random(), jitter: this.random(), reorder: this.random() };
    this.since_ms ??= now_ms;
    this.count += 1;
    const burstLost = this.burst(draws.burst);
    if (this.isDark(now_ms) || draws.loss < (this.spec.loss ?? 0) || burstLost) return null;
    const leaves_ms = this.bottleneck.pass(now_ms, payload_bytes + HEADERS_BYTES);
    if (leaves_ms === null) return null;
    const travels_ms = (this.spec.delay_ms ?? 0) + draws.jitter * (this.spec.jitter_ms ?? 0);
    const inOrder_ms = Math.max(this.last_ms, leaves_ms + travels_ms);
    const { reorder } = this.spec;
    if (reorder && draws.reorder < reorder.share) return inOrder_ms + reorder.by_ms;
    this.last_ms = inOrder_ms;
    return inOrder_ms;
  }

  /** Steps the chain of bursts by one packet. A burst ends after each of its packets with 1 / mean. */
  burst(draw) {
    const { burst } = this.spec;
    if (!burst) return false;
    const ends = 1 / burst.mean;
    const begins = (ends * burst.share) / (1 - burst.share);
    this.isInBurst = this.isInBurst ? draw >= ends : draw < begins;
    return this.isInBurst;
  }

  isDark(now_ms) {
    const at_ms = now_ms - this.since_ms;
    return (this.spec.blackouts ?? []).some(([from_ms, to_ms]) => at_ms >= from_ms && at_ms < to_ms);
  }
}

/** Things in the order of (time, number of arrival): what comes at the same time keeps its order. */
export class Schedule {
  constructor() {
    this.heap = [];
    this.count = 0;
  }

  get next_ms() {
    return this.heap[0]?.at_ms ?? Infinity;
  }

  put(at_ms, what) {
    const { heap } = this;
    this.count += 1;
    const one = { at_ms, number: this.count, what };
    let at = heap.length;
    heap.push(one);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(one, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = one;
  }

  /** Takes the next thing that is due; undefined when none is. */
  take(now_ms) {
    const { heap } = this;
    if (this.next_ms > now_ms) return undefined;
    const [first] = heap;
    const last = heap.pop();
    if (heap.length > 0) this.sink(last);
    return first.what;
  }

  sink(one) {
    const { heap } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], one)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = one;
  }
}

const isBefore = (a, b) => a.at_ms < b.at_ms || (a.at_ms === b.at_ms && a.number < b.number);
