//! One RTCPeerConnection with the fixed m-lines of its role. It knows nothing of HTTP or of retries.

import type { SourceKind } from '../api/types';
import { encodingsOf, LINES, preferredCodecs, type SeatRole, type SlotName } from './lines';
import { restartedAnswer, restartFragment, withRedundancy, withSound, withSoundRetransmission, type SoundWish } from './sdp';
import { slowRate } from './slow';

export interface PeerWishes {
  /** stereo and full band for the microphone: music lessons */
  music: boolean;
  /** sound is sent twice, for a line that loses packets */
  redundancy: boolean;
}

/** Music, and what a computer plays, bit/s. */
const RICH_SOUND = 128_000;

export class Peer {
  readonly connection: RTCPeerConnection;
  readonly arriving = new Map<SlotName, MediaStreamTrack>();
  private readonly senders = new Map<SourceKind, RTCRtpTransceiver>();
  private readonly soundLimits = new Map<SourceKind, number | null>();
  /** the server's, as it stands after the last restart */
  answer = '';

  constructor(
    readonly role: SeatRole,
    private wishes: PeerWishes,
    create: (configuration: RTCConfiguration) => RTCPeerConnection,
  ) {
    this.connection = create({ bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' });
    const codecs = typeof RTCRtpReceiver === 'undefined' ? null : RTCRtpReceiver.getCapabilities('video')?.codecs;
    const sendCodecs = typeof RTCRtpSender === 'undefined' ? null : RTCRtpSender.getCapabilities('video')?.codecs;
    for (const line of LINES[role]) {
      const up = 'up' in line;
      const encodings = up ? encodingsOf(line.up) : undefined;
      const transceiver = this.connection.addTransceiver(line.media, {
        direction: up ? 'sendonly' : 'recvonly',
        ...(encodings === undefined ? {} : { sendEncodings: encodings }),
      });
      if (line.media === 'video') prefer(transceiver, preferredCodecs((up ? sendCodecs : codecs) ?? []));
      if (up) this.senders.set(line.up, transceiver);
      else this.arriving.set(line.down, transceiver.receiver.track);
    }
  }

  async offer(): Promise<string> {
    return this.describe(await this.connection.createOffer());
  }

  async accept(answer: string): Promise<void> {
    this.answer = answer;
    const sdp = withSound(answer, this.soundWishes());
    await this.connection.setRemoteDescription({ type: 'answer', sdp: this.wishes.redundancy ? withRedundancy(sdp) : sdp });
  }

  /** A local offer with new credentials, as the fragment to send. */
  async restart(): Promise<string> {
    return restartFragment(await this.describe(await this.connection.createOffer({ iceRestart: true })));
  }

  async restarted(fragment: string): Promise<void> {
    await this.accept(restartedAnswer(this.answer, fragment));
  }

  /** Other wishes in a running session: a round of offer and answer within the page; the server need not know. */
  async wish(wishes: PeerWishes): Promise<void> {
    this.wishes = wishes;
    if (this.answer === '' || this.connection.signalingState !== 'stable') return;
    await this.describe(await this.connection.createOffer());
    await this.accept(this.answer);
    await this.setSoundRate('microphone');
  }

  /** Some listener's line takes no more of this sound than `most` bit/s; `null`: all may come. */
  async limitSound(kind: SourceKind, most: number | null): Promise<void> {
    if (this.soundLimits.get(kind) === most) return;
    this.soundLimits.set(kind, most);
    await this.setSoundRate(kind);
  }

  private async setSoundRate(kind: SourceKind): Promise<void> {
    const sender = this.senders.get(kind)?.sender;
    const parameters = sender?.getParameters();
    const first = parameters?.encodings[0];
    if (!sender || !parameters || !first) return;
    const wished = kind === 'computer_sound' || this.wishes.music ? RICH_SOUND : null;
    const most = this.soundLimits.get(kind) ?? null;
    if (wished !== null || most !== null) first.maxBitrate = Math.min(wished ?? Infinity, most ?? Infinity);
    else delete first.maxBitrate;
    await sender.setParameters(parameters);
  }

  async put(kind: SourceKind, track: MediaStreamTrack | null): Promise<void> {
    await this.senders.get(kind)?.sender.replaceTrack(track);
  }

  /** Sends the layers up to `max` of `count`, so that nothing is encoded that nobody watches. */
  async layers(kind: SourceKind, active: (rid: string | undefined, index: number) => boolean): Promise<void> {
    const sender = this.senders.get(kind)?.sender;
    const parameters = sender?.getParameters();
    if (!sender || !parameters || parameters.encodings.length === 0) return;
    const before = parameters.encodings.map((encoding) => encoding.active !== false);
    parameters.encodings.forEach((encoding, index) => (encoding.active = active(encoding.rid, index)));
    if (parameters.encodings.every((encoding, index) => encoding.active === before[index])) return;
    const rate = kind === 'screen_slow' ? slowRate(sender.track) : undefined;
    if (rate !== undefined) parameters.encodings.forEach((encoding) => (encoding.maxFramerate = rate));
    await sender.setParameters(parameters);
  }

  close(): void {
    this.connection.close();
  }

  private async describe(offer: RTCSessionDescriptionInit): Promise<string> {
    // Chromium knows its mids only after the offer is made, and they stand in its text.
    const mids = [...(offer.sdp ?? '').matchAll(/^a=mid:(\S+)/gm)].map((match) => match[1] ?? '');
    const sdp = withSound(withSoundRetransmission(offer.sdp ?? ''), this.soundWishes(mids));
    await this.connection.setLocalDescription({ type: 'offer', sdp });
    return sdp;
  }

  /** Every listener can take stereo; only the computer and, in music mode, the microphone send it. */
  private soundWishes(mids?: string[]): SoundWish[] {
    return LINES[this.role].flatMap((line, index): SoundWish[] => {
      if (line.media !== 'audio') return [];
      const mid = mids?.[index] ?? this.connection.getTransceivers()[index]?.mid ?? String(index);
      if (!('up' in line)) return [{ mid, stereo: true, bitrate: null }];
      const rich = line.up === 'computer_sound' || (line.up === 'microphone' && this.wishes.music);
      return [{ mid, stereo: rich, bitrate: rich ? RICH_SOUND : null }];
    });
  }
}

function prefer(transceiver: RTCRtpTransceiver, codecs: RTCRtpCodec[]): void {
  if (codecs.length === 0) return;
  try {
    transceiver.setCodecPreferences(codecs);
  } catch {
    // An engine that knows another set of codecs offers its own; the server answers what it can.
  }
}
