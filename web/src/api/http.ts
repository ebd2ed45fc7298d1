//! Calls to the server. Every failure becomes one `Failure` whose `code` the pages put into words;
//! the server's own message is for operators and is never shown.

export class Failure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly body: FailureBody = {},
    readonly retryAfterMs: number | null = null,
  ) {
    super(`${status} ${code}`);
    this.name = 'Failure';
  }

  /** No answer came at all: the network or the server is away, and trying again makes sense. */
  get unreachable(): boolean {
    return this.status === 0 || this.status >= 502;
  }
}

export interface FailureBody {
  fields?: Record<string, string>;
  clashes?: unknown;
  in_the_way?: unknown;
  line?: number;
}

export interface Call {
  method?: string;
  body?: unknown;
  bearer?: string | null;
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** A slow answer is as bad as none: the caller decides when to try again. */
const DEFAULT_TIMEOUT_MS = 15_000;

export async function call<T>(path: string, options: Call = {}): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (options.bearer) headers['authorization'] = `Bearer ${options.bearer}`;
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  const response = await send(path, {
    method: options.method ?? (options.body === undefined ? 'GET' : 'POST'),
    headers,
    body: options.body === undefined ? null : JSON.stringify(options.body),
    signal: options.signal ?? AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS),
  });
  // Some answers say all by their status, 201 as well as 204.
  const text = await response.text().catch(() => null);
  if (text === '') return undefined as T;
  try {
    return JSON.parse(text ?? '') as T;
  } catch {
    throw new Failure(response.status, 'bad_answer');
  }
}

/** `fetch` whose every failure, also the missing network, is a `Failure`. */
export async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...init });
  } catch {
    throw new Failure(0, 'unreachable');
  }
  if (!response.ok) throw await failureOf(response);
  return response;
}

async function failureOf(response: Response): Promise<Failure> {
  const seconds = Number(response.headers.get('retry-after'));
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null;
  try {
    const body: unknown = await response.json();
    const error = (body as { error?: FailureBody & { code?: string } }).error ?? {};
    // Clashes may stand beside the error or inside it.
    const clashes = error.clashes ?? (body as { clashes?: unknown }).clashes;
    return new Failure(response.status, error.code ?? `http_${response.status}`, { ...error, clashes }, retryAfterMs);
  } catch {
    return new Failure(response.status, `http_${response.status}`, {}, retryAfterMs);
  }
}

export function query(parameters: Record<string, string | number | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}
