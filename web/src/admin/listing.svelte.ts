//! A list that the server pages and filters; the page holds one page of it.

import { call, query } from '../api/http';
import type { Paged } from '../api/types';
import { signed } from '../ui/person.svelte';

const PER_PAGE = 20;
/** typing is done when nothing was typed for this long */
const TYPED_MS = 250;

export class Listing<T> {
  items = $state.raw<T[]>([]);
  total = $state(0);
  page = $state(1);
  q = $state('');
  phase = $state<'loading' | 'ready' | 'failed'>('loading');
  private turn = 0;
  private typing: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly path: string,
    private readonly filters: () => Record<string, string | number | null> = () => ({}),
    private readonly perPage = PER_PAGE,
  ) {
    void this.load();
  }

  get pages(): number {
    return Math.max(1, Math.ceil(this.total / this.perPage));
  }

  search(text: string): void {
    this.q = text;
    if (this.typing !== null) clearTimeout(this.typing);
    this.typing = setTimeout(() => this.go(1), TYPED_MS);
  }

  go(page: number): void {
    this.page = page;
    void this.load();
  }

  async load(): Promise<void> {
    const turn = ++this.turn;
    const asked = { q: this.q, page: this.page, per_page: this.perPage, ...this.filters() };
    try {
      const answer = await call<Paged<T>>(this.path + query(asked));
      if (turn !== this.turn) return;
      this.items = answer.items;
      this.total = answer.total;
      this.phase = 'ready';
    } catch (error) {
      if (turn === this.turn) this.phase = 'failed';
      signed.missed(error);
    }
  }
}
