//! Every page begins here: styles, language of the document, title.

import { mount, type Component } from 'svelte';
import { locale, t, type Key } from '../words/index.svelte';
import './tokens.css';
import './base.css';
import Root from './Root.svelte';

export function start(page: Component, title: Key): void {
  const target = document.getElementById('page');
  if (target === null) throw new Error('every page has its place to mount');
  mount(Root, { target, props: { page, titleOf: () => t(title), localeOf: locale } });
}
