// The line of a display or a console to the server, that can be cut or made bad: a relay for its HTTP, its ICE-TCP
// and its UDP.
//
// The page is opened at the relay's port, and the candidates in the server's answers are led through relays as they
// are made. Each direction of the datagrams has a model of its own, random from a seed, so that a run can be had
// again. TCP is not shaped: while the line is cut, it stands still without a reset, as when a cable is pulled.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { Model, Schedule } from '../../links/models.mjs';

const LOOPBACK = '127.0.0.1';
/** A busy machine does not lose datagrams between the relay and its neighbours. */
const SOCKET_BUFFER_BYTES = 1 << 20;

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

/** The TCP side: one relay for each port of the server. */
class TcpRelay {
  constructor() {
    this.isCut = false;
    this.ports = new Map();
    this.sockets = new Set();
    /** Those of them that lead to the server. */
    this.fars = new WeakSet();
    this.servers = [];
  }

  through(port) {
    if (!this.ports.has(port)) {
      this.ports.set(port, new Promise((done) => {
        const server = createServer({ allowHalfOpen: true }, (near) => this.join(near, connect(port, LOOPBACK)));
        this.servers.push(server);
        server.listen(0, LOOPBACK, () => done(server.address().port));
      }));
    }
    return this.ports.get(port);
  }

  join(near, far) {
    this.fars.add(far);
    for (const [from, to] of [[near, far], [far, near]]) {
      this.hold(from);
      from.on('data', (bytes) => {
        if (!to.write(bytes)) {
          from.pause();
          to.once('drain', () => this.isCut || from.resume());
        }
      });
      from.on('end', () => to.end());
      from.on('close', () => to.destroy());
    }
  }

  hold(socket) {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    if (this.isCut) socket.pause();
  }

  cut() {
    this.isCut = true;
    for (const socket of this.sockets) socket.pause();
  }

  heal(answersAfter_ms) {
    this.isCut = false;
    for (const socket of this.sockets) {
      if (this.fars.has(socket)) setTimeout(() => this.isCut || socket.resume(), answersAfter_ms);
      else socket.resume();
    }
  }

  close() {
    for (const socket of this.sockets) socket.destroy();
    for (const server of this.servers) server.close();
  }
}

/** Carries datagrams to where they go when their time has come, in the order of their arrival. */
class Carrier {
  constructor() {
    this.schedule = new Schedule();
    this.timer = null;
    this.wakes_ms = Infinity;
  }

  put(at_ms, give) {
    this.schedule.put(at_ms, give);
    this.run();
  }

  run() {
    const now_ms = performance.now();
    for (let give = this.schedule.take(now_ms); give; give = this.schedule.take(now_ms)) give();
    const { next_ms } = this.schedule;
    if (next_ms >= this.wakes_ms || next_ms === Infinity) return;
    clearTimeout(this.timer);
    this.wakes_ms = next_ms;
    this.timer = setTimeout(() => {
      this.wakes_ms = Infinity;
      this.run();
    }, Math.max(0, next_ms - now_ms));
  }

  close() {
    clearTimeout(this.timer);
    this.schedule = new Schedule();
  }
}

/** The UDP side: for each port of the server a socket for the pages, and one towards the server for each of theirs. */
class UdpRelay {
  constructor(models) {
    this.models = models;
    this.isCut = false;
    this.ports = new Map();
    this.nears = [];
    /** One for each address of a page: `{ socket, isDead, port, answer }`. */
    this.flows = new Map();
    this.carrier = new Carrier();
    this.isClosed = false;
  }

  through(port) {
    if (!this.ports.has(port)) {
      this.ports.set(port, new Promise((done) => {
        const near = createSocket({ type: 'udp4', recvBufferSize: SOCKET_BUFFER_BYTES });
        near.on('message', (bytes, from) => this.up(near, port, bytes, from));
        near.on('error', () => {});
        this.nears.push(near);
        near.bind(0, LOOPBACK, () => done(near.address().port));
      }));
    }
    return this.ports.get(port);
  }

  up(near, port, bytes, from) {
    const key = `${port} ${from.address}:${from.port}`;
    let flow = this.flows.get(key);
    if (!flow) {
      flow = { port, isDead: false, answer: (answer) => near.send(answer, from.port, from.address) };
      this.flows.set(key, flow);
      this.open(flow, LOOPBACK);
    }
    this.pass('up', flow, bytes, () => flow.socket.send(bytes, port, LOOPBACK));
  }

  /** Gives a flow a new address towards the server; what is sent to the old one finds nobody. */
  open(flow, address) {
    flow.socket?.close();
    const socket = createSocket({ type: 'udp4', recvBufferSize: SOCKET_BUFFER_BYTES });
    flow.socket = socket;
    // A datagram that nobody takes is a lost one.
    socket.on('error', () => {});
    socket.on('message', (bytes) => this.pass('down', flow, bytes, () => flow.answer(bytes)));
    socket.bind(0, address);
  }

  pass(direction, flow, bytes, give) {
    const arrives_ms = this.models[direction].fate(performance.now(), bytes.length);
    if (arrives_ms === null || this.isCut || flow.isDead) return;
    this.carrier.put(arrives_ms, () => this.isClosed || give());
  }

  close() {
    this.isClosed = true;
    this.carrier.close();
    for (const near of this.nears) near.close();
    for (const { socket } of this.flows.values()) socket.close();
  }
}

/**
 * A line; `through(port)` gives the relay's TCP port for the server's. `seed` rules the fates of both directions;
 * `bottlenecks` may hold one for `up` and one for `down` that other lines share (see tests/links/models.mjs).
 */
export function makeLine({ seed = 1, bottlenecks = {} } = {}) {
  const begin = (from) => ({ up: new Model({}, from, bottlenecks.up), down: new Model({}, from + 1, bottlenecks.down) });
  const models = begin(seed);
  const tcp = new TcpRelay();
  const udp = new UdpRelay(models);
  return {
    models,
    through: (port) => tcp.through(port),
    /** From now on `up` or `down` is this model. */
    set(direction, spec) {
      models[direction].set(spec);
    },
    /** From now on this share of the datagrams is lost, each way. */
    lose(share, from = 1) {
      Object.assign(models, begin(from));
      for (const direction of ['up', 'down']) models[direction].set({ loss: share });
    },
    cut() {
      udp.isCut = true;
      tcp.cut();
    },
    /** `answersAfter_ms`: so much later comes what the server says on the TCP connections of before. */
    heal({ answersAfter_ms = 0 } = {}) {
      udp.isCut = false;
      tcp.heal(answersAfter_ms);
    },
    /** The pages keep their addresses, and the server sees new ones: what a router does that forgot its table. */
    rebind(address = LOOPBACK) {
      for (const flow of udp.flows.values()) if (!flow.isDead) udp.open(flow, address);
    },
    /** What is in use now goes nowhere any more, and nobody is told; new sockets of the pages work. */
    deaden() {
      for (const flow of udp.flows.values()) flow.isDead = true;
    },
    /** Leads the candidates of a seat's pages through this line. */
    async leadThrough(seat) {
      await seat.context.exposeFunction('__line', (protocol, port) =>
        protocol === 'udp' ? udp.through(port) : tcp.through(port));
      await seat.context.addInitScript(rewriteCandidates);
    },
    close() {
      tcp.close();
      udp.close();
    },
  };
}
