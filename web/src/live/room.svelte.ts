//! The page's presence in lessons: event stream, store and media session held together. Display and teacher
//! pages both use it; what differs is who they are and which sources they put in.

import type { Capabilities, SourceKind } from '../api/types';
import type { Failure } from '../api/http';
import { Door, serverReachable } from './door';
import { sessionEndpoint } from './endpoint';
import { PathKnock } from './knock';
import { LessonStore } from './lesson.svelte';
import { LINES, type SeatRole, type SlotName } from './lines';
import { PAGE } from './page';
import { LiveSession, type Phase } from './session';
import { eventsUrl, EventStream, type Link } from './stream';
import { time } from './time.svelte';

const HEALTH_MS = 5_000;

export interface RoomParts {
  secret: string | null;
  /** the lesson to watch; without it the one that runs */
  lesson?: string;
}

export class LiveRoom {
  readonly store = new LessonStore();
  link = $state<Link>('connecting');
  phase = $state<Phase>('idle');
  /** server or media path lost since, in server time; null while all is well */
  lostSince = $state<number | null>(null);
  refusal = $state.raw<Failure | null>(null);
  tracks = $state.raw<ReadonlyMap<SlotName, MediaStreamTrack>>(new Map());
  unauthorised = $state(false);
  private session: LiveSession | null = null;
  private sessionLesson: string | null = null;
  private role: SeatRole | null = null;
  private readonly stream: EventStream;
  private readonly path = new PathKnock();
  private readonly door = new Door({ knock: serverReachable, path: this.path });
  private readonly sources = new Map<SourceKind, MediaStreamTrack | null>();
  private music = false;
  /** which process of the server we last spoke with */
  private epoch: number | null = null;
  private readonly health: ReturnType<typeof setInterval>;
  private readonly networkBack = () => {
    this.door.hurry();
    this.stream.hurry();
    this.session?.hurry();
  };

  constructor(private readonly parts: RoomParts) {
    this.stream = new EventStream({
      url: eventsUrl(),
      door: this.door,
      hello: () => ({
        kind: 'hello',
        ...(parts.secret === null ? {} : { secret: parts.secret }),
        ...(parts.lesson === undefined ? {} : { lesson: parts.lesson }),
        page: PAGE,
        capabilities: capabilities(),
      }),
      message: (message) => {
        this.store.apply(message);
        if (message.kind === 'layers') this.limit(message.source, message.max);
        if (message.kind === 'sound_rate') this.session?.limitSound(message.source, message.max_bps ?? null);
        if (message.kind === 'bell' || (message.kind === 'lesson' && message.lesson.id !== this.store.lesson?.id)) {
          // The lesson's seats come with a snapshot only.
          this.stream.send({ kind: 'snapshot' });
        }
        if (message.kind === 'snapshot') {
          this.noteEpoch(message.epoch);
          this.sayAll();
        }
      },
      link: (link) => {
        this.link = link;
        if (link === 'open') this.session?.hurry();
        this.judge();
      },
      refused: () => (this.unauthorised = true),
    });
    this.health = setInterval(() => void this.report(), HEALTH_MS);
    addEventListener('online', this.networkBack);
  }

  send(message: Parameters<EventStream['send']>[0]): boolean {
    return this.stream.send(message);
  }

  /** Sits down in the lesson's seat; the same lesson again changes nothing. */
  join(lesson: string, role: SeatRole): void {
    if (this.sessionLesson === lesson && this.session !== null) return;
    void this.leave();
    this.sessionLesson = lesson;
    this.role = role;
    this.refusal = null;
    const session = new LiveSession({
      endpoint: sessionEndpoint(lesson, this.parts.secret),
      role,
      door: this.door,
      learn: (answer) => this.path.learn(answer),
      events: {
        phase: (phase) => {
          if (this.session !== session) return;
          this.phase = phase;
          if (phase === 'live') {
            this.refusal = null;
            // What the events of a dead line say comes late or never.
            if (this.lostSince !== null) this.stream.doubt(time.clock.now() - this.lostSince);
          }
          this.judge();
        },
        arriving: (tracks) => {
          if (this.session === session) this.tracks = new Map(tracks);
        },
        refused: (failure) => {
          if (this.session === session) this.refusal = failure;
        },
      },
    });
    this.session = session;
    session.setMusic(this.music);
    for (const [kind, track] of this.sources) session.put(kind, track);
    session.start();
    this.sayAll();
  }

