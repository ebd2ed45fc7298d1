// The same load on Tongke and on Janus (Debian's package) in turn, in one run; prints medians and their ratio.
//
//   node tests/peers/run.mjs                     CPU per forwarded packet, 10 × 10 and 1 × 100, bursts and paced
//   node tests/peers/run.mjs --limit             also the most that each carries on one core, and the delay at half of
//                                                that (minutes; with --runs 0 only these)
//   node tests/peers/run.mjs --runs 5 --seconds 8 --tongke target/release/tongke
//
// Needs root, iproute2, util-linux and the Debian package `janus`. Server and load have a core each (the load
// spins on its own, and its viewers wait for no socket, so that no server is charged for waking them) and sit in a network namespace of their own, because Janus gathers no loopback candidate: it is reached at an address of
// a veth pair, which the kernel delivers over loopback as it does Tongke's.
// How much of the time a server's own code takes is said where `perf` is installed, by one more run of each. A Tongke tells it
// itself too: what is left of its media workers' time without their waits and system calls, so that others on their core count.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { startJanus } from './janus.mjs';
import { BUILT, median, ON_SERVER_CORE, ownShare, tongkeOf } from './tongke.mjs';

const ADDRESS = '10.99.0.1';
const PORTS = [7001, 7002];
const SHAPES = [[10, 10], [1, 100]];
const LIMIT_LESSONS = 300;

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '8' },
    tongke: { type: 'string', default: BUILT },
    limit: { type: 'boolean', default: false },
  },
});
const measured = tongkeOf(options.tongke);
const runs = Number(options.runs);

/** Runs this program again inside a namespace of its own, and takes that away afterwards. */
function inNamespace() {
  const name = `tongke-peers-${process.pid}`;
  const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  ip('netns', 'add', name);
  try {
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('-n', name, 'link', 'add', 'peers0', 'type', 'veth', 'peer', 'name', 'peers1');
    ip('-n', name, 'addr', 'add', `${ADDRESS}/24`, 'dev', 'peers0');
    for (const end of ['peers0', 'peers1']) ip('-n', name, 'link', 'set', end, 'up');
    const inside = ['netns', 'exec', name, process.execPath, ...process.argv.slice(1)];
    return spawnSync('ip', inside, { stdio: 'inherit', env: { ...process.env, TONGKE_PEERS_INSIDE: '1' } }).status ?? 1;
  } finally {
    ip('netns', 'del', name);
  }
}

async function startPeer({ rooms }) {
  const janus = await startJanus({ rooms, address: ADDRESS, ports: PORTS, command: ON_SERVER_CORE });
  return { ...janus, where: ['--whip', janus.whip, '--whep', janus.whep] };
}

const SERVERS = {
  janus: startPeer,
  tongke: measured.start,
  'tongke, recording': (plan) => measured.start({ ...plan, recorded: true }),
};

/** Looked at for the most: Janus refuses nobody, a Tongke does from a share of its time on, unless it is told not to. */
const CARRIERS = {
  janus: startPeer,
  tongke: measured.start,
  'tongke, refusing nobody': (plan) => measured.start({ ...plan, refuses: false }),
};

const load = (server, args) => measured.load(server, ['--spin', ...server.where, ...args]);

async function cpu() {
  console.log('| shape | server | µs a packet | own code by samples | told | system calls | delay p50 / p99, ms | lost | against Janus |');
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const [lessons, receivers] of SHAPES) {
    for (const paced of [false, true]) {
      const args = ['--lessons', String(lessons), '--receivers', String(receivers), ...(paced ? ['--paced'] : [])];
      const seen = Object.fromEntries(Object.keys(SERVERS).map((name) => [name, []]));
      const shares = {};
      for (let run = 0; run <= runs; run += 1) {
        for (const [name, start] of Object.entries(SERVERS)) {
          const server = await start({ rooms: lessons });
          try {
            // The profile has a run of its own, the last: taking samples costs the server time as well.
            const share = run < runs ? null : ownShare(server.pid, Number(options.seconds) - 3);
            const report = await load(server, [...args, '--seconds', options.seconds]);
            if (share) shares[name] = await share;
            else seen[name].push(report);
          } finally {
            await server.stop();
          }
        }
      }
      const of = (name, key) => median(seen[name].map((report) => report[key]));
      for (const name of Object.keys(SERVERS)) {
        const each = of(name, 'server_cpu_us_per_packet');
        console.log(`| ${lessons} × ${receivers}${paced ? ' paced' : ''} | ${name} | ${each.toFixed(2)} | ` +
          `${shares[name] === null ? '' : (shares[name] * each).toFixed(2)} | ` +
          `${of(name, 'server_own_us_per_packet')?.toFixed(2) ?? ''} | ` +
          `${of(name, 'server_calls_per_packet')?.toFixed(3) ?? ''} | ` +
          `${of(name, 'delay_p50_ms').toFixed(2)} / ${of(name, 'delay_p99_ms').toFixed(2)} | ` +
          `${seen[name].reduce((all, report) => all + report.lost, 0)} | ` +
          `${(each / of('janus', 'server_cpu_us_per_packet')).toFixed(3)} |`);
      }
    }
  }
}

/** The most that each carries, and how late packets are at half of that. */
async function limits() {
  console.log('\n| most on one core, loss < 0.1 %, p99 < 50 ms | server | packets/s | lessons × 10 | at half: delay p50 / p99, ms | lost |');
  console.log('|---|---|---|---|---|---|');
  for (const paced of [false, true]) {
    const pace = paced ? ['--paced'] : [];
    for (const [name, start] of Object.entries(CARRIERS)) {
      const server = await start({ rooms: LIMIT_LESSONS });
      try {
        const shape = (lessons) => ['--lessons', String(lessons), '--receivers', '10', '--seconds', '5', ...pace];
        const best = await load(server, [...shape(LIMIT_LESSONS), '--find-limit']);
        const half = await load(server, shape(Math.max(best.lessons >> 1, 1)));
        console.log(`| ${paced ? 'paced' : 'bursts'} | ${name} | ${Math.round(best.report.packets / best.report.seconds)} | ` +
          `${best.lessons} | ${half.delay_p50_ms.toFixed(2)} / ${half.delay_p99_ms.toFixed(2)} | ${half.lost} |`);
      } finally {
        await server.stop();
      }
    }
  }
}

if (process.env.TONGKE_PEERS_INSIDE !== '1') process.exit(inNamespace());
console.log(`${cpus()[0].model}, ${cpus().length} cores; ${runs} runs of ${options.seconds} s each, medians\n`);
if (runs > 0) await cpu();
if (options.limit) await limits();
