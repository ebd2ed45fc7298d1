//! A page's place in the media plane, over as many connections as it takes.
//!
//! It offers, restarts when the path is silent, offers anew when the server no longer knows it, and never gives up
//! until told to leave. It decides nothing about lessons: who starts it and who stops it is the page.

import { Failure } from '../api/http';
import type { SourceKind } from '../api/types';
import { Backoff } from './backoff';
import { Door, serverReachable } from './door';
import type { Answer, Endpoint } from './endpoint';
import { Insist } from './insist';
import type { SeatRole, SlotName } from './lines';
import { Peer, type PeerWishes } from './peer';
import { Redundancy } from './redundancy';
import { sumOf, type Sums } from './stats';
import { Uplink } from './uplink';
import { every } from './ticker';
import { Watchdog } from './watchdog';

export type Phase = 'idle' | 'joining' | 'connecting' | 'live' | 'restarting' | 'waiting' | 'ended';

export interface SessionEvents {
  phase(phase: Phase): void;
  /** tracks that arrive, by slot, whenever a new connection has become live */
  arriving(tracks: Map<SlotName, MediaStreamTrack>): void;
  /** the server's map of mid to slot */
  slots?(byMid: Record<string, string>): void;
  refused?(failure: Failure): void;
}

export interface SessionParts {
  endpoint: Endpoint;
  role: SeatRole;
  events: SessionEvents;
  /** tells when the server can be reached again; one for all of a page */
  door?: Door;
  /** takes the server's newest answer */
  learn?(answer: string): void;
  createPeer?: (configuration: RTCConfiguration) => RTCPeerConnection;
  now?: () => number;
  random?: () => number;
}

const WATCH_MS = 500;
/** ICE, DTLS and the answer's way back; the server frees an unconnected session after 10 s. */
const CONNECT_MS = 8_000;
/** A restart that brings no packet within this time is followed by a new offer. */
const RESTART_MS = 3_000;

