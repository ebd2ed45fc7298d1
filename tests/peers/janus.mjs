// Janus's VideoRoom behind WHIP and WHEP, so that `tongke load` can put the same load on it.
//
// Janus offers to its subscribers while a WHEP viewer offers itself. An offer and an answer carry
// the same parameters, so each side is handed the other's offer, rewritten as an answer.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LIBRARIES = '/usr/lib/x86_64-linux-gnu/janus';
/** Answers of a Janus that is busy with hundreds of joins still come. */
const PATIENCE_MS = 15_000;

/** The best setting for many receivers on one core: one event loop for all, ICE-lite, nothing written. */
function configure(folder, { port, address, rooms }) {
  const room = (n) => `room-${n + 1}: { publishers = 2
  audiocodec = "opus"
  videocodec = "h264"
  h264_profile = "42e01f"
  bitrate = 0
  fir_freq = 0
  notify_joining = false
  transport_wide_cc_ext = true
  audiolevel_ext = false
  playoutdelay_ext = false
  videoorient_ext = false }`;
  const files = {
    'janus.jcfg': `general: {
  configs_folder = "${folder}"
  plugins_folder = "${LIBRARIES}/plugins"
  transports_folder = "${LIBRARIES}/transports"
  events_folder = "${LIBRARIES}/events"
  loggers_folder = "${LIBRARIES}/loggers"
  debug_level = 2
  event_loops = 1
  session_timeout = 0
}
nat: {
  ice_lite = true
  ice_enforce_list = "${address}"
  full_trickle = false
}
plugins: { disable = "${['audiobridge', 'duktape', 'echotest', 'lua', 'nosip', 'recordplay', 'sip', 'streaming', 'textroom', 'videocall', 'voicemail'].map((name) => `libjanus_${name}.so`).join(',')}" }
transports: { disable = "libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_websockets.so" }
events: { broadcast = false }
`,
    'janus.transport.http.jcfg': `general: { json = "plain"
  base_path = "/janus"
  http = true
  port = ${port}
  ip = "127.0.0.1"
  https = false }
`,
    'janus.plugin.videoroom.jcfg': Array.from({ length: rooms }, (_, n) => room(n)).join('\n'),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

/** One Janus session with one VideoRoom handle, over the long-poll transport. */
async function handle(base) {
  const call = async (path, body) => {
    const answer = await fetch(`${base}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ transaction: 't', ...body }),
    });
    const said = await answer.json();
    if (said.janus === 'error') throw new Error(`Janus: ${said.error.reason}`);
    return said;
  };
  const session = (await call('', { janus: 'create' })).data.id;
  const plugin = (await call(`/${session}`, { janus: 'attach', plugin: 'janus.plugin.videoroom' })).data.id;
  return {
    /** Sends a request and waits for the plugin's answer to it. */
    async ask(body, jsep) {
      await call(`/${session}/${plugin}`, { janus: 'message', body, ...(jsep ? { jsep } : {}) });
      const until = Date.now() + PATIENCE_MS;
      while (Date.now() < until) {
        const events = await (await fetch(`${base}/${session}?maxev=5`)).json();
        for (const event of [events].flat()) {
          const data = event.plugindata?.data;
          if (data?.error) throw new Error(`Janus: ${data.error}`);
          if (event.janus === 'event' && data) return { ...data, jsep: event.jsep };
        }
      }
      throw new Error('Janus did not answer');
    },
    end: () => call(`/${session}`, { janus: 'destroy' }),
  };
}

/** An offer as the answer to another one: its m-lines in that one's order, with that one's mids. */
export function asAnswer(offer, other, setup) {
  const parts = (sdp) => sdp.split(/^(?=m=)/m);
  const kind = (section) => /^m=(\w+)/.exec(section)[1];
  const mid = (section) => /^a=mid:(\S+)/m.exec(section)[1];
  const [head, ...sections] = parts(offer);
  const wanted = parts(other).slice(1);
  const placed = wanted.map((theirs) => {
    const ours = sections.find((section) => kind(section) === kind(theirs));
    return ours.replace(/^a=mid:.*$/m, `a=mid:${mid(theirs)}`);
  });
  const group = `a=group:BUNDLE ${wanted.map(mid).join(' ')}`;
  return (head.replace(/^a=group:BUNDLE.*$/m, group) + placed.join('')).replace(/^a=setup:.*$/gm, `a=setup:${setup}`);
}

/** `publishers`: who publishes in each room. */
async function publish(base, room, offer, publishers) {
  const janus = await handle(base);
  // Janus chooses the number: it forgets an old publisher's only some time after its session.
  const body = { request: 'joinandconfigure', ptype: 'publisher', room, audiocodec: 'opus', videocodec: 'h264' };
  const said = await janus.ask(body, { type: 'offer', sdp: offer });
  publishers.set(room, said.id);
  return { janus, answer: said.jsep.sdp };
}

async function subscribe(base, room, offer, publishers) {
  const janus = await handle(base);
  const attached = await janus.ask({ request: 'join', ptype: 'subscriber', room, streams: [{ feed: publishers.get(room) }] });
  const theirs = attached.jsep.sdp;
  await janus.ask({ request: 'start', room }, { type: 'answer', sdp: asAnswer(offer, theirs, 'active') });
  return { janus, answer: asAnswer(theirs, offer, 'passive') };
}

/** Starts Janus and the endpoint; `ports` are the endpoint's and Janus's own. */
export async function startJanus({ rooms, address, ports: [port, own], command = [] }) {
  const folder = mkdtempSync(join(tmpdir(), 'tongke-janus-'));
  configure(folder, { port: own, address, rooms });
  const [program, ...args] = [...command, 'janus', '-F', folder, '-C', join(folder, 'janus.jcfg')];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (bytes) => { said = (said + bytes).slice(-4000); });
  child.stderr.on('data', (bytes) => { said = (said + bytes).slice(-4000); });
  const base = `http://127.0.0.1:${own}/janus`;
  const up = async () => (await fetch(`${base}/info`).catch(() => null))?.ok;
  for (let tries = 0; !(await up()); tries += 1) {
    if (child.exitCode !== null || tries > 100) throw new Error(`Janus does not start: ${said}`);
    await new Promise((done) => setTimeout(done, 100));
  }
  const publishers = new Map();
  const sessions = new Map();
  const server = createServer((request, response) => {
    let offer = '';
    request.on('data', (bytes) => { offer += bytes; });
    request.on('end', async () => {
      try {
        const [, what, number, session] = request.url.split('/');
        if (request.method === 'DELETE') {
          await sessions.get(session)?.end();
          sessions.delete(session);
          response.writeHead(204).end();
          return;
        }
        const { janus, answer } = await (what === 'whip' ? publish : subscribe)(base, Number(number) + 1, offer, publishers);
        const id = String(sessions.size) + Date.now();
        sessions.set(id, janus);
        response.writeHead(201, { 'content-type': 'application/sdp', location: `/${what}/${number}/${id}` }).end(answer);
      } catch (error) {
        response.writeHead(500).end(`${error.message}\n${said}`);
      }
    });
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return {
    pid: child.pid,
    whip: `http://127.0.0.1:${port}/whip/{n}`,
    whep: `http://127.0.0.1:${port}/whep/{n}`,
    async stop() {
      server.close();
      server.closeAllConnections();
      child.kill('SIGKILL');
      await new Promise((done) => (child.exitCode === null && child.signalCode === null ? child.on('close', done) : done()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
