// The product under test: `tongke demo --json`, started, killed and started again; `tongke serve` as a
// district runs it.
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BINARY, OUT_DIR } from './places.mjs';
import { NoUse, until } from './wait.mjs';

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

const ended = (one) =>
  one.exitCode !== null || one.signalCode !== null
    ? Promise.resolve()
    : new Promise((done) => one.once('exit', done));

async function endKindly(child) {
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended(child);
  clearTimeout(patience);
}

/**
 * Starts `tongke serve` on an empty data folder, with plain HTTP on loopback; `settings` are further
 * lines of its settings file. Its first person is made as the README says. Gives
 * `{ base_url, admin: { user, password }, logTail(), stop() }`.
 */
export async function startServe(name, settings = '') {
  if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: cargo build --release`);
  mkdirSync(OUT_DIR, { recursive: true });
  const directory = mkdtempSync(join(tmpdir(), 'tongke-serve-'));
  const config = join(directory, 'tongke.toml');
  const listen = `127.0.0.1:${await freePort()}`;
  writeFileSync(config, [
    `listen = "${listen}"`, 'plain_http = true', `data = "${join(directory, 'data')}"`,
    'public_addresses = ["127.0.0.1"]', 'workers = 1', `udp_port = ${await freePort()}`, 'tcp_port = 0', settings, '',
  ].join('\n'));
  const admin = { user: 'admin', password: 'district 2026' };
  const added = spawnSync(BINARY, ['user', 'add', admin.user, '--role', 'region_admin', '--password-stdin', '--config', config],
    { input: `${admin.password}\n`, encoding: 'utf8' });
  if (added.status !== 0) throw new Error(`user add: ${added.stderr}`);
  const logPath = join(OUT_DIR, `server-${name}.log`);
  const child = spawn(BINARY, ['serve', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.pipe(createWriteStream(logPath, { flags: 'w' }));
  let said = '';
  child.stdout.on('data', (bytes) => { said += bytes; });
  const logTail = () => readFileSync(logPath, 'utf8').split('\n').slice(-40).join('\n');
  await until('the server says that it serves', () => {
    if (child.exitCode !== null) throw new NoUse(`the server ended with ${child.exitCode}: ${logTail()}`);
    return said.includes('\n');
  }, 30_000, 10);
  return {
    base_url: `http://${listen}`,
    admin,
    logTail,
    async stop() {
      await endKindly(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/**
 * Starts the demo. `{ minutes, startsIn_s, lessons }` as its options. The result has the parsed
 * line as `said`, `kill()` (as by kill -9), `restart()` on the same data and port, `stop()`,
 * and the time `serving_ms` at which it last said that it serves.
 */
export async function startDemo(name, { minutes = 10, startsIn_s = 0, lessons = 1 } = {}) {
  if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: cargo build --release`);
  mkdirSync(OUT_DIR, { recursive: true });
  const directory = mkdtempSync(join(tmpdir(), 'tongke-data-'));
  const port = await freePort();
  const logPath = join(OUT_DIR, `server-${name}.log`);
  const log = createWriteStream(logPath, { flags: 'w' });
  let child = null;
  const demo = { said: null, serving_ms: 0, directory, logPath, port };

  async function launch() {
    child = spawn(
      BINARY,
      ['demo', '--json', '--port', String(port), '--data', directory, '--minutes', String(minutes),
        '--lessons', String(lessons), '--starts-in', String(startsIn_s)],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const started = child;
    started.stderr.pipe(log, { end: false });
    let output = '';
    started.stdout.on('data', (bytes) => {
      output += bytes;
      if (!demo.serving_ms && output.includes('\n')) demo.serving_ms = Date.now();
    });
    demo.serving_ms = 0;
    await until('the server says that it serves', () => {
      if (started.exitCode !== null) throw new NoUse(`the server ended with ${started.exitCode}: ${demo.logTail()}`);
      return demo.serving_ms;
    }, 30_000, 10);
    demo.said = JSON.parse(output.split('\n')[0]);
  }

  demo.kill = async () => {
    const at_ms = Date.now();
    child.kill('SIGKILL');
    await ended(child);
    return at_ms;
  };
  demo.restart = launch;
  demo.stop = async () => {
    await endKindly(child);
    // Kept for a look at a recording when somebody asks for it.
    if (process.env.TONGKE_TEST_KEEP) console.log(`# kept ${directory}`);
    else rmSync(directory, { recursive: true, force: true });
  };
  demo.logTail = () => readFileSync(logPath, 'utf8').split('\n').slice(-40).join('\n');

  /** A signed-in person's API: `api('GET', '/api/…', body)`. */
  demo.signIn = async ({ user, password }) => {
    const answer = await fetch(`${demo.said.base_url}/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user, password }),
    });
    if (!answer.ok) throw new Error(`login: ${answer.status} ${await answer.text()}`);
    const cookie = answer.headers.getSetCookie().map((one) => one.split(';')[0]).join('; ');
    const api = async (method, path, body) => {
      const reply = await fetch(new URL(path, demo.said.base_url), {
        method,
        headers: { cookie, ...(body ? { 'content-type': 'application/json' } : {}) },
        body: body && JSON.stringify(body),
      });
      const text = await reply.text();
      if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
      return text ? JSON.parse(text) : null;
    };
    return Object.assign(api, { cookie });
  };
  await launch();
  return demo;
}
