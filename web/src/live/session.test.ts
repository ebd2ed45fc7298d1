import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Failure } from '../api/http';
import { Door } from './door';
import type { Endpoint } from './endpoint';
import { LiveSession, type Phase } from './session';

const SDP = 'v=0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\na=rtpmap:111 opus/48000/2\r\n';

class FakePeer extends EventTarget {
  static all: FakePeer[] = [];
  connectionState = 'new';
  signalingState = 'stable';
  bytes = 0;
  responses = 0;
  closed = false;
  replaced: unknown[] = [];
  private lines: { mid: string; receiver: { track: string }; sender: { replaceTrack(track: unknown): Promise<void> } }[] = [];
  constructor() {
    super();
    FakePeer.all.push(this);
  }
  addTransceiver() {
    const mid = String(this.lines.length);
    const sender = { replaceTrack: async (track: unknown) => void this.replaced.push(track) };
    const line = { mid, receiver: { track: `track ${mid}` }, sender, setCodecPreferences: () => undefined };
    this.lines.push(line);
    return line;
  }
  getTransceivers() {
    return this.lines;
  }
  async createOffer() {
    return { type: 'offer', sdp: SDP };
  }
  async setLocalDescription() {}
  async setRemoteDescription() {}
  async getStats() {
    return new Map([
      ['t', { type: 'transport', bytesReceived: this.bytes }],
      ['p', { type: 'candidate-pair', responsesReceived: this.responses }],
    ]);
  }
  close() {
    this.closed = true;
  }
  become(state: string) {
    this.connectionState = state;
    this.dispatchEvent(new Event('connectionstatechange'));
  }
}

const newest = () => FakePeer.all.at(-1) as FakePeer;

const never = new Promise<never>(() => undefined);

class FakeEndpoint implements Endpoint {
  offers = 0;
  restarts = 0;
  left: string[] = [];
  offerFails: Failure[] = [];
  restartFails: Failure[] = [];
  /** while cut, what is sent is lost for good, as in a connection that died */
  cut = false;
  /** a session that was silent for half a minute is gone */
  gone = false;
  private made = 0;
  async offer() {
    this.offers += 1;
    if (this.cut) await never;
    this.gone = false;
    const failure = this.offerFails.shift();
    if (failure) throw failure;
    this.made += 1;
    return { location: `/session/${this.made}`, etag: '"1"', sdp: SDP, slots: {} };
  }
  async restart() {
    this.restarts += 1;
    if (this.cut) await never;
    if (this.gone) throw new Failure(404, 'unknown');
    const failure = this.restartFails.shift();
    if (failure) throw failure;
    return { etag: '"2"', fragment: 'a=ice-ufrag:c\r\na=ice-pwd:d\r\n' };
  }
  async leave(location: string) {
    this.left.push(location);
  }
}

