import { svelte } from '@sveltejs/vite-plugin-svelte';
import { resolve } from 'node:path';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const pages = ['index', 'login', 'display', 'teacher', 'admin', 'library'] as const;

/** Where `vite dev` finds the API. */
const server = process.env['TONGKE_SERVER'] ?? 'http://127.0.0.1:8080';

/** `/teacher/{lesson}` and `/library/{id}` are routed by their page, as the server does it. */
function pageRoutes(): Plugin {
  return {
    name: 'page-routes',
    configureServer(dev) {
      dev.middlewares.use((request, _response, next) => {
        const page = /^\/(login|display|teacher|admin|library)(?:[/?#]|$)/.exec(request.url ?? '')?.[1];
        if (page !== undefined) request.url = `/${page}.html`;
        next();
      });
    },
  };
}

export default defineConfig({
  appType: 'mpa',
  plugins: [svelte(), pageRoutes()],
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      input: Object.fromEntries(pages.map((page) => [page, resolve(import.meta.dirname, `${page}.html`)])),
    },
  },
  server: {
    proxy: {
      '/api': { target: server, ws: true, changeOrigin: false },
    },
  },
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
});
