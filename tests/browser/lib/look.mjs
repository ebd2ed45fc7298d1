// The eyes and ears of a test inside a page: `window.__look`.
import { checksum, readBlocks } from './counter.mjs';

/** Runs in the page. Everything it measures is what a person in front of the page gets. */
function install() {
  const canvas = document.createElement('canvas');
  canvas.width = 160;
  canvas.height = 90;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const ears = new Map();
  const watches = new Map();
  const clicks = [];
  let sound = null;

  addEventListener('click', () => clicks.push(Date.now()), true);

  // A place may hold two elements of which one waits behind the other: the one in front counts.
  const find = (selector) => {
    const all = [...document.querySelectorAll(selector)]
      .map((found) => (found instanceof HTMLMediaElement ? found : found.querySelector('video,audio')))
      .filter(Boolean);
    const inFront = all.filter((element) => element.getAttribute('aria-hidden') !== 'true');
    return inFront.find((element) => element.srcObject || element.currentSrc) ?? inFront[0] ?? all[0] ?? null;
  };

  /** The counter in the picture that an element shows now, or null. */
  function counter(selector) {
    const video = find(selector);
    if (!video || !video.videoWidth) return null;
    pen.drawImage(video, 0, 0, 160, 90);
    const { data } = pen.getImageData(0, 0, 160, 90);
    const luma = (x, y) => {
      const i = (y * 160 + x) * 4;
      return 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
    };
    const read = readBlocks(luma, 160, 90);
    return read && { ...read, at_ms: Date.now(), width: video.videoWidth, height: video.videoHeight };
  }

  /** Is the picture of an element moving? Two looks at it, some frames apart, differ. */
  async function moves(selector) {
    const look = () => {
      const video = find(selector);
      if (!video || !video.videoWidth) return null;
      pen.drawImage(video, 0, 0, 160, 90);
      return pen.getImageData(0, 0, 160, 90).data;
    };
    const before = look();
    await new Promise((done) => setTimeout(done, 500));
    const after = look();
    if (!before || !after) return false;
    let change = 0;
    for (let i = 0; i < before.length; i += 4) change += Math.abs(before[i] - after[i]);
    return change / (160 * 90) > 0.5;
  }

  /** Notes every presented frame of an element from now on; asked again for a place, it goes on with what is there. */
  function watch(selector, isOwn = false) {
    const seen = watches.get(selector) ?? [];
    watches.set(selector, seen);
    const each = (video) => (now, frame) => {
      if (watches.get(selector) !== seen || !video.isConnected) return;
      const read = counter(selector);
      if (seen.length < 20000) {
        seen.push({
          // Of a source of this page counts when it was captured: its preview may be late on a busy machine.
          at_ms: performance.timeOrigin + ((isOwn ? frame.captureTime : undefined) ?? frame.expectedDisplayTime ?? now),
          media_s: frame.mediaTime,
          clip: read?.clip,
          count: read?.count,
        });
      }
      video.requestVideoFrameCallback(each(video));
    };
    const video = find(selector);
    if (!video) throw new Error(`nothing to watch at ${selector}`);
    video.requestVideoFrameCallback(each(video));
  }

  /** What `watch` noted so far. */
  const watched = (selector) => watches.get(selector) ?? [];

  /**
   * Notes each new count that a place in the page shows, also when the page replaces the
   * element: `watch` is exact to the frame, this one survives a new session.
   */
  function follow(selector) {
    const seen = [];
    watches.set(selector, seen);
    const timer = setInterval(() => {
      if (watches.get(selector) !== seen) return clearInterval(timer);
      const read = counter(selector);
      const last = seen.at(-1);
      if (read && (read.count !== last?.count || read.clip !== last?.clip) && seen.length < 20000) {
        seen.push({ at_ms: read.at_ms, clip: read.clip, count: read.count });
      }
    }, 40);
  }

  /** Ends `follow` and gives what it noted. */
  function unfollow(selector) {
    const seen = watched(selector);
    watches.delete(selector);
    return seen;
  }

  /** Finds the video that shows a clip, wherever it is; gives a selector for it, or null. */
  function showing(clip) {
    for (const video of document.querySelectorAll('video')) {
      video.dataset.look ??= String(Math.random()).slice(2);
      const selector = `[data-look="${video.dataset.look}"]`;
      if (counter(selector)?.clip === clip) return selector;
    }
    return null;
  }

  /** Resolves with the time at which an element first shows this clip. */
  function whenClip(selector, clip, ceiling_ms) {
    const start = Date.now();
    return new Promise((done) => {
      const look = () => {
        const read = counter(selector);
        if (read?.clip === clip) done(Date.now());
        else if (Date.now() - start > ceiling_ms) done(null);
        else setTimeout(look, 15);
      };
      look();
    });
  }

  /** What an element plays, as a stream: its own, or for files a copy. */
  function streamOf(element) {
    if (element.srcObject instanceof MediaStream) return element.srcObject;
    if (element.src && element.captureStream) return (element.__captured ??= element.captureStream());
    return null;
  }

  /** The elements that a person hears: playing, not silenced. */
  function audible(selector) {
    const all = selector
      ? [...document.querySelectorAll(selector)].map((e) => (e instanceof HTMLMediaElement ? e : e.querySelector('video,audio')))
      : [...document.querySelectorAll('video,audio')];
    return all.filter((e) => e && !e.paused && !e.muted && e.volume > 0);
  }

  /** Analysers of all audible tracks of a selector (or of the page); one per track, kept. */
  function listen(selector, size) {
    sound ??= new AudioContext();
    if (sound.state !== 'running') sound.resume();
    const live = [];
    for (const element of audible(selector)) {
      for (const track of streamOf(element)?.getAudioTracks() ?? []) {
        if (track.readyState !== 'live') continue;
        const key = `${track.id}/${size}`;
        let ear = ears.get(key);
        if (!ear || ear.track !== track) {
          const analyser = new AnalyserNode(sound, { fftSize: size, smoothingTimeConstant: 0, minDecibels: -140 });
          const source = sound.createMediaStreamSource(new MediaStream([track]));
          source.connect(analyser);
          ear = { analyser, source, track };
          ears.set(key, ear);
        }
        live.push(ear.analyser);
      }
    }
    return live;
  }

  /** Nobody listens for now: an idle context costs a tenth of a core, and its ears would keep what they heard last. */
  function rest() {
    for (const { source } of ears.values()) source.disconnect();
    ears.clear();
    sound?.suspend();
  }

  /** Power in dB per FFT bin, all tracks together. */
  function spectrum(analysers) {
    let all = null;
    for (const analyser of analysers) {
      const bins = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(bins);
      all ??= new Float32Array(bins.length);
      bins.forEach((db, i) => {
        all[i] += 10 ** (Math.max(db, -140) / 10);
      });
    }
    return all?.map((power) => 10 * Math.log10(power + 1e-14)) ?? null;
  }

  /**
   * The tones heard in `span_ms`, loudest first: `{hz, db, over_db}` of each peak that is
   * louder than −75 dBFS and 18 dB over the middle of the band 300–2000 Hz.
   */
  async function tones(selector, span_ms = 1300) {
    const size = 8192;
    const start = Date.now();
    let most = null;
    do {
      const now = spectrum(listen(selector, size));
      if (now) most = most ? most.map((db, i) => Math.max(db, now[i])) : now;
      await new Promise((done) => setTimeout(done, 50));
    } while (Date.now() - start < span_ms);
    rest();
    if (!most) return [];
    const width = sound.sampleRate / size;
    const from = Math.floor(300 / width);
    const to = Math.ceil(2000 / width);
    const band = [...most.slice(from, to)].sort((a, b) => a - b);
    const floor = band[band.length >> 1];
    const peaks = [];
    for (let i = from; i < to; i += 1) {
      const around = most.slice(i - 4, i + 5);
      if (most[i] < Math.max(...around) || most[i] < -75 || most[i] < floor + 18) continue;
      peaks.push({ hz: Math.round(i * width), db: Math.round(most[i]), over_db: Math.round(most[i] - floor) });
    }
    return peaks.sort((a, b) => b.db - a.db).slice(0, 8);
  }

  /**
   * Resolves with the time at which a tone is first the loudest at a place; a short window finds
   * it soon, and its skirts (and those of the tone before) are not the loudest.
   */
  function whenTone(selector, hz, within_hz, ceiling_ms) {
    const size = 2048;
    const start = Date.now();
    return new Promise((done) => {
      const look = () => {
        const now = spectrum(listen(selector, size));
        const width = (sound?.sampleRate ?? 48000) / size;
        const band = now?.slice(Math.floor(300 / width), Math.ceil(2000 / width)) ?? [];
        const most = Math.max(...band);
        const loudest = (Math.floor(300 / width) + band.indexOf(most)) * width;
        const isHeard = most > -60 && Math.abs(loudest - hz) <= within_hz;
        if (!isHeard && Date.now() - start <= ceiling_ms) setTimeout(look, 15);
        else {
          done(isHeard ? Date.now() : null);
          rest();
        }
      };
      look();
    });
  }

  /** The page's connections, so that a test that fails can say what came and what did not. */
  const connections = [];
  const Native = window.RTCPeerConnection;
  if (Native) {
    window.RTCPeerConnection = class extends Native {
      constructor(...given) {
        super(...given);
        connections.push(this);
      }
    };
  }

  /** What came in by picture: frames, sizes, losses, what was asked for. */
  async function inbound() {
    return (await figures('inbound-rtp')).map(
      ({ mid, packetsReceived, packetsLost, framesReceived, framesDecoded, keyFramesDecoded, framesDropped, frameHeight, pliCount, nackCount }) => (
        { mid, packetsReceived, packetsLost, framesReceived, framesDecoded, keyFramesDecoded, framesDropped, frameHeight, pliCount, nackCount }
      ),
    );
  }

  /** The statistics of all connections of one type and kind. */
  async function figures(type, kind = 'video') {
    const found = [];
    for (const connection of connections.filter((one) => one.connectionState !== 'closed')) {
      for (const one of (await connection.getStats()).values()) {
        if (one.type === type && one.kind === kind) found.push(one);
      }
    }
    return found;
  }

  /** The whole frames that came for the picture of an element. */
  async function received(selector) {
    const [track] = find(selector)?.srcObject?.getVideoTracks() ?? [];
    const one = (await figures('inbound-rtp')).find(({ trackIdentifier }) => trackIdentifier === track?.id);
    return one && { frames: one.framesReceived ?? one.framesDecoded, at_ms: one.timestamp };
  }

  /** The packets of sound that came for an element, and the energy that was in them. */
  async function soundReceived(selector) {
    const [track] = find(selector)?.srcObject?.getAudioTracks() ?? [];
    const one = (await figures('inbound-rtp', 'audio')).find(({ trackIdentifier }) => trackIdentifier === track?.id);
    return one && { packets: one.packetsReceived, energy: one.totalAudioEnergy ?? 0, at_ms: one.timestamp };
  }

  /** The frames that this page sends in each layer of its camera; other pictures have no layers. */
  const sent = async () => (await figures('outbound-rtp'))
    .filter(({ rid }) => rid)
    .map(({ rid, framesSent, timestamp }) => ({ rid, frames: framesSent ?? 0, at_ms: timestamp }));

  window.__look = { received, soundReceived, sent, inbound, counter, moves, watch, watched, follow, unfollow, showing, whenClip, tones, whenTone, clicks };
}

