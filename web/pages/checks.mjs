//! What a picture must not show: overflow, accessibility faults, missing texts.

import { AxeBuilder } from '@axe-core/playwright';

/** Runs in the page: what sticks out of the window, or is cut off without an ellipsis. */
function overflows() {
  const faults = [];
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth + 1) faults.push(`the page is ${root.scrollWidth} wide in ${innerWidth}`);
  for (const element of document.querySelectorAll('body *')) {
    const style = getComputedStyle(element);
    if (style.visibility === 'hidden' || style.display === 'none' || element.closest('svg, .hidden-text, select')) continue;
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    const name = `${element.tagName.toLowerCase()}.${[...element.classList].filter((c) => !c.startsWith('svelte-')).join('.')} "${(element.textContent ?? '').trim().slice(0, 30)}"`;
    // What an ancestor scrolls, or cuts with an ellipsis, may be longer than the window.
    const kept = [...ancestors(element)].some((parent) => {
      const { overflowX, textOverflow } = getComputedStyle(parent);
      return /auto|scroll/.test(overflowX) || textOverflow === 'ellipsis';
    });
    if (!kept && (box.right > innerWidth + 1 || box.left < -1)) faults.push(`${name} sticks out: ${Math.round(box.left)}..${Math.round(box.right)}`);
    const clips = style.overflowX === 'hidden' || style.overflowX === 'clip';
    const ellipsis = style.textOverflow === 'ellipsis';
    const ownText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    if (ownText && !ellipsis && element.scrollWidth > element.clientWidth + 1 && style.display !== 'inline' && element.clientWidth > 0) {
      faults.push(`${name} is wider than its box: ${element.scrollWidth} in ${element.clientWidth}`);
    }
    if (ownText && clips && element.scrollHeight > element.clientHeight + 3 && style.webkitLineClamp === 'none') faults.push(`${name} is cut off below`);
  }
  // A screen that does not scroll must show everything it has.
  for (const screen of document.querySelectorAll('.screen, .console')) {
    for (const part of screen.children) {
      const bottom = part.getBoundingClientRect().bottom;
      if (getComputedStyle(screen).overflow === 'hidden' && bottom > innerHeight + 1) faults.push(`${part.tagName} ends at ${Math.round(bottom)} of ${innerHeight}`);
      if (part.scrollHeight > part.clientHeight + 2 && getComputedStyle(part).overflowY === 'visible' && part.clientHeight > 0) faults.push(`${part.tagName}.${part.className} holds ${part.scrollHeight} in ${part.clientHeight}`);
    }
  }
  return [...new Set(faults)];

  function* ancestors(element) {
    for (let parent = element.parentElement; parent; parent = parent.parentElement) yield parent;
  }
}

/** Runs in the page: all texts a person can meet, visible or spoken. */
function texts() {
  const found = [document.title];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (node.parentElement.closest('[lang]')?.matches('button')) continue;
    found.push(node.textContent.trim());
  }
  for (const element of document.querySelectorAll('[aria-label], [title], [placeholder]')) {
    for (const name of ['aria-label', 'title', 'placeholder']) found.push(element.getAttribute(name) ?? '');
  }
  return found.filter((text) => text !== '');
}

/** `thorough`: also asks axe, once a scene: sizes change the layout, not the roles and colours. */
export async function check(page, lang, keys, thorough) {
  const faults = (await page.evaluate(overflows)).map((fault) => `overflow: ${fault}`);
  for (const text of await page.evaluate(texts)) {
    if (keys.has(text)) faults.push(`missing text: ${text}`);
    if (/\{\{|\}\}|undefined|NaN|\[object/.test(text)) faults.push(`broken text: ${text}`);
    if (lang === 'en' && /\p{Script=Han}/u.test(text)) faults.push(`Chinese on the English page: ${text}`);
  }
  const wanted = lang === 'en' ? 'en-GB' : 'zh-CN';
  const said = await page.evaluate(() => document.documentElement.lang);
  if (said !== wanted) faults.push(`language of the document: ${said}`);
  if (!thorough) return faults;
  const axe = await new AxeBuilder({ page }).setLegacyMode(true).options({ resultTypes: ['violations'] }).analyze();
  for (const violation of axe.violations) {
    if (violation.impact !== 'serious' && violation.impact !== 'critical') continue;
    for (const node of violation.nodes.slice(0, 3)) faults.push(`axe ${violation.id}: ${node.target.join(' ')} ${node.any[0]?.message ?? ''}`);
  }
  return faults;
}
