// A display's line to the server, that can be cut or lose packets: a relay for its HTTP, its ICE-TCP and its UDP.
//
// The page is opened at the relay's port, and the candidates in the server's answers are led
// through relays as they are made. Losses are random from a seed, so that a run can be had again. While cut, datagrams vanish both ways and TCP stands still
// without a reset, as when a cable is pulled.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

/** Runs in the page before its own scripts; `__line(protocol, port)` is bound by `leadThrough`. */
function rewriteCandidates() {
  const lead = async (line) => {
    const part = line.split(' ');
    if (part.length < 8 || !part[0].includes('candidate:')) return line;
    part[5] = String(await window.__line(part[2].toLowerCase(), Number(part[5])));
    return part.join(' ');
  };
  const { setRemoteDescription, addIceCandidate } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.setRemoteDescription = async function (description) {
    const lines = await Promise.all(description.sdp.split('\r\n').map(lead));
    return setRemoteDescription.call(this, { type: description.type, sdp: lines.join('\r\n') });
  };
  RTCPeerConnection.prototype.addIceCandidate = async function (candidate) {
    if (!candidate?.candidate) return addIceCandidate.call(this, candidate);
    return addIceCandidate.call(this, { ...candidate, candidate: await lead(candidate.candidate) });
  };
}

/** Numbers from 0 to 1, the same for the same seed (xorshift). */
function randomFrom(seed) {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** A cuttable line; `through(port)` gives the relay's TCP port for the server's. */
export function makeLine() {
  let isCut = false;
  let loss = 0;
  let random = randomFrom(1);
  const passes = () => !isCut && (loss === 0 || random() >= loss);
  const tcp = new Map();
  const udp = new Map();
  const sockets = new Set();
  const servers = [];

  const hold = (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    if (isCut) socket.pause();
  };

  const throughTcp = (port) => {
    if (!tcp.has(port)) {
      tcp.set(port, new Promise((done) => {
        const server = createServer({ allowHalfOpen: true }, (near) => {
          const far = connect(port, '127.0.0.1');
          for (const [from, to] of [[near, far], [far, near]]) {
            hold(from);
            from.on('data', (bytes) => {
              if (!to.write(bytes)) {
                from.pause();
                to.once('drain', () => isCut || from.resume());
              }
            });
            from.on('end', () => to.end());
            from.on('close', () => to.destroy());
          }
        });
        servers.push(server);
        server.listen(0, '127.0.0.1', () => done(server.address().port));
      }));
    }
    return tcp.get(port);
  };

  const throughUdp = (port) => {
    if (!udp.has(port)) {
      udp.set(port, new Promise((done) => {
        const near = createSocket('udp4');
        const far = new Map();
        near.on('message', (bytes, from) => {
          const key = `${from.address}:${from.port}`;
          let out = far.get(key);
          if (!out) {
            out = createSocket('udp4');
            out.on('message', (answer) => passes() && near.send(answer, from.port, from.address));
            far.set(key, out);
            servers.push(out);
          }
          if (passes()) out.send(bytes, port, '127.0.0.1');
        });
        servers.push(near);
        near.bind(0, '127.0.0.1', () => done(near.address().port));
      }));
    }
    return udp.get(port);
  };

  return {
    through: throughTcp,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.pause();
    },
    /** From now on this share of the datagrams is lost, each way. */
    lose(share, seed = 1) {
      loss = share;
      random = randomFrom(seed);
    },
    heal() {
      isCut = false;
      for (const socket of sockets) socket.resume();
    },
    /** Leads the candidates of a seat's pages through this line. */
    async leadThrough(seat) {
      await seat.context.exposeFunction('__line', (protocol, port) =>
        protocol === 'udp' ? throughUdp(port) : throughTcp(port));
      await seat.context.addInitScript(rewriteCandidates);
    },
    close() {
      for (const socket of sockets) socket.destroy();
      for (const server of servers) server.close();
    },
  };
}
