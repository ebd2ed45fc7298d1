// Each model of a line on an emulated clock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bottleneck, Model, Schedule, randomFrom } from './models.mjs';

const MANY = 50_000;
/** With this payload a packet is 1,000 bytes on the line. */
const PAYLOAD = 972;

/** The fates of many packets that are sent so far apart. */
function fates(model, { count = MANY, every_ms = 5, from_ms = 0 } = {}) {
  return Array.from({ length: count }, (_, i) => {
    const sent_ms = from_ms + i * every_ms;
    return { sent_ms, arrives_ms: model.fate(sent_ms, PAYLOAD) };
  });
}

const lostOf = (all) => all.map(({ arrives_ms }) => arrives_ms === null);
const shareOf = (flags) => flags.filter(Boolean).length / flags.length;
const arrivals = (all) => all.filter(({ arrives_ms }) => arrives_ms !== null);
const close = (value, wanted, by) => assert.ok(Math.abs(value - wanted) <= by, `${value} is not ${wanted} ± ${by}`);

/** The mean length of the runs of losses. */
function meanRun(lost) {
  const runs = lost.filter((isLost, i) => isLost && !lost[i - 1]).length;
  return lost.filter(Boolean).length / runs;
}

test('a line without a model gives on everything at once', () => {
  for (const { sent_ms, arrives_ms } of fates(new Model(), { count: 1000 })) assert.equal(arrives_ms, sent_ms);
});

for (const loss of [0.05, 0.1, 0.2, 0.3]) {
  test(`random loss of ${loss * 100} % loses that share, each packet on its own`, () => {
    const lost = lostOf(fates(new Model({ loss }, 7)));
    close(shareOf(lost), loss, 0.006);
    close(meanRun(lost), 1 / (1 - loss), 0.03);
  });
}

test('bursts lose their share in runs of their mean', () => {
  const lost = lostOf(fates(new Model({ burst: { share: 0.1, mean: 5 } }, 7)));
  close(shareOf(lost), 0.1, 0.01);
  close(meanRun(lost), 5, 0.3);
});

test('the same seed gives the same fates, another seed others', () => {
  const spec = { loss: 0.2, jitter_ms: 10, reorder: { share: 0.1, by_ms: 30 } };
  assert.deepEqual(fates(new Model(spec, 3), { count: 2000 }), fates(new Model(spec, 3), { count: 2000 }));
  assert.notDeepEqual(fates(new Model(spec, 3), { count: 2000 }), fates(new Model(spec, 4), { count: 2000 }));
});

test('a packet takes the same draws whatever the model', () => {
  const rich = new Model({ burst: { share: 0.3, mean: 5 }, rate_bps: 50_000, jitter_ms: 5, blackouts: [[0, 900]] }, 9);
  const plain = new Model({}, 9);
  for (const model of [rich, plain]) {
    fates(model, { count: 1000 });
    model.set({ loss: 0.2 });
  }
  const after = { count: 1000, from_ms: 60_000 };
  assert.deepEqual(lostOf(fates(rich, after)), lostOf(fates(plain, after)));
});

test('a delay is the same for all', () => {
  for (const { sent_ms, arrives_ms } of fates(new Model({ delay_ms: 40 }), { count: 1000 })) assert.equal(arrives_ms - sent_ms, 40);
});

test('jitter spreads over its width and keeps the order', () => {
  const sparse = fates(new Model({ delay_ms: 20, jitter_ms: 30 }, 5), { every_ms: 100, count: 5000 });
  const delays = sparse.map(({ sent_ms, arrives_ms }) => arrives_ms - sent_ms);
  assert.ok(Math.min(...delays) >= 20 && Math.max(...delays) <= 50);
  close(delays.reduce((a, b) => a + b, 0) / delays.length, 35, 0.5);
  const dense = fates(new Model({ delay_ms: 20, jitter_ms: 30 }, 5), { every_ms: 1, count: 5000 });
  dense.forEach(({ arrives_ms }, i) => i === 0 || assert.ok(arrives_ms >= dense[i - 1].arrives_ms));
});

test('reordering holds its share back and nothing else', () => {
  const all = fates(new Model({ delay_ms: 10, reorder: { share: 0.05, by_ms: 25 } }, 5));
  const late = all.map(({ sent_ms, arrives_ms }) => arrives_ms - sent_ms === 35);
  close(shareOf(late), 0.05, 0.004);
  all.forEach(({ sent_ms, arrives_ms }, i) => late[i] || assert.equal(arrives_ms - sent_ms, 10));
});

