import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

/** Fragments are built with createElement, so that the pages run under Trusted Types without any HTML sink. */
export default {
  preprocess: vitePreprocess(),
  compilerOptions: { fragments: 'tree', runes: true, modernAst: true },
};
