import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServerMessage } from '../api/types';
import { Door } from './door';
import { EventStream, type Link } from './stream';

class FakeSocket {
  static all: FakeSocket[] = [];
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor() {
    FakeSocket.all.push(this);
  }
  send(text: string) {
    this.sent.push(text);
  }
  close() {}
  say(message: unknown) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

const newest = () => FakeSocket.all.at(-1) as FakeSocket;

describe('the event stream', () => {
  let heard: ServerMessage[];
  let links: Link[];
  let stream: EventStream;

  beforeEach(() => {
    vi.useFakeTimers();
    FakeSocket.all = [];
    heard = [];
    links = [];
    stream = new EventStream({
      url: 'ws://x/api/events',
      hello: () => ({ kind: 'hello', secret: 's' }),
      message: (message) => heard.push(message),
      link: (link) => links.push(link),
      createSocket: () => new FakeSocket() as unknown as WebSocket,
      now: () => Date.now(),
      random: () => 1,
    });
  });

  afterEach(() => {
    stream.end();
    vi.useRealTimers();
  });

  it('says who it is first, and after a cut what it heard last', async () => {
    newest().onopen?.();
    expect(JSON.parse(newest().sent[0] ?? '')).toEqual({ kind: 'hello', secret: 's' });
    newest().say({ n: 4, kind: 'snapshot', now_ms: 1, epoch: 1, me: { role: 'display' }, lessons: [] });
    newest().say({ n: 7, kind: 'wall' });
    newest().onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(250);
    newest().onopen?.();
    expect(JSON.parse(newest().sent[0] ?? '')).toMatchObject({ resume: 7 });
    expect(links).toEqual(['open', 'lost', 'open']);
  });

  it('tries for ever, and at once when told to hurry', async () => {
    for (let i = 0; i < 5; i++) {
      newest().onclose?.({ code: 1006 });
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(FakeSocket.all).toHaveLength(6);
    newest().onclose?.({ code: 1006 });
    stream.hurry();
    expect(FakeSocket.all).toHaveLength(7);
  });

  it('takes a socket on which nothing was heard for long for dead', async () => {
    newest().onopen?.();
    await vi.advanceTimersByTimeAsync(26_000);
    expect(links).toContain('lost');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(FakeSocket.all.length).toBeGreaterThan(1);
  });

  it('hears nothing from a socket that was given up, and ignores what is not a message', async () => {
    const first = newest();
    first.onopen?.();
    first.onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(300);
    first.say({ n: 1, kind: 'wall' });
    newest().onopen?.();
    newest().onmessage?.({ data: 'not json' });
    newest().onmessage?.({ data: '[1]' });
    expect(heard).toEqual([]);
  });

  it('opens no socket while the server does not answer', async () => {
    let there = false;
    stream.end();
    stream = new EventStream({
      url: 'ws://x/api/events',
      hello: () => ({ kind: 'hello' }),
      message: () => undefined,
      link: () => undefined,
      door: new Door({ knock: async () => there, now: () => Date.now(), random: () => 1 }),
      createSocket: () => new FakeSocket() as unknown as WebSocket,
      now: () => Date.now(),
      random: () => 1,
    });
    newest().onclose?.({ code: 1006 });
    const before = FakeSocket.all.length;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(FakeSocket.all).toHaveLength(before);
    there = true;
    await vi.advanceTimersByTimeAsync(1_500);
    expect(FakeSocket.all).toHaveLength(before + 1);
  });

  it('takes a new socket when the line was away and the old one is quiet since', async () => {
    newest().onopen?.();
    await vi.advanceTimersByTimeAsync(4_000);
    newest().say({ n: 1, kind: 'wall' });
    await vi.advanceTimersByTimeAsync(1_000);
    stream.doubt(3_000);
    expect(FakeSocket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(3_000);
    stream.doubt(3_000);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('stays quiet once ended', () => {
    stream.end();
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
  });
});