  /** `gone`: the server has closed the session by itself, at the bell or for another page. */
  async leave(gone = false): Promise<void> {
    const session = this.session;
    this.session = null;
    this.sessionLesson = null;
    this.phase = 'idle';
    this.lostSince = null;
    this.refusal = null;
    this.tracks = new Map();
    this.store.forgetSlots();
    await session?.stop(gone);
  }

  /** Another page has the seat: this one is quiet for good, unless a person asks for it again. */
  async yield(): Promise<void> {
    await this.leave(true);
    this.close();
  }

  put(kind: SourceKind, track: MediaStreamTrack | null): void {
    this.sources.set(kind, track);
    this.session?.put(kind, track);
    this.say(kind);
  }

  setMusic(music: boolean): void {
    this.music = music;
    this.session?.setMusic(music);
  }

  stats() {
    return this.session?.stats() ?? Promise.resolve(null);
  }

  close(): void {
    clearInterval(this.health);
    removeEventListener('online', this.networkBack);
    this.stream.end();
  }

  /** A server that was started anew knows nothing of our session; no need to find that out by silence. */
  private noteEpoch(epoch: number): void {
    if (this.epoch !== null && epoch !== this.epoch) this.session?.renew();
    this.epoch = epoch;
  }

  private sayAll(): void {
    for (const kind of this.sources.keys()) this.say(kind);
  }

  private say(kind: SourceKind): void {
    // Only sources this seat has a line for; the slow twin follows the screen by itself.
    const has = this.role !== null && LINES[this.role].some((line) => 'up' in line && line.up === kind);
    if (has && kind !== 'screen_slow') {
      this.stream.send({ kind: 'source', source: kind, on: (this.sources.get(kind) ?? null) !== null });
    }
  }

  private limit(kind: SourceKind, max: string): void {
    const order = ['q', 'h', 'f'];
    const highest = order.indexOf(max);
    this.session?.limit(kind, (rid, index) => {
      if (max === 'none') return false;
      return rid === undefined || highest < 0 || order.indexOf(rid) <= highest || index === 0;
    });
  }

  private judge(): void {
    const mediaLost = this.phase === 'restarting' || this.phase === 'waiting' || this.rejoining;
    const lost = this.session !== null && (this.link === 'lost' || mediaLost);
    if (!lost && this.phase !== 'connecting' && this.phase !== 'joining') this.lostSince = null;
    else if (lost) this.lostSince ??= time.clock.now();
  }

  private get rejoining(): boolean {
    return this.lostSince !== null && (this.phase === 'joining' || this.phase === 'connecting');
  }

  private async report(): Promise<void> {
    if (this.phase !== 'live') return;
    const sums = await this.stats();
    if (sums === null) return;
    this.stream.send({
      kind: 'health',
      frames_decoded: sums.framesDecoded,
      freezes: sums.freezes,
      concealed_ms: sums.concealedMs,
      round_trip_ms: sums.roundTripMs,
    });
  }
}

function capabilities(): Capabilities {
  const known = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const has = (pattern: RegExp) => known.some((codec) => pattern.test(`${codec.mimeType} ${codec.sdpFmtpLine ?? ''}`));
  const codecs: Capabilities['codecs'] = [];
  if (has(/h264 .*42e01f/i)) codecs.push('h264');
  if (has(/vp9/i)) codecs.push('vp9');
  // A picture on each decoder as large as the screen: what is larger is not seen any sharper.
  const decoders = 4;
  return { codecs, decoders, pixels: decoders * Math.round(screen.width * screen.height * devicePixelRatio ** 2) };
}
