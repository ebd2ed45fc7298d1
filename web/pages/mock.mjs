//! Plays the server for one page: HTTP answers, the event stream, and the session endpoint.

const json = (status, body, headers = {}) => ({
  status,
  contentType: 'application/json',
  headers,
  body: JSON.stringify(body),
});

/**
 * `scene`: { me?, api: { 'GET /api/x': value | [status, value] }, snapshot?, after?: [messages], plan?, mids?, socket?: false }
 */
export async function play(page, scene, far) {
  const heard = [];
  await page.route('**/api/**', async (route) => {
    const request = route.request();
    const url = new URL(request.url());
    if (/\/sessions$/.test(url.pathname) && request.method() === 'POST') {
      if (!scene.plan) return route.fulfill(json(503, { error: { code: 'unavailable', message: '' } }));
      const sdp = await far.evaluate(([offer, plan]) => window.answer(offer, plan), [request.postData(), scene.plan]);
      return route.fulfill({
        status: 201,
        contentType: 'application/sdp',
        headers: { location: `${url.pathname}/one`, etag: '"1"' },
        body: sdp,
      });
    }
    if (request.method() === 'PATCH') {
      const fragment = await far.evaluate((text) => window.restart(text), request.postData());
      if (fragment === null) return route.fulfill(json(404, { error: { code: 'not_found', message: '' } }));
      return route.fulfill({ status: 200, contentType: 'application/trickle-ice-sdpfrag', headers: { etag: '"2"' }, body: fragment });
    }
    const found = scene.api?.[`${request.method()} ${url.pathname}`];
    if (found === undefined) return route.fulfill(json(404, { error: { code: 'not_found', message: '' } }));
    if (found === 'abort') return route.abort();
    if (found === 'hang') return;
    const value = typeof found === 'function' ? found(url) : found;
    return Array.isArray(value) && typeof value[0] === 'number'
      ? route.fulfill(json(value[0], value[1]))
      : route.fulfill(json(200, value));
  });
  await page.routeWebSocket('**/api/events', (socket) => {
    if (scene.socket === false) return socket.close({ code: 1006 });
    let n = 1;
    const say = (message) => socket.send(JSON.stringify({ n: n++, ...message }));
    scene.say = say;
    scene.cut = () => socket.close({ code: 1012 });
    socket.onMessage((text) => {
      const message = JSON.parse(text);
      heard.push(message);
      if (message.kind === 'hello' || message.kind === 'snapshot') {
        say({ kind: 'snapshot', ...scene.snapshot });
        for (const later of scene.after ?? []) say(later);
      }
    });
  });
  return heard;
}
