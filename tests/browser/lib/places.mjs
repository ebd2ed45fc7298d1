// Where things are, from this file outwards.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
export const OUT_DIR = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'tests');
export const CLIPS_DIR = join(OUT_DIR, 'clips');
/** The release build that `tests/all` makes before the browser tests. */
export const BINARY =
  process.env.TONGKE_BINARY ??
  join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'release', 'tongke');
export const PYTHON = join(ROOT, 'tests', '.venv', 'bin', 'python');
export const FOREIGN_DIR = join(ROOT, 'tests', 'foreign');