/** The script to run in every page before its own. */
export const LOOK = `(() => { ${checksum}; ${readBlocks}; (${install})(); })();`;

/** Runs in the teacher's page: what the camera and the screen give, before anything is sent. */
function keepOwn() {
  const keep = (name, stream) => {
    const [track] = stream.getVideoTracks();
    if (!track) return;
    document.querySelector(`video[data-own="${name}"]`)?.remove();
    const video = document.createElement('video');
    Object.assign(video, { muted: true, autoplay: true, srcObject: new MediaStream([track.clone()]) });
    Object.assign(video.style, { position: 'fixed', right: '0', bottom: '0', width: '2px', height: '2px', pointerEvents: 'none' });
    video.dataset.own = name;
    document.body.append(video);
    window.__look.watch(`video[data-own="${name}"]`, true);
  };
  const { getUserMedia, getDisplayMedia } = MediaDevices.prototype;
  MediaDevices.prototype.getUserMedia = async function (wanted) {
    const stream = await getUserMedia.call(this, wanted);
    keep('camera', stream);
    return stream;
  };
  MediaDevices.prototype.getDisplayMedia = async function (wanted) {
    const stream = await getDisplayMedia.call(this, wanted);
    keep('screen', stream);
    return stream;
  };
}

/** The script that lets a test see the teacher's own sources at `video[data-own=camera|screen]`. */
export const KEEP_OWN = `(${keepOwn})();`;
