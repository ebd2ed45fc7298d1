//! The fixed m-lines of each role: their order, kind and direction are part of the protocol.

import type { SourceKind } from '../api/types';

export type SeatRole = 'teacher' | 'interactive' | 'terminal';
export type SlotName =
  | 'teacher_video'
  | 'screen'
  | 'stage_video'
  | 'teacher_audio'
  | 'computer_sound'
  | 'stage_audio'
  | 'second_audio'
  | `thumbnail_${number}`;

export type Media = 'audio' | 'video';
export type Line = { up: SourceKind; media: Media } | { down: SlotName; media: Media };

export const THUMBNAILS = 6;

const watching: Line[] = [
  { down: 'teacher_video', media: 'video' },
  { down: 'screen', media: 'video' },
  { down: 'stage_video', media: 'video' },
  { down: 'teacher_audio', media: 'audio' },
  { down: 'computer_sound', media: 'audio' },
  { down: 'stage_audio', media: 'audio' },
];

export const LINES: Record<SeatRole, Line[]> = {
  teacher: [
    { up: 'microphone', media: 'audio' },
    { up: 'camera', media: 'video' },
    { up: 'screen', media: 'video' },
    { up: 'screen_slow', media: 'video' },
    { up: 'computer_sound', media: 'audio' },
    { down: 'stage_video', media: 'video' },
    { down: 'stage_audio', media: 'audio' },
    { down: 'second_audio', media: 'audio' },
    ...Array.from({ length: THUMBNAILS }, (_, i): Line => ({ down: `thumbnail_${i}`, media: 'video' })),
  ],
  interactive: [{ up: 'microphone', media: 'audio' }, { up: 'camera', media: 'video' }, ...watching],
  terminal: watching,
};

/** What each source is encoded with. The camera's three layers are spatial halves; the server picks per receiver. */
export function encodingsOf(kind: SourceKind): RTCRtpEncodingParameters[] | undefined {
  switch (kind) {
    case 'camera':
      // Chromium sends one VP9 SSRC only, unless each layer says it has no spatial layers of its own.
      return [
        layer('q', 4, 150_000),
        layer('h', 2, 500_000),
        layer('f', 1, 1_700_000),
      ];
    case 'screen':
      return [{ maxBitrate: 2_500_000, maxFramerate: 15 }];
    case 'screen_slow':
      return [{ maxBitrate: 400_000, active: false }];
    case 'computer_sound':
      return [{ maxBitrate: 128_000 }];
    case 'microphone':
      return undefined;
  }
}

/** `scalabilityMode` is not yet in the library's type. */
type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

function layer(rid: string, scaleResolutionDownBy: number, maxBitrate: number): Encoding {
  return { rid, scaleResolutionDownBy, maxBitrate, scalabilityMode: 'L1T1' };
}

/** H.264 constrained baseline first, VP9 second, nothing else: the recorder can keep both, and the server chooses. */
export function preferredCodecs(all: RTCRtpCodec[]): RTCRtpCodec[] {
  const h264 = all.filter(
    (c) =>
      c.mimeType.toLowerCase() === 'video/h264' &&
      /profile-level-id=42e01f/i.test(c.sdpFmtpLine ?? '') &&
      /packetization-mode=1/.test(c.sdpFmtpLine ?? ''),
  );
  const vp9 = all.filter(
    (c) => c.mimeType.toLowerCase() === 'video/vp9' && /profile-id=0|^$/.test(c.sdpFmtpLine ?? ''),
  );
  const rtx = all.filter((c) => c.mimeType.toLowerCase() === 'video/rtx');
  return [...h264, ...vp9, ...rtx];
}
