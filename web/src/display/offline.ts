//! Installs the service worker that keeps this page for a start without network.

import { scriptUrl } from '../live/trusted';

export async function keepOffline(): Promise<void> {
  try {
    await navigator.serviceWorker.register(scriptUrl('/display-worker.js'), { scope: '/display' });
    const ready = await navigator.serviceWorker.ready;
    // What was loaded before the worker ruled is kept too.
    const loaded = performance.getEntriesByType('resource').map((entry) => entry.name);
    ready.active?.postMessage({ keep: loaded.filter((url) => new URL(url).pathname.startsWith('/assets/')) });
  } catch {
    // Without it the page works as long as the network does.
  }
}
