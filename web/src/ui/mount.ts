//! Every page begins here: styles, language of the document, title, the district's clock.

import { mount, type Component } from 'svelte';
import { call } from '../api/http';
import type { ServerTime } from '../api/types';
import { time } from '../live/time.svelte';
import { locale, t, type Key } from '../words/index.svelte';
import { setZone } from '../words/zone.svelte';
import './tokens.css';
import './base.css';
import Root from './Root.svelte';

export function start(page: Component, title: Key): void {
  const target = document.getElementById('page');
  if (target === null) throw new Error('every page has its place to mount');
  mount(Root, { target, props: { page, titleOf: () => t(title), localeOf: locale } });
  void askTime();
}

/** Which hour a lesson's time is; a page without network goes by what it heard before. */
async function askTime(): Promise<void> {
  const answer = await call<ServerTime>('/api/clock').catch(() => null);
  if (answer === null) return;
  setZone(answer.zone_offset_ms);
  if (!time.clock.known) time.read(answer.now_ms);
}
