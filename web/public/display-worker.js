// Keeps the display's page and its assets, nothing else. Assets have their content in their name, so the first copy
// is good for ever; the page itself is asked for first, and the kept copy serves when no answer comes.

const KEPT = 'tongke-display-1';
const ANSWER_MS = 3000;

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(KEPT)
      .then((kept) => kept.addAll(['/display', '/favicon.svg']))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('message', (event) => {
  const urls = Array.isArray(event.data?.keep) ? event.data.keep : [];
  event.waitUntil(
    caches.open(KEPT).then(async (kept) => {
      for (const url of urls) if (!(await kept.match(url))) await kept.add(url).catch(() => undefined);
      // Assets of older builds go.
      const wanted = new Set(urls.map((url) => new URL(url, self.location.href).href));
      for (const request of await kept.keys()) {
        const path = new URL(request.url).pathname;
        if (urls.length > 0 && path.startsWith('/assets/') && !wanted.has(request.url)) await kept.delete(request);
      }
    }),
  );
});

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (event.request.mode === 'navigate') event.respondWith(page(event.request));
  else if (url.pathname.startsWith('/assets/') || url.pathname === '/favicon.svg') event.respondWith(asset(event.request));
});

async function page(request) {
  const kept = await caches.open(KEPT);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(ANSWER_MS) });
    if (answer.ok) await kept.put('/display', answer.clone());
    else if (answer.status >= 500) throw new Error('the server is unwell');
    return answer;
  } catch {
    return (await kept.match('/display')) ?? Response.error();
  }
}

async function asset(request) {
  const kept = await caches.open(KEPT);
  const found = await kept.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) await kept.put(request, answer.clone());
  return answer;
}