describe('a live session', () => {
  let endpoint: FakeEndpoint;
  let phases: Phase[];
  let session: LiveSession;
  let arrivals: number;

  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  /** Lets media flow for a while. */
  async function flow(ms: number) {
    for (let t = 0; t < ms; t += 500) {
      newest().bytes += 5_000;
      newest().responses += 1;
      await pass(500);
    }
  }

  beforeEach(() => {
    vi.useFakeTimers();
    FakePeer.all = [];
    phases = [];
    arrivals = 0;
    endpoint = new FakeEndpoint();
    session = new LiveSession({
      endpoint,
      role: 'terminal',
      events: { phase: (phase) => phases.push(phase), arriving: () => (arrivals += 1) },
      createPeer: () => new FakePeer() as unknown as RTCPeerConnection,
      now: () => Date.now(),
      random: () => 1,
    });
  });

  afterEach(async () => {
    await session.stop();
    vi.useRealTimers();
  });

  async function live() {
    session.start();
    await pass(10);
    newest().become('connected');
    await flow(3_000);
  }

  it('joins: offer, answer, connected', async () => {
    await live();
    expect(phases).toEqual(['joining', 'connecting', 'live']);
    expect(arrivals).toBe(1);
  });

  it('asks again while the server is away or the lesson is not open', async () => {
    endpoint.offerFails.push(new Failure(0, 'unreachable'), new Failure(409, 'lesson_not_open'));
    session.start();
    await pass(1_000);
    expect(endpoint.offers).toBe(3);
    expect(session.phase).toBe('connecting');
  });

  it('waits as long as a busy server says', async () => {
    endpoint.offerFails.push(new Failure(503, 'unavailable', {}, 3_000));
    session.start();
    await pass(2_900);
    expect(endpoint.offers).toBe(1);
    await pass(200);
    expect(endpoint.offers).toBe(2);
  });

  it('restarts ICE within two seconds of silence and goes on with the same connection', async () => {
    await live();
    await pass(2_000);
    expect(endpoint.restarts).toBe(1);
    await flow(1_000);
    expect(session.phase).toBe('live');
    expect(FakePeer.all).toHaveLength(1);
    expect(endpoint.offers).toBe(1);
  });

  it('keeps trying the restart while the network is away', async () => {
    await live();
    endpoint.restartFails.push(...Array.from({ length: 4 }, () => new Failure(0, 'unreachable')));
    await pass(6_000);
    expect(endpoint.restarts).toBe(5);
    expect(endpoint.offers).toBe(1);
  });

  it.each([404, 412])('offers anew when the restart is answered %i', async (status) => {
    await live();
    endpoint.restartFails.push(new Failure(status, 'x'));
    await pass(2_500);
    expect(endpoint.offers).toBe(2);
    newest().become('connected');
    expect(session.phase).toBe('live');
    expect(arrivals).toBe(2);
    expect(FakePeer.all[0]?.closed).toBe(true);
  });

  it('keeps the old connection’s pictures until the new one is live', async () => {
    await live();
    newest().become('failed');
    await pass(10);
    expect(FakePeer.all).toHaveLength(2);
    expect(FakePeer.all[0]?.closed).toBe(false);
    newest().become('connected');
    expect(FakePeer.all[0]?.closed).toBe(true);
  });

  it('offers anew at once when the server is known to be another one', async () => {
    await live();
    session.renew();
    await pass(10);
    expect(endpoint.offers).toBe(2);
    session.renew();
    session.renew();
    await pass(10);
    expect(endpoint.restarts).toBe(0);
    newest().become('connected');
    expect(session.phase).toBe('live');
    expect(endpoint.left).toEqual([]);
  });

  it('does not offer twice while an offer is on its way, nor after it left', async () => {
    session.start();
    session.renew();
    await pass(10);
    expect(endpoint.offers).toBe(1);
    await session.stop();
    session.renew();
    await pass(1_000);
    expect(endpoint.offers).toBe(1);
  });

  it.each([3, 10, 25, 60, 900])('is back within two seconds of its line, which was away for %i s', async (seconds) => {
    const door = new Door({
      knock: (signal) =>
        endpoint.cut
          ? new Promise((resolve) => {
              // The signal's own timer is a real one.
              setTimeout(() => resolve(false), 3_000);
              signal.addEventListener('abort', () => resolve(false));
            })
          : Promise.resolve(true),
      now: () => Date.now(),
      random: () => 1,
    });
    await session.stop();
    session = new LiveSession({
      endpoint,
      role: 'terminal',
      door,
      events: { phase: (phase) => phases.push(phase), arriving: () => undefined },
      createPeer: () => new FakePeer() as unknown as RTCPeerConnection,
      now: () => Date.now(),
      random: () => 1,
    });
    await live();
    endpoint.cut = true;
    await pass(seconds * 1_000);
    endpoint.cut = false;
    endpoint.gone = seconds > 30;
    const healed = Date.now();
    const isBack = () => (endpoint.gone || seconds > 30 ? endpoint.offers > 1 && session.phase === 'connecting' : session.phase === 'restarting' && endpoint.restarts > 1);
    for (let i = 0; i < 100 && !isBack(); i++) await pass(50);
    expect(isBack()).toBe(true);
    expect(Date.now() - healed).toBeLessThanOrEqual(1_700);
    expect(FakePeer.all.length).toBeLessThanOrEqual(3);
  });

  it('restarts at the first empty sample after the browser says that the network is back', async () => {
    await live();
    await pass(100);
    session.hurry();
    await pass(600);
    expect(endpoint.restarts).toBe(1);
  });

  it('says that all is well when the old path comes back before the restart is answered', async () => {
    await live();
    endpoint.cut = true;
    await pass(1_600);
    expect(session.phase).toBe('restarting');
    await flow(1_000);
    expect(session.phase).toBe('live');
    await pass(1_600);
    expect(session.phase).toBe('restarting');
    expect(endpoint.offers).toBe(1);
  });

  it('offers anew when a restart brings nothing, or a connection does not come up', async () => {
    await live();
    await pass(2_000 + 5_000);
    expect(endpoint.offers).toBe(2);
    await pass(9_500);
    expect(endpoint.offers).toBe(3);
  });

  it('puts the sources of before into every new connection', async () => {
    session = new LiveSession({
      endpoint,
      role: 'interactive',
      events: { phase: () => undefined, arriving: () => undefined },
      createPeer: () => new FakePeer() as unknown as RTCPeerConnection,
      now: () => Date.now(),
      random: () => 1,
    });
    session.put('camera', 'cam' as unknown as MediaStreamTrack);
    await live();
    newest().become('failed');
    await pass(10);
    expect(newest().replaced).toContain('cam');
  });

  it('leaves once, and is then quiet for good', async () => {
    await live();
    await session.stop();
    expect(endpoint.left).toEqual(['/session/1']);
    newest().become('failed');
    await pass(20_000);
    expect(endpoint.offers).toBe(1);
  });

  it('gives back a session that was answered after it left', async () => {
    session.start();
    void session.stop();
    await pass(100);
    expect(endpoint.left).toEqual(['/session/1']);
  });
});
