// A Tongke on one core, and the load on the other.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the README's build leaves the program. */
export const BUILT = join(dirname(fileURLToPath(import.meta.url)), '../../target/release/tongke');

const SERVER_CORE = '0';
const LOAD_CORE = '1';

/** Runs a program on the server's core. */
export const ON_SERVER_CORE = ['taskset', '-c', SERVER_CORE];

/** Both of one program, which may be another build than this tree's. */
export function tongkeOf(program) {
  const path = resolve(program);
  return { start: (plan) => start(path, plan), load: (server, args) => load(path, server, args) };
}

/**
 * A demo with so many lessons, recorded or not, that refuses newcomers as it ships, or nobody; `part(from, to)` says to a load
 * which of the lessons it may use.
 */
async function start(program, { rooms, recorded = false, refuses = true }) {
  const folder = mkdtempSync(join(tmpdir(), 'tongke-peers-'));
  // Before its bell a lesson is held but not recorded.
  const bell = recorded ? ['--minutes', '60'] : ['--starts-in', '3000', '--admits-before', '3600'];
  const [taskset, ...pinned] = ON_SERVER_CORE;
  const demo = [program, 'demo', '--json', '--port', '0', '--lessons', String(rooms), ...bell, ...(refuses ? [] : ['--full-percent', '100'])];
  const child = spawn(taskset, [...pinned, ...demo], { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (bytes) => { said += bytes; });
  const ended = new Promise((done) => child.on('close', done));
  for (let tries = 0; !said.includes('\n'); tries += 1) {
    if (child.exitCode !== null || tries > 600) throw new Error('tongke does not serve');
    await new Promise((done) => setTimeout(done, 100));
  }
  const told = JSON.parse(said);
  return {
    pid: told.pid,
    /** Where it tells its figures. */
    metrics: told.metrics,
    get where() { return this.part(0, rooms); },
    part(from, to) {
      const list = join(folder, `${from}-${to}.json`);
      writeFileSync(list, JSON.stringify({ ...told, lessons: told.lessons.slice(from, to) }));
      return ['--demo', list];
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One run of `tongke load`; gives its report. */
async function load(program, server, args) {
  const tool = [program, 'load', '--json', '--pid', String(server.pid), ...args];
  const child = spawn('taskset', ['-c', LOAD_CORE, ...tool], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let said = '';
  child.stdout.on('data', (bytes) => { out += bytes; });
  child.stderr.on('data', (bytes) => { said += bytes; });
  const code = await new Promise((done) => child.on('close', done));
  if (code !== 0) throw new Error(`tongke load: ${said.slice(-500)}`);
  return JSON.parse(out);
}

/** Joins and settling are over by then. */
const PROFILE_AFTER_S = 5;

/**
 * The share of a server's CPU that its own code takes, by samples of `perf`; null where there is none. The kernel's own
 * split by clock ticks is no measure here: evenly paced packets run in step with the tick, or never.
 */
export async function ownShare(pid, seconds) {
  const folder = mkdtempSync(join(tmpdir(), 'tongke-perf-'));
  const data = join(folder, 'data');
  try {
    const record = ['record', '--freq', '1999', '--output', data, '--pid', String(pid)];
    const tool = spawn('sh', ['-c', `sleep ${PROFILE_AFTER_S}; exec perf "$@"`, 'perf', ...record, '--', 'sleep', String(seconds)], { stdio: 'ignore' });
    if (await new Promise((done) => tool.on('close', done)) !== 0) return null;
    const report = execFileSync('perf', ['report', '--input', data, '--sort', 'dso', '--stdio'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const kernel = /([\d.]+)%\s+\[kernel/.exec(report);
    return kernel ? 1 - Number(kernel[1]) / 100 : null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
