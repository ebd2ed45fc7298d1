//! What the page reads out of `getStats`: life of the path, and the figures it reports.

export interface Sums {
  bytes: number;
  responses: number;
  framesDecoded: number;
  freezes: number;
  concealedMs: number;
  roundTripMs: number | null;
  /** share of our sound that the server says was lost lately, the worst of our lines */
  soundLossUp: number | null;
  /** what the browser believes that the line takes, bit/s; Firefox does not say */
  takesUp: number | null;
  /** per mid: frames decoded and audio level */
  inbound: { mid: string; kind: string; frames: number; level: number; packets: number }[];
  outbound: { mid: string; rid: string | null; frames: number; width: number; bytes: number; codec: string | null }[];
}

/** The statistics of an RTCPeerConnection that are used here; engines leave out what they do not know. */
interface Entry {
  id?: string;
  type: string;
  kind?: string;
  mid?: string;
  rid?: string;
  mimeType?: string;
  codecId?: string;
  bytesReceived?: number;
  bytesSent?: number;
  responsesReceived?: number;
  packetsReceived?: number;
  framesDecoded?: number;
  framesEncoded?: number;
  frameWidth?: number;
  freezeCount?: number;
  concealedSamples?: number;
  audioLevel?: number;
  currentRoundTripTime?: number;
  fractionLost?: number;
  availableOutgoingBitrate?: number;
  nominated?: boolean;
}

const SAMPLES_PER_MS = 48;

export function sumOf(report: Iterable<[string, unknown]> | RTCStatsReport): Sums {
  const entries = [...(report as Iterable<[string, unknown]>)].map(([, value]) => value as Entry);
  const sums: Sums = {
    bytes: 0,
    responses: 0,
    framesDecoded: 0,
    freezes: 0,
    concealedMs: 0,
    roundTripMs: null,
    soundLossUp: null,
    takesUp: null,
    inbound: [],
    outbound: [],
  };
  const codecs = new Map(entries.filter((e) => e.type === 'codec').map((e) => [e.id, e.mimeType ?? null]));
  let pairBytes = 0;
  for (const entry of entries) {
    switch (entry.type) {
      case 'transport':
        sums.bytes += entry.bytesReceived ?? 0;
        break;
      case 'candidate-pair':
        pairBytes += entry.bytesReceived ?? 0;
        sums.responses += entry.responsesReceived ?? 0;
        if (entry.nominated && entry.currentRoundTripTime !== undefined) {
          sums.roundTripMs = Math.round(entry.currentRoundTripTime * 1000);
        }
        if (entry.nominated && entry.availableOutgoingBitrate !== undefined) sums.takesUp = entry.availableOutgoingBitrate;
        break;
      case 'inbound-rtp':
        sums.framesDecoded += entry.framesDecoded ?? 0;
        sums.freezes += entry.freezeCount ?? 0;
        sums.concealedMs += Math.round((entry.concealedSamples ?? 0) / SAMPLES_PER_MS);
        sums.inbound.push({
          mid: entry.mid ?? '',
          kind: entry.kind ?? '',
          frames: entry.framesDecoded ?? 0,
          level: entry.audioLevel ?? 0,
          packets: entry.packetsReceived ?? 0,
        });
        break;
      case 'remote-inbound-rtp':
        if (entry.kind === 'audio' && entry.fractionLost !== undefined) {
          sums.soundLossUp = Math.max(sums.soundLossUp ?? 0, entry.fractionLost);
        }
        break;
      case 'outbound-rtp':
        sums.outbound.push({
          mid: entry.mid ?? '',
          rid: entry.rid ?? null,
          frames: entry.framesEncoded ?? 0,
          width: entry.frameWidth ?? 0,
          bytes: entry.bytesSent ?? 0,
          codec: codecs.get(entry.codecId) ?? null,
        });
        break;
    }
  }
  // Firefox has no transport statistics; its pairs carry the bytes.
  if (sums.bytes === 0) sums.bytes = pairBytes;
  return sums;
}
