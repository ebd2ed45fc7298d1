//! A knock along the path of the media: an ICE check that asks whether the server is reached again.
//!
//! Why not by plain requests only: a browser has six connections to a server, and one that was begun while the line
//! was away repeats its first packet ever more rarely, up to once a minute; giving the request up does not end it. So
//! requests made during a long break keep a page away for up to a minute after it. Checks start every time anew.

/** The sign after a session's ufrag by which the server tells a knock from a check of the session. */
const KNOCK = '+';

interface Known {
  ufrag: string;
  password: string;
  fingerprint: string;
  candidates: string[];
}

export class PathKnock {
  private known: Known | null = null;

  constructor(private readonly create: () => RTCPeerConnection = () => new RTCPeerConnection()) {}

  /** Takes where the server is and what it believes from its answer to an offer. */
  learn(answer: string): void {
    const lines = answer.split(/\r?\n/);
    const value = (name: string) => lines.find((line) => line.startsWith(`a=${name}:`))?.slice(name.length + 3);
    const [ufrag, password, fingerprint] = [value('ice-ufrag'), value('ice-pwd'), value('fingerprint')];
    const candidates = [...new Set(lines.filter((line) => line.startsWith('a=candidate:')))];
    if (ufrag === undefined || password === undefined || fingerprint === undefined || candidates.length === 0) return;
    this.known = { ufrag, password, fingerprint, candidates };
  }

  get ready(): boolean {
    return this.known !== null;
  }

  /** Checks until the server answers (true), the browser gives up, or the signal comes (false). */
  async knock(signal: AbortSignal): Promise<boolean> {
    if (this.known === null) return false;
    const peer = this.create();
    try {
      return await Promise.race([this.answered(peer, this.known), gone(signal)]);
    } catch {
      return false;
    } finally {
      peer.close();
    }
  }

  private async answered(peer: RTCPeerConnection, known: Known): Promise<boolean> {
    const done = new Promise<boolean>((resolve) => {
      peer.addEventListener('iceconnectionstatechange', () => {
        if (peer.iceConnectionState === 'connected' || peer.iceConnectionState === 'completed') resolve(true);
        if (peer.iceConnectionState === 'failed') resolve(false);
      });
    });
    // The smallest thing that can be negotiated; it is never used.
    peer.createDataChannel('knock');
    await peer.setLocalDescription(await peer.createOffer());
    await peer.setRemoteDescription({ type: 'answer', sdp: answerOf(known) });
    return done;
  }
}

function gone(signal: AbortSignal): Promise<false> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(false);
    signal.addEventListener('abort', () => resolve(false), { once: true });
  });
}

function answerOf({ ufrag, password, fingerprint, candidates }: Known): string {
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 0.0.0.0',
    's=-',
    't=0 0',
    'a=group:BUNDLE 0',
    'a=ice-lite',
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    'c=IN IP4 0.0.0.0',
    'a=mid:0',
    `a=ice-ufrag:${ufrag}${KNOCK}`,
    `a=ice-pwd:${password}`,
    `a=fingerprint:${fingerprint}`,
    'a=setup:passive',
    'a=sctp-port:5000',
    ...candidates,
    'a=end-of-candidates',
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}
