//! The event stream: one WebSocket, opened again for ever, each time saying who we are and what we saw last.

import type { Hello, PageMessage, ServerMessage } from '../api/types';
import { Backoff } from './backoff';
import type { Door } from './door';

export type Link = 'connecting' | 'open' | 'lost' | 'ended';

export interface StreamParts {
  url: string;
  hello(): Hello;
  message(message: ServerMessage): void;
  link(link: Link): void;
  /** the socket was refused or closed with a code that another try will not mend */
  refused?(code: number): void;
  /** Opened before each reconnect. Browsers slow down pages whose sockets fail often; plain requests they do not. */
  door?: Door;
  createSocket?: (url: string) => WebSocket;
  now?: () => number;
  random?: () => number;
}

/** The server says its clock every 10 s; two missed and a bit means nobody is there. */
const SILENT_MS = 25_000;
const CHECK_MS = 1_000;
/** A connection attempt that hangs longer (a black hole) is given up. */
const OPEN_MS = 6_000;
/** Policy violation: the server will not have us (revoked, foreign origin, not signed in). */
const REFUSED = 1008;

export class EventStream {
  private socket: WebSocket | null = null;
  private last: number | null = null;
  private heardAt = 0;
  private opened = false;
  private ended = false;
  /** ends the wait for the next try */
  private retry: (() => void) | null = null;
  private readonly check: ReturnType<typeof setInterval>;
  private readonly backoff: Backoff;
  private readonly now: () => number;

  constructor(private readonly parts: StreamParts) {
    this.now = parts.now ?? (() => performance.now());
    this.backoff = new Backoff(this.now, parts.random);
    this.check = setInterval(() => this.look(), CHECK_MS);
    this.open();
  }

  send(message: PageMessage): boolean {
    if (this.socket === null || !this.opened) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** The network is said to be back: do not wait for the timer. */
  hurry(): void {
    if (this.retry !== null) this.open();
  }

  /** The line was away: a socket that has been quiet since repeats what was lost ever more rarely; take a new one. */
  doubt(sinceMs: number): void {
    const { socket } = this;
    if (socket === null || !this.opened || this.now() - this.heardAt < sinceMs) return;
    this.closed(0);
    socket.close();
    this.hurry();
  }

  end(): void {
    this.ended = true;
    clearInterval(this.check);
    this.retry?.();
    this.socket?.close();
    this.socket = null;
    this.parts.link('ended');
  }

  private open(): void {
    this.retry?.();
    this.retry = null;
    if (this.ended) return;
    this.opened = false;
    this.heardAt = this.now();
    const socket = (this.parts.createSocket ?? ((url) => new WebSocket(url)))(this.parts.url);
    this.socket = socket;
    socket.onopen = () => {
      if (socket !== this.socket) return;
      this.opened = true;
      this.heardAt = this.now();
      const hello = this.parts.hello();
      socket.send(JSON.stringify(this.last === null ? hello : { ...hello, resume: this.last }));
      this.parts.link('open');
    };
    socket.onmessage = (event) => {
      if (socket === this.socket) this.heard(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.closed(event.code);
    };
  }

  private heard(data: unknown): void {
    this.heardAt = this.now();
    const message = parse(data);
    if (message === null) return;
    this.backoff.reset();
    // A snapshot starts the numbering anew: the server may be another process.
    if (message.kind === 'snapshot') this.last = message.n ?? null;
    else if (message.n !== undefined && this.last !== null && message.n > this.last) this.last = message.n;
    this.parts.message(message);
  }

  private closed(code: number): void {
    this.socket = null;
    this.opened = false;
    if (this.ended) return;
    if (code === REFUSED) this.parts.refused?.(code);
    this.parts.link('lost');
    this.wait();
  }

  private wait(): void {
    const { door } = this.parts;
    const pause = this.backoff.next();
    const from = this.now() + pause;
    if (door !== undefined) this.retry = door.watch(() => this.now() >= from && this.open());
    else {
      const timer = setTimeout(() => this.open(), pause);
      this.retry = () => clearTimeout(timer);
    }
  }

  private look(): void {
    const allowed = this.opened ? SILENT_MS : OPEN_MS;
    if (this.socket === null || this.now() - this.heardAt < allowed) return;
    const dead = this.socket;
    this.closed(0);
    dead.close();
  }
}

function parse(data: unknown): ServerMessage | null {
  if (typeof data !== 'string') return null;
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null && 'kind' in value ? (value as ServerMessage) : null;
  } catch {
    return null;
  }
}

export function eventsUrl(): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/events`;
}
