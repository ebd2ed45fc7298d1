// What a page receives and sends, noted in the page twice a second.

/** Runs in every page before its own scripts. The page's connections are seen as they are made. */
function record() {
  // The sending m-lines of a teacher and the receiving ones of a display, in the order that the protocol fixes.
  const SOURCES = ['microphone', 'camera', 'screen', 'screen_slow', 'computer_sound'];
  const SLOTS = ['teacher_video', 'screen', 'stage_video', 'teacher_audio', 'computer_sound', 'stage_audio'];
  const connections = [];
  const points = [];
  const sizes = [];
  let restarts = 0;
  let looked_ms = Date.now();

  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...parts) {
      super(...parts);
      connections.push({ peer: this, before: new Map() });
    }

    createOffer(options) {
      window.__links.joins_ms ??= Date.now();
      if (options?.iceRestart) restarts += 1;
      return super.createOffer(options);
    }
  };

  /** Adds what was sent of a source; of its layers each on its own. */
  function noteSent({ id, rid, bytesSent = 0, headerBytesSent = 0 }, before, sent, source) {
    const bytes = bytesSent + headerBytesSent;
    const last = before.get(id) ?? 0;
    before.set(id, bytes);
    if (!source) return;
    const layers = (sent[source] ??= {});
    layers[rid ?? ''] = (layers[rid ?? ''] ?? 0) + Math.max(0, bytes - last);
  }

  const figuresOf = (one) => ({
    bytes: (one.bytesReceived ?? 0) + (one.headerBytesReceived ?? 0),
    frames: one.framesDecoded ?? 0,
    freezes: one.freezeCount ?? 0,
    freeze_ms: Math.round((one.totalFreezesDuration ?? 0) * 1000),
    samples: one.totalSamplesReceived ?? 0,
    concealed: Math.max(0, (one.concealedSamples ?? 0) - (one.silentConcealedSamples ?? 0)),
  });

  /** Adds to a point what a connection received since the last look, and whether this machine is too slow for it. */
  async function look({ peer, before }, point) {
    if (peer.connectionState === 'closed') return;
    const receiving = peer.getTransceivers().filter(({ direction }) => direction === 'recvonly');
    const slotOf = new Map(receiving.map(({ mid }, i) => [mid, SLOTS[i]]));
    const sending = peer.getTransceivers().filter(({ direction }) => direction === 'sendonly');
    const sourceOf = new Map(sending.map(({ mid }, i) => [mid, SOURCES[i]]));
    for (const one of (await peer.getStats()).values()) {
      if (one.type === 'outbound-rtp') noteSent(one, before, point.sent, sourceOf.get(one.mid));
      if (one.type === 'outbound-rtp' && one.qualityLimitationReason === 'cpu') point.isSlow = true;
      const slot = one.type === 'inbound-rtp' && slotOf.get(one.mid);
      if (!slot) continue;
      const now = figuresOf(one);
      const last = before.get(one.id) ?? {};
      before.set(one.id, now);
      const sum = (point.slots[slot] ??= {});
      for (const [name, value] of Object.entries(now)) {
        sum[name] = (sum[name] ?? 0) + Math.max(0, value - (last[name] ?? 0));
      }
      if (now.frames > (last.frames ?? 0)) sum.height = one.frameHeight;
    }
  }

  let isLooking = false;
  setInterval(async () => {
    if (isLooking) return;
    isLooking = true;
    const point = { isSlow: false, slots: {}, sent: {} };
    for (const connection of connections) await look(connection, point);
    // On a busy machine looks come late: each point says for how long it stands.
    const at_ms = Date.now();
    points.push({ ...point, at_ms, span_ms: at_ms - looked_ms, connections: connections.length, restarts });
    looked_ms = at_ms;
    isLooking = false;
  }, 500);

  // A picture's size is told as it is shown.
  document.addEventListener('resize', ({ target }) => {
    const slot = target.closest?.('[data-slot]')?.dataset.slot;
    if (slot) sizes.push({ at_ms: Date.now(), slot, height: target.videoHeight });
  }, true);

  window.__links = { points, sizes, opened_ms: performance.timeOrigin, joins_ms: null };
}

/**
 * The script; afterwards `window.__links` has `points`, the `sizes` of pictures with when each was first shown, when the page
 * was opened and when it made its first offer.
 */
export const RECORD = `(${record})();`;