export class LiveSession {
  phase: Phase = 'idle';
  sums: Sums | null = null;
  /** when the last own offer was accepted; a `replaced` right after it is about our own older session */
  joinedAt = -Infinity;
  private peer: Peer | null = null;
  /** the connection before: its last pictures stay until the new one is live */
  private fading: Peer | null = null;
  private location: string | null = null;
  private etag: string | null = null;
  /** every new offer or stop makes older asynchronous work void */
  private turn = 0;
  private deadline = Infinity;
  /** ends the looks at the path */
  private unwatch: (() => void) | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private readonly tracks = new Map<SourceKind, MediaStreamTrack | null>();
  private readonly limits = new Map<SourceKind, (rid: string | undefined, index: number) => boolean>();
  private readonly soundLimits = new Map<SourceKind, number | null>();
  private music = false;
  private readonly redundancy = new Redundancy();
  private readonly uplink = new Uplink();
  /** a restart is on its way to the server */
  private mending = false;
  private readonly insist: Insist;
  private readonly watchdog = new Watchdog();
  private readonly backoff: Backoff;
  private readonly now: () => number;
  /** negotiation steps of one connection never overlap */
  private chain: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: SessionParts) {
    this.now = parts.now ?? (() => performance.now());
    this.backoff = new Backoff(this.now, parts.random);
    this.insist = new Insist({ door: parts.door ?? new Door({ knock: serverReachable }), now: this.now, random: parts.random });
  }

  start(): void {
    if (this.phase !== 'idle') return;
    this.unwatch = every(WATCH_MS, () => void this.watch());
    void this.join();
  }

  /** Leaves for good; the seat stays in the lesson. `gone`: the server has already closed the session. */
  async stop(gone = false): Promise<void> {
    if (this.phase === 'ended') return;
    this.turn += 1;
    this.insist.callOff();
    this.unwatch?.();
    if (this.retry !== null) clearTimeout(this.retry);
    const location = this.location;
    this.location = null;
    this.peer?.close();
    this.fading?.close();
    this.peer = this.fading = null;
    this.move('ended');
    if (location !== null && !gone) await this.parts.endpoint.leave(location).catch(() => undefined);
  }

  put(kind: SourceKind, track: MediaStreamTrack | null): void {
    this.tracks.set(kind, track);
    this.peer?.put(kind, track).catch(() => undefined);
  }

  limit(kind: SourceKind, active: (rid: string | undefined, index: number) => boolean): void {
    this.limits.set(kind, active);
    this.applyLimit(kind);
  }

  private applyLimit(kind: SourceKind): void {
    const peer = this.peer;
    const limit = this.limits.get(kind);
    const active = (rid: string | undefined, index: number) =>
      (kind !== 'camera' || this.uplink.pictures) && (limit?.(rid, index) ?? true);
    if (peer) void this.inTurn(() => peer.layers(kind, active));
  }

  limitSound(kind: SourceKind, most: number | null): void {
    this.soundLimits.set(kind, most);
    const peer = this.peer;
    if (peer) void this.inTurn(() => peer.limitSound(kind, most));
  }

  setMusic(music: boolean): void {
    if (music === this.music) return;
    this.music = music;
    this.wish();
  }

  private wish(): void {
    const peer = this.peer;
    if (peer) void this.inTurn(() => peer.wish(this.wishes()));
  }

  private wishes(): PeerWishes {
    return { music: this.music, redundancy: this.redundancy.wanted };
  }

  /** Something outside says that the network changed or is back (`online`, event stream open): look now. */
  hurry(): void {
    if (this.phase === 'waiting') void this.join();
    else if (this.phase === 'live') {
      this.watchdog.hint(this.now());
      void this.watch();
    } else this.insist.hurry();
  }

  /** The server is known to have lost the session: offer anew at once. An offer on its way finds that out itself. */
  renew(): void {
    if (this.peer !== null && this.phase !== 'joining' && this.phase !== 'ended') void this.join();
  }

  async stats(): Promise<Sums | null> {
    const peer = this.peer;
    return peer === null ? null : sumOf(await peer.connection.getStats());
  }

  private async join(): Promise<void> {
    const turn = ++this.turn;
    if (this.retry !== null) clearTimeout(this.retry);
    this.move('joining');
    this.deadline = Infinity;
    this.mending = false;
    this.sums = null;
    // Keep the newest connection that ever showed something, drop one that never did.
    if (this.fading !== null) this.peer?.close();
    else this.fading = this.peer;
    const peer = new Peer(
      this.parts.role,
      this.wishes(),
      this.parts.createPeer ?? ((configuration) => new RTCPeerConnection(configuration)),
    );
    this.peer = peer;
    this.chain = Promise.resolve();
    this.watchdog.reset();
    peer.connection.addEventListener('connectionstatechange', () => this.connectionMoved(turn, peer));
    try {
      for (const [kind, track] of this.tracks) await peer.put(kind, track);
      const offer = await peer.offer();
      const answer = await this.insist.run((signal) => this.ask(turn, offer, signal));
      if (turn !== this.turn) return;
      this.location = answer.location;
      this.etag = answer.etag;
      this.joinedAt = this.now();
      await peer.accept(answer.sdp);
      this.parts.learn?.(peer.answer);
      if (turn !== this.turn) return;
      this.parts.events.slots?.(answer.slots);
      for (const kind of new Set([...this.limits.keys(), 'camera' as const])) this.applyLimit(kind);
      for (const [kind, most] of this.soundLimits) void this.inTurn(() => peer.limitSound(kind, most));
      this.deadline = this.now() + CONNECT_MS;
      if (this.phase === 'joining') this.move('connecting');
    } catch (error) {
      if (turn === this.turn) this.failed(error);
    }
  }

  private async ask(turn: number, offer: string, signal: AbortSignal): Promise<Answer> {
    const answer = await this.parts.endpoint.offer(offer, signal);
    // Stopped meanwhile: the server must not keep a session that nobody sits in.
    if (turn !== this.turn && this.location === null) {
      void this.parts.endpoint.leave(answer.location).catch(() => undefined);
    }
    return answer;
  }

  private failed(error: unknown): void {
    const failure = error instanceof Failure ? error : null;
    this.location = null;
    if (failure !== null && failure.status >= 400 && failure.status < 500) this.parts.events.refused?.(failure);
    this.wait(failure?.retryAfterMs ?? 0);
  }

  private wait(atLeastMs: number): void {
    this.move('waiting');
    this.deadline = Infinity;
    const turn = this.turn;
    this.retry = setTimeout(() => {
      if (turn === this.turn) void this.join();
    }, Math.max(atLeastMs, this.backoff.next()));
  }

  private connectionMoved(turn: number, peer: Peer): void {
    if (turn !== this.turn || peer !== this.peer) return;
    if (peer.connection.connectionState === 'connected') this.becameLive(peer);
    if (peer.connection.connectionState === 'failed' && this.phase !== 'waiting') void this.join();
  }

  private becameLive(peer: Peer): void {
    const first = this.phase !== 'restarting' && this.phase !== 'live';
    if (this.phase !== 'restarting') this.deadline = Infinity;
    if (!first) return;
    this.backoff.reset();
    this.move('live');
    this.parts.events.arriving(peer.arriving);
    this.fading?.close();
    this.fading = null;
  }

  private async restart(): Promise<void> {
    const { peer, location, turn } = this;
    if (peer === null || location === null) return;
    this.move('restarting');
    this.deadline = Infinity;
    this.mending = true;
    try {
      await this.inTurn(async () => {
        const fragment = await peer.restart();
        // The offer stands until the server has answered it, however long the network is away.
        const reply = await this.insist.run((signal) =>
          this.parts.endpoint.restart(location, this.etag, fragment, signal));
        if (turn !== this.turn) return;
        this.etag = reply.etag;
        await peer.restarted(reply.fragment);
        this.parts.learn?.(peer.answer);
      });
      if (turn !== this.turn) return;
      this.mending = false;
      if (this.phase === 'restarting') this.deadline = this.now() + RESTART_MS;
    } catch {
      // Unknown session, another ETag, or an engine that refuses: start anew.
      if (turn === this.turn) void this.join();
    }
  }

  private async watch(): Promise<void> {
    const { peer, turn } = this;
    if (peer === null || this.phase === 'waiting' || this.phase === 'joining') return;
    const sums = sumOf(await peer.connection.getStats());
    if (turn !== this.turn) return;
    const before = this.sums;
    this.sums = sums;
    const now = this.now();
    const silence = this.watchdog.feed(now, sums);
    const { wanted } = this.redundancy;
    if (this.redundancy.feed(now, sums.soundLossUp, sums.takesUp) !== wanted) this.wish();
    const { pictures } = this.uplink;
    if (this.uplink.feed(now, sums.takesUp) !== pictures) this.applyLimit('camera');
    if (this.phase === 'restarting' && before !== null && sums.bytes > before.bytes) {
      // Also when the restart is still on its way: the old path may have come back by itself.
      this.deadline = Infinity;
      this.backoff.reset();
      this.move('live');
    } else if (this.phase === 'live' && silence > 0) {
      if (this.mending) this.move('restarting');
      else await this.restart();
      return;
    }
    if (now > this.deadline) void this.join();
  }

  private inTurn<T>(step: () => Promise<T>): Promise<T> {
    const run = this.chain.then(step);
    this.chain = run.catch(() => undefined);
    return run;
  }

  private move(phase: Phase): void {
    if (phase === this.phase) return;
    this.phase = phase;
    this.parts.events.phase(phase);
  }
}
