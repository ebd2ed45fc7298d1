import workerUrl from './ticker.worker?worker&url';
import { scriptUrl } from './trusted';

/** Calls `tick` every `everyMs`, also while the page is in the background. Returns the stop. */
export function every(everyMs: number, tick: () => void): () => void {
  try {
    const worker = new Worker(scriptUrl(workerUrl), { type: 'module' });
    worker.onmessage = tick;
    worker.postMessage(everyMs);
    return () => worker.terminate();
  } catch {
    const timer = setInterval(tick, everyMs);
    return () => clearInterval(timer);
  }
}
