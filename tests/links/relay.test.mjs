// The relay with datagrams on loopback: order, loss, rate, a new address, a path that dies.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { Bottleneck } from './models.mjs';
import { makeLine } from '../browser/lib/relay.mjs';
import { until } from '../browser/lib/wait.mjs';

/** A server that answers each datagram with itself, and a page; what each of them got. */
async function ends(t, options) {
  const line = makeLine(options);
  const bind = (socket) => new Promise((done) => socket.bind(0, '127.0.0.1', done));
  const server = createSocket('udp4');
  const atServer = [];
  server.on('message', (bytes, from) => {
    atServer.push({ text: String(bytes), from: `${from.address}:${from.port}` });
    server.send(bytes, from.port, from.address);
  });
  await bind(server);
  const port = await throughUdp(line, server.address().port);
  const pages = [];
  const page = async () => {
    const socket = createSocket('udp4');
    const got = [];
    socket.on('message', (bytes) => got.push({ text: String(bytes), at_ms: performance.now() }));
    await bind(socket);
    pages.push(socket);
    return { got, say: (text) => socket.send(text, port, '127.0.0.1') };
  };
  t.after(() => {
    for (const socket of [server, ...pages]) socket.close();
    line.close();
  });
  return { line, page, atServer };
}

/** The relay's port for a port of the server, as a page learns it. */
function throughUdp(line, port) {
  let lead;
  const context = { exposeFunction: (_, f) => { lead = f; }, addInitScript: () => {} };
  return line.leadThrough({ context }).then(() => lead('udp', port));
}

const numbers = Array.from({ length: 200 }, (_, i) => String(i));
const texts = (all) => all.map(({ text }) => text);

test('a delayed line keeps the order', async (t) => {
  const { line, page, atServer } = await ends(t);
  line.set('up', { delay_ms: 5, jitter_ms: 5 });
  line.set('down', { delay_ms: 7, jitter_ms: 3 });
  const { got, say } = await page();
  for (const text of numbers) say(text);
  await until('all are back', () => got.length === numbers.length, 5000, 5);
  assert.deepEqual(texts(atServer), numbers);
  assert.deepEqual(texts(got), numbers);
});

test('each direction loses by its own model, and the same seed loses the same', async (t) => {
  const lost = async () => {
    const { line, page, atServer } = await ends(t, { seed: 5 });
    line.set('up', { loss: 0.3 });
    const { got, say } = await page();
    for (const text of numbers) say(text);
    await until('the relay has read all', () => line.models.up.count === numbers.length, 2000, 5);
    line.set('up', {});
    say('last');
    await until('the last is back', () => got.at(-1)?.text === 'last', 5000, 5);
    assert.deepEqual(texts(got), texts(atServer));
    return texts(atServer);
  };
  const first = await lost();
  assert.ok(first.length < 190, `${first.length}`);
  assert.deepEqual(await lost(), first);
});

test('lines that share a bottleneck wait for one another', async (t) => {
  const up = new Bottleneck({ rate_bps: 800_000, queue_bytes: 100_000 });
  const both = [await ends(t, { bottlenecks: { up } }), await ends(t, { bottlenecks: { up } })];
  const pages = await Promise.all(both.map(({ page }) => page()));
  const begun_ms = performance.now();
  const text = 'x'.repeat(972);
  for (let i = 0; i < 10; i += 1) for (const { say } of pages) say(text);
  await until('all are back', () => pages.every(({ got }) => got.length === 10), 5000, 5);
  // 20 packets of 1,000 bytes are 200 ms.
  assert.ok(Math.max(...pages.map(({ got }) => got.at(-1).at_ms)) - begun_ms > 190);
});

test('after a new address the server sees another port, and its answers arrive', async (t) => {
  const { line, page, atServer } = await ends(t);
  const { got, say } = await page();
  say('before');
  await until('it is back', () => got.length === 1, 2000, 5);
  line.rebind('127.0.0.2');
  say('after');
  await until('it is back again', () => got.length === 2, 2000, 5);
  assert.match(atServer[0].from, /^127\.0\.0\.1:/);
  assert.match(atServer[1].from, /^127\.0\.0\.2:/);
});

test('a dead path stays silent, and a new socket of the page works', async (t) => {
  const { line, page, atServer } = await ends(t);
  const [old, fresh] = [await page(), await page()];
  old.say('before');
  await until('it is back', () => old.got.length === 1, 2000, 5);
  line.deaden();
  old.say('lost');
  fresh.say('found');
  await until('the new one is heard', () => fresh.got.length === 1, 2000, 5);
  assert.deepEqual(texts(atServer), ['before', 'found']);
});

test('a line that is cut gives nothing on, and goes on when healed', async (t) => {
  const { line, page, atServer } = await ends(t);
  const { got, say } = await page();
  line.cut();
  say('lost');
  await until('the relay has read it', () => line.models.up.count === 1, 2000, 5);
  line.heal();
  say('found');
  await until('it is back', () => got.at(-1)?.text === 'found', 2000, 5);
  assert.deepEqual(texts(atServer), ['found']);
});
