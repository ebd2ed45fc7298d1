//! All texts of the pages, in two languages. `t` is reactive: templates follow a change of language without reload.

import i18next, { type TFunction } from 'i18next';
import { en } from './en';
import { zh } from './zh';

export type Lang = 'zh' | 'en';
export type Key = keyof typeof zh;

const STORED = 'tongke.lang';

function keep(lang: Lang): void {
  try {
    localStorage.setItem(STORED, lang);
  } catch {
    // Without storage the choice holds for this page.
  }
}

function firstLang(): Lang {
  if (typeof location !== 'undefined') {
    const asked = new URLSearchParams(location.search).get('lang');
    if (asked === 'en' || asked === 'zh') {
      keep(asked);
      return asked;
    }
  }
  try {
    return localStorage.getItem(STORED) === 'en' ? 'en' : 'zh';
  } catch {
    return 'zh';
  }
}

const texts = i18next.createInstance();
void texts.init({
  lng: firstLang(),
  fallbackLng: 'zh',
  initAsync: false,
  keySeparator: false,
  nsSeparator: false,
  resources: { zh: { translation: zh }, en: { translation: en } },
  // Texts are set as text by the templates; escaping them here would show entities.
  interpolation: { escapeValue: false },
});

let current = $state<Lang>(firstLang());
const translate: Record<Lang, TFunction> = { zh: texts.getFixedT('zh'), en: texts.getFixedT('en') };

export function lang(): Lang {
  return current;
}

export function locale(): string {
  return current === 'zh' ? 'zh-CN' : 'en-GB';
}

export function setLang(next: Lang): void {
  current = next;
  keep(next);
  const url = new URL(location.href);
  if (url.searchParams.has('lang')) {
    url.searchParams.set('lang', next);
    history.replaceState(history.state, '', url);
  }
}

export function t(key: Key, values: Record<string, string | number> = {}): string {
  return translate[current](key, values);
}

/** A text for a word the server says, or the general one: a new code must not show as a raw key. */
export function tWord(prefix: string, word: string, otherwise: Key, values: Record<string, string | number> = {}): string {
  const key = `${prefix}.${word}`;
  return key in zh ? t(key as Key, values) : t(otherwise, { ...values, code: word });
}
