//! `window.__tongke`: what the page knows, for tests and for operators at the console. Read-only; it can do nothing.

export interface Hooks {
  readonly state: unknown;
  readonly slots?: unknown;
  stats?(): Promise<unknown>;
  readonly player?: unknown;
}

export function expose(hooks: Hooks): void {
  Object.defineProperty(window, '__tongke', { value: Object.freeze(hooks), configurable: true });
}
