//! Camera and microphone of this page, or what stands in for them. It opens them, watches for unplugging, and
//! never leaves a line without a track.

import { every } from './ticker';
import { sound } from './sound.svelte';
import { standinCamera, standinTone } from './standin';

export type DeviceFault = 'missing' | 'denied' | 'busy' | 'unsupported';

export interface Opened {
  track: MediaStreamTrack;
  /** why a stand-in has its place, or null for the real device */
  fault: DeviceFault | null;
  stop(): void;
}

export interface Wanted {
  name: string;
  standinLabel: string;
  camera?: string;
  microphone?: string;
  music?: boolean;
}

/** A stand-in is tried again this often, beside the browser's own word that devices changed. */
const RETRY_MS = 30_000;

export class Sources {
  camera = $state.raw<Opened | null>(null);
  microphone = $state.raw<Opened | null>(null);
  devices = $state.raw<MediaDeviceInfo[]>([]);
  opening = $state(false);
  private wanted: Wanted | null = null;
  private stopRetry: (() => void) | null = null;

  async open(wanted: Wanted): Promise<void> {
    this.wanted = wanted;
    this.opening = true;
    const [camera, microphone] = await Promise.all([this.openCamera(wanted), this.openMicrophone(wanted)]);
    this.take('camera', camera);
    this.take('microphone', microphone);
    this.opening = false;
    await this.list();
    if (this.stopRetry === null) {
      this.stopRetry = every(RETRY_MS, () => void this.retry());
      navigator.mediaDevices?.addEventListener('devicechange', this.changed);
    }
  }

  async choose(change: Partial<Wanted>): Promise<void> {
    if (this.wanted === null) return;
    const before = this.wanted;
    this.wanted = { ...before, ...change };
    if ('camera' in change) this.take('camera', await this.openCamera(this.wanted));
    if ('microphone' in change || 'music' in change) this.take('microphone', await this.openMicrophone(this.wanted));
  }

  close(): void {
    this.stopRetry?.();
    this.stopRetry = null;
    navigator.mediaDevices?.removeEventListener('devicechange', this.changed);
    this.camera?.stop();
    this.microphone?.stop();
    this.camera = this.microphone = null;
    this.wanted = null;
  }

  private readonly changed = () => {
    void this.list();
    void this.retry();
  };

  private async retry(): Promise<void> {
    const wanted = this.wanted;
    if (wanted === null || navigator.mediaDevices === undefined) return;
    const kinds = new Set((await navigator.mediaDevices.enumerateDevices()).map((device) => device.kind));
    for (const kind of ['camera', 'microphone'] as const) {
      const fault = this[kind]?.fault ?? null;
      if (fault === null || !kinds.has(kind === 'camera' ? 'videoinput' : 'audioinput')) continue;
      const opened = await (kind === 'camera' ? this.openCamera(wanted) : this.openMicrophone(wanted));
      if (opened.fault === null) this.take(kind, opened);
      else opened.stop();
    }
  }

  private take(kind: 'camera' | 'microphone', opened: Opened): void {
    if (this.wanted === null) {
      opened.stop();
      return;
    }
    const old = this[kind];
    this[kind] = opened;
    old?.stop();
    opened.track.addEventListener('ended', () => {
      if (this[kind] === opened && this.wanted !== null) this.take(kind, this.standin(kind, this.wanted, 'missing'));
    });
  }

  private async list(): Promise<void> {
    this.devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  }

  private async openCamera(wanted: Wanted): Promise<Opened> {
    try {
      const stream = await media({
        video: {
          width: { ideal: 1280 },
          height: { ideal: 720 },
          frameRate: { ideal: 25, max: 30 },
          ...(wanted.camera ? { deviceId: { exact: wanted.camera } } : {}),
        },
      });
      const track = stream.getVideoTracks()[0];
      if (track === undefined) throw new DOMException('no track', 'NotFoundError');
      track.contentHint = 'motion';
      return { track, fault: null, stop: () => track.stop() };
    } catch (error) {
      return this.standin('camera', wanted, faultOf(error));
    }
  }

  private async openMicrophone(wanted: Wanted): Promise<Opened> {
    const processed = wanted.music !== true;
    try {
      const stream = await media({
        audio: {
          echoCancellation: processed,
          noiseSuppression: processed,
          autoGainControl: processed,
          channelCount: processed ? 1 : 2,
          ...(wanted.microphone ? { deviceId: { exact: wanted.microphone } } : {}),
        },
      });
      const track = stream.getAudioTracks()[0];
      if (track === undefined) throw new DOMException('no track', 'NotFoundError');
      track.contentHint = wanted.music ? 'music' : 'speech';
      return { track, fault: null, stop: () => track.stop() };
    } catch (error) {
      return this.standin('microphone', wanted, faultOf(error));
    }
  }

  private standin(kind: 'camera' | 'microphone', wanted: Wanted, fault: DeviceFault): Opened {
    const made =
      kind === 'camera' ? standinCamera(wanted.name, wanted.standinLabel) : standinTone(wanted.name, sound.context);
    return { track: made.track, fault, stop: () => made.stop() };
  }
}

/** A chosen device that is not there gives way to any other: better another camera than a drawing. */
async function media(constraints: MediaStreamConstraints): Promise<MediaStream> {
  const { mediaDevices } = navigator;
  if (mediaDevices?.getUserMedia === undefined) throw new DOMException('no devices here', 'NotSupportedError');
  try {
    return await mediaDevices.getUserMedia(constraints);
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'OverconstrainedError') throw error;
    const anyOf = (wish: boolean | MediaTrackConstraints | undefined) =>
      typeof wish === 'object' ? { ...wish, deviceId: undefined } : wish;
    return mediaDevices.getUserMedia({ video: anyOf(constraints.video), audio: anyOf(constraints.audio) });
  }
}

export function faultOf(error: unknown): DeviceFault {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'denied';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    case 'NotSupportedError':
    case 'TypeError':
      return 'unsupported';
    default:
      return 'missing';
  }
}
