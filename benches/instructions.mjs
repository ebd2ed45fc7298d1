// Instructions per forwarded packet, counted by callgrind, against what is recorded beside this file.
//
//   node benches/instructions.mjs            says what it counts; fails when it is 3 % more than recorded
//   node benches/instructions.mjs --record   records what it counts
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const RECORDED = join(HERE, 'instructions.json');
/** Packets of the measured second, per viewer: `BATCH` of benches/src/lib.rs. */
const PACKETS = 290;
const VIEWERS = [1, 10, 100];
/** So much more is a regression. */
const MORE = 1.03;

function build() {
  const said = execFileSync(
    'cargo', ['build', '--release', '--locked', '-p', 'tongke-benches', '--bin', 'instructions', '--message-format', 'json'],
    { cwd: dirname(HERE), encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const made = said.split('\n').filter(Boolean).map((line) => JSON.parse(line))
    .find((message) => message.executable && message.target?.name === 'instructions');
  if (!made) throw new Error('cargo made no program');
  return made.executable;
}

function count(program, viewers) {
  const folder = mkdtempSync(join(tmpdir(), 'tongke-instructions-'));
  try {
    const out = join(folder, 'out');
    execFileSync('valgrind', [
      '--tool=callgrind', `--callgrind-out-file=${out}`, '--toggle-collect=instructions::measured', program, String(viewers),
    ], { stdio: ['ignore', 'ignore', 'pipe'] });
    const total = /^(?:summary|totals): (\d+)/m.exec(readFileSync(out, 'utf8'));
    if (!total || Number(total[1]) === 0) throw new Error('callgrind counted nothing');
    return Math.round(Number(total[1]) / (PACKETS * viewers));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const program = build();
const counted = Object.fromEntries(VIEWERS.map((viewers) => [`1x${viewers}`, count(program, viewers)]));
if (process.argv.includes('--record')) writeFileSync(RECORDED, `${JSON.stringify(counted, null, 2)}\n`);
const recorded = JSON.parse(readFileSync(RECORDED, 'utf8'));
let failed = 0;
for (const [shape, now] of Object.entries(counted)) {
  const fine = now <= recorded[shape] * MORE;
  failed += fine ? 0 : 1;
  console.log(`${shape}: ${now} instructions a packet, recorded ${recorded[shape]}${fine ? '' : ': MORE THAN 3 % ABOVE'}`);
}
console.log(`${VIEWERS.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
