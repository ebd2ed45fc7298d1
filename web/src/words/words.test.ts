import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'svelte/compiler';
import { describe, expect, it } from 'vitest';
import { en } from './en';
import { zh } from './zh';

const root = join(import.meta.dirname, '..');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' });

/** Signs and separators that are the same in every language. */
const SAME = /^[\s·→–—:/,|()%×]*$/;

interface Node {
  type?: string;
  name?: string;
  data?: string;
  value?: unknown;
  [key: string]: unknown;
}

/** Texts that a template says by itself, not through the catalogue. */
function literals(source: string): string[] {
  const found: string[] = [];
  const walk = (node: unknown, attribute: string | null): void => {
    if (Array.isArray(node)) for (const each of node) walk(each, attribute);
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
    const { type, name, data } = node as Node;
    const spoken = attribute === null || ['title', 'placeholder', 'alt'].includes(attribute) || attribute.startsWith('aria-label');
    if (type === 'Text' && typeof data === 'string' && spoken && !SAME.test(data)) found.push(data.trim());
    const inside = type === 'Attribute' ? String(name) : attribute;
    for (const [key, value] of Object.entries(node)) if (key !== 'css' && key !== 'instance' && key !== 'module') walk(value, inside);
  };
  walk(parse(source, { modern: true }).fragment, null);
  return found;
}

describe('texts', () => {
  it('are the same set in both languages', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort());
  });

  it('are nowhere empty, and English has no Chinese', () => {
    for (const [key, text] of Object.entries(en)) {
      expect(text, key).not.toBe('');
      if (key !== 'lang.other') expect(text, key).not.toMatch(/\p{Script=Han}/u);
    }
    for (const [key, text] of Object.entries(zh)) expect(text, key).not.toBe('');
  });

  it('use the same values in both languages', () => {
    const values = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();
    for (const key of Object.keys(zh) as (keyof typeof zh)[]) expect(values(en[key]), key).toEqual(values(zh[key]));
  });

  it('stand in no component', () => {
    for (const file of files.filter((name) => name.endsWith('.svelte'))) {
      // The shape of a pairing code is not a word.
      const texts = literals(readFileSync(join(root, file), 'utf8')).filter((text) => text !== 'XXXX-XXXX');
      expect(texts, file).toEqual([]);
    }
  }, 60_000);

  it('in Chinese stand only in the catalogue', () => {
    const allowed = /schema\.ts$|words\/|\.test\.ts$|library\/subject\.ts$|teacher\/desk\.svelte\.ts$/;
    for (const file of files.filter((name) => /\.(svelte|ts)$/.test(name) && !allowed.test(name))) {
      expect(readFileSync(join(root, file), 'utf8'), file).not.toMatch(/\p{Script=Han}/u);
    }
  });

  it('are all used', () => {
    const code = files
      .filter((name) => /\.(svelte|ts)$/.test(name) && !/words\/(plan\/)?(zh|en)\.ts$|\.test\.ts$/.test(name))
      .map((name) => readFileSync(join(root, name), 'utf8'))
      .join('\n');
    // Families whose last part is a word from the server.
    const families = [...code.matchAll(/tWord\(\s*[`']([\w.]+)|t\(`([\w.]+)\.\$\{/g)].map((match) => `${match[1] ?? match[2]}.`);
    families.push('check.camera.', 'check.microphone.', 'display.');
    const unused = Object.keys(zh).filter((key) => !code.includes(`'${key}'`) && !families.some((family) => key.startsWith(family)));
    expect(unused).toEqual([]);
  });
});
