//! Short recordings for the player's pictures: drawn, recorded by the browser itself as fragmented MP4, and cut
//! into the shape of the library's playlists.

/** Runs in a blank page: records `seconds` of a drawn scene, or of a tone. */
async function film([kind, label, seconds]) {
  const stream = kind === 'tone' ? new MediaStream([window.tone()]) : new MediaStream([window.scene(kind, label)]);
  const type = kind === 'tone' ? 'audio/mp4;codecs=opus' : 'video/mp4;codecs=avc1.42E01F';
  const recorder = new MediaRecorder(stream, { mimeType: type, videoKeyFrameIntervalDuration: 1000, videoBitsPerSecond: 900_000 });
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  const done = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start(1000);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  recorder.stop();
  await done;
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

function boxes(bytes, from = 0, to = bytes.length) {
  const found = [];
  for (let at = from; at + 8 <= to; ) {
    let size = bytes.readUInt32BE(at);
    if (size === 1) size = Number(bytes.readBigUInt64BE(at + 8));
    if (size < 8) break;
    found.push({ type: bytes.toString('latin1', at + 4, at + 8), at, size });
    at += size;
  }
  return found;
}

/** Init and fragments as byte ranges, and how long each fragment is. */
function cut(bytes, seconds) {
  const top = boxes(bytes);
  const first = top.find((box) => box.type === 'moof')?.at ?? bytes.length;
  const fragments = [];
  top.forEach((box, i) => {
    if (box.type === 'moof' && top[i + 1]?.type === 'mdat') fragments.push({ at: box.at, size: box.size + top[i + 1].size });
  });
  return { init: first, fragments, each: seconds / Math.max(1, fragments.length) };
}

function playlist({ init, fragments, each }, file) {
  const lines = ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-PLAYLIST-TYPE:VOD', `#EXT-X-TARGETDURATION:${Math.ceil(each)}`, `#EXT-X-MAP:URI="${file}",BYTERANGE="${init}@0"`];
  for (const { at, size } of fragments) lines.push(`#EXTINF:${each.toFixed(3)},`, `#EXT-X-BYTERANGE:${size}@${at}`, file);
  return [...lines, '#EXT-X-ENDLIST', ''].join('\n');
}

export const SECONDS = 8;

/** All tracks at once, so that their counters tell the same time. */
export async function films(far, wanted) {
  const made = await Promise.all(
    Object.entries(wanted).map(async ([id, [kind, label]]) => {
      const bytes = Buffer.from(await far.evaluate(film, [kind, label, SECONDS]), 'base64');
      return [id, { bytes, playlist: playlist(cut(bytes, SECONDS), 'part-0.m4s?sig=s') }];
    }),
  );
  return Object.fromEntries(made);
}

/** Serves them where the library's detail says they are. */
export async function project(page, reels) {
  await page.route('**/api/library/*/tracks/**', (route) => {
    const path = new URL(route.request().url()).pathname;
    const id = /tracks\/([^/]+)\//.exec(path)?.[1];
    const reel = reels[id];
    if (!reel) return route.fulfill({ status: 404 });
    if (path.endsWith('.m3u8')) return route.fulfill({ contentType: 'application/vnd.apple.mpegurl', body: reel.playlist.replaceAll('part-0', '../part-0') });
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(route.request().headers()['range'] ?? '') ?? [null, 0, reel.bytes.length - 1];
    const body = reel.bytes.subarray(Number(from), Number(to) + 1);
    return route.fulfill({ status: 206, contentType: 'video/mp4', headers: { 'content-range': `bytes ${from}-${to}/${reel.bytes.length}` }, body });
  });
}