test('a rate is kept, and an idle line lets a packet through in its own time', () => {
  const model = new Model({ rate_bps: 1_000_000, queue_bytes: 20_000 });
  assert.equal(model.fate(0, PAYLOAD), 8);
  assert.equal(model.fate(1000, PAYLOAD), 1008);
  // Twice the rate is offered: 1,000 bytes every 4 ms.
  const through = arrivals(fates(model, { every_ms: 4, count: 5000, from_ms: 2000 }));
  const span_ms = through.at(-1).arrives_ms - through[0].arrives_ms;
  close(((through.length - 1) * 8000) / span_ms, 1000, 1);
});

test('a queue holds no more than its bytes, drops at its tail and keeps the order', () => {
  const through = arrivals(fates(new Model({ rate_bps: 1_000_000, queue_bytes: 20_000 }), { every_ms: 4, count: 5000 }));
  const waits = through.map(({ sent_ms, arrives_ms }) => arrives_ms - sent_ms);
  assert.ok(Math.max(...waits) <= 160, `20,000 bytes are 160 ms: ${Math.max(...waits)}`);
  assert.ok(Math.max(...waits) > 140, 'and it fills');
  through.forEach(({ arrives_ms }, i) => i === 0 || assert.ok(arrives_ms > through[i - 1].arrives_ms));
});

test('a rate that changes leaves what waits in order', () => {
  const model = new Model({ rate_bps: 300_000 });
  const slow = arrivals(fates(model, { every_ms: 4, count: 200 }));
  model.set({ rate_bps: 10_000_000 });
  const wide = arrivals(fates(model, { every_ms: 4, count: 500, from_ms: 800 }));
  assert.ok(wide[0].arrives_ms > slow.at(-1).arrives_ms);
  assert.ok(wide.at(-1).arrives_ms - wide.at(-1).sent_ms < 2, 'the queue is empty again');
});

test('nothing passes in a blackout, which counts from when the model is set', () => {
  const model = new Model();
  model.fate(0, PAYLOAD);
  model.set({ blackouts: [[1000, 2000]] });
  for (const { sent_ms, arrives_ms } of fates(model, { every_ms: 10, count: 400, from_ms: 5000 })) {
    assert.equal(arrives_ms === null, sent_ms >= 6000 && sent_ms < 7000, `${sent_ms}`);
  }
});

test('other traffic takes what it wants beside a modest flow', () => {
  const model = new Model({ rate_bps: 3_000_000, others: { limit_bps: 2_000_000 } });
  // 800 kbit/s: both fit.
  const all = fates(model, { every_ms: 10, count: 6000 });
  assert.ok(shareOf(lostOf(all)) < 0.001);
  close((model.bottleneck.others.sent_bytes * 8) / 60_000, 2000, 20);
});

test('other traffic gives way and takes its share again beside a greedy flow', () => {
  const model = new Model({ rate_bps: 3_000_000, others: { limit_bps: 2_000_000 } });
  // 2.4 Mbit/s that never gives way: the flow with a window is left with less than it wants.
  fates(model, { every_ms: 8000 / 2400, count: 18_000 });
  const beside_kbps = (model.bottleneck.others.sent_bytes * 8) / 60_000;
  assert.ok(beside_kbps > 100 && beside_kbps < 1000, `${beside_kbps} kbit/s`);
  const before = model.bottleneck.others.sent_bytes;
  fates(model, { every_ms: 10, count: 6000, from_ms: 60_000 });
  const after_kbps = ((model.bottleneck.others.sent_bytes - before) * 8) / 60_000;
  assert.ok(after_kbps > 1500, `it is back: ${after_kbps} kbit/s`);
});

test('two directions that share a bottleneck share its rate', () => {
  const shared = new Bottleneck({ rate_bps: 2_000_000, queue_bytes: 50_000 });
  const models = [new Model({}, 1, shared), new Model({ delay_ms: 5 }, 2, shared)];
  let through = 0;
  for (let i = 0; i < 10_000; i += 1) {
    for (const model of models) through += model.fate(i * 5, PAYLOAD) === null ? 0 : 1;
  }
  close((through * 8000) / 50_000, 2000, 20);
  assert.ok(shared.takeWorst() <= 200);
  assert.equal(shared.takeWorst(), 0);
});

test('a schedule gives things in the order of time, then of arrival', () => {
  const schedule = new Schedule();
  const random = randomFrom(11);
  const put = Array.from({ length: 3000 }, (_, number) => ({ at_ms: Math.floor(random() * 50), number }));
  for (const one of put) schedule.put(one.at_ms, one);
  const got = [];
  assert.equal(schedule.take(-1), undefined);
  for (let one = schedule.take(1000); one; one = schedule.take(1000)) got.push(one);
  assert.deepEqual(got, [...put].sort((a, b) => a.at_ms - b.at_ms || a.number - b.number));
  assert.equal(schedule.next_ms, Infinity);
});
