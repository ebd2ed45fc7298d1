//! The session endpoint (RFC 9725 in shape): offer by POST, restart by PATCH, leave by DELETE.

import { Failure, send } from '../api/http';
import { PAGE } from './page';

export interface Answer {
  location: string;
  etag: string | null;
  sdp: string;
  /** mid → slot name, as the server says; empty when it does not say */
  slots: Record<string, string>;
}

export interface Endpoint {
  offer(sdp: string, signal?: AbortSignal): Promise<Answer>;
  restart(
    location: string,
    etag: string | null,
    fragment: string,
    signal?: AbortSignal,
  ): Promise<{ etag: string | null; fragment: string }>;
  leave(location: string): Promise<void>;
}

/** A server that does not answer an offer within this time is asked anew. */
const TIMEOUT_MS = 6_000;

export function sessionEndpoint(lesson: string, bearer: string | null): Endpoint {
  const authorization: Record<string, string> = bearer === null ? {} : { authorization: `Bearer ${bearer}` };
  authorization['tongke-page'] = PAGE;
  return {
    async offer(sdp, signal) {
      const response = await send(`/api/lessons/${encodeURIComponent(lesson)}/sessions`, {
        method: 'POST',
        headers: { ...authorization, 'content-type': 'application/sdp' },
        body: sdp,
        signal: within(signal),
      });
      const location = response.headers.get('location');
      if (location === null) throw new Failure(response.status, 'bad_answer');
      return {
        location,
        etag: response.headers.get('etag'),
        sdp: await response.text(),
        slots: slotsHeader(response.headers.get('tongke-slots')),
      };
    },
    async restart(location, etag, fragment, signal) {
      const response = await send(location, {
        method: 'PATCH',
        headers: {
          ...authorization,
          'content-type': 'application/trickle-ice-sdpfrag',
          ...(etag === null ? {} : { 'if-match': etag }),
        },
        body: fragment,
        signal: within(signal),
      });
      return { etag: response.headers.get('etag') ?? etag, fragment: await response.text() };
    },
    async leave(location) {
      await send(location, { method: 'DELETE', headers: authorization, keepalive: true });
    },
  };
}

function within(signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}

function slotsHeader(text: string | null): Record<string, string> {
  if (text === null) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
  } catch {
    return {};
  }
}
