//! The level of a sound track, 0 to 1, for meters. The scale is decibels: −60 dB is 0, full scale is 1.

import { sound } from './sound.svelte';

const FLOOR_DB = -60;
const EVERY_MS = 80;

export class Level {
  value = $state(0);
  /** nothing above the noise floor for as long as this level has been watched */
  silentMs = $state(0);
  private node: { source: MediaStreamAudioSourceNode; analyser: AnalyserNode } | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;

  watch(track: MediaStreamTrack | null): void {
    this.stop();
    if (track === null) return;
    const context = sound.context;
    const source = new MediaStreamAudioSourceNode(context, { mediaStream: new MediaStream([track]) });
    const analyser = new AnalyserNode(context, { fftSize: 1024 });
    source.connect(analyser);
    this.node = { source, analyser };
    const samples = new Float32Array(analyser.fftSize);
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      const db = power > 0 ? 10 * Math.log10(power) : FLOOR_DB;
      const next = Math.max(0, Math.min(1, 1 - db / FLOOR_DB));
      // Fast up, slow down, as people read meters.
      this.value = next > this.value ? next : this.value * 0.8 + next * 0.2;
      // A context that the browser holds back hears nothing, which says nothing of the microphone.
      this.silentMs = next > 0.02 || context.state !== 'running' ? 0 : this.silentMs + EVERY_MS;
    }, EVERY_MS);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.node?.source.disconnect();
    this.timer = this.node = null;
    this.value = this.silentMs = 0;
  }
}
