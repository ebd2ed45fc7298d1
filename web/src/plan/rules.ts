//! Day rules in words, and which of several on one date holds.

import type { DayRule } from '../api/types';
import { weekdayName } from '../words/format';
import { t } from '../words/index.svelte';

const WIDTH = { region: 0, group: 1, school: 2 } as Record<string, number>;

/** The narrowest scope wins. */
export function ruleOf(rules: DayRule[]): DayRule | null {
  return rules.reduce<DayRule | null>((best, rule) => (best === null || (WIDTH[rule.scope] ?? 0) > (WIDTH[best.scope] ?? 0) ? rule : best), null);
}

export function parityOf(week: number): string {
  return week % 2 === 1 ? t('week.odd.short') : t('week.even.short');
}

export function ruleWords(rule: Pick<DayRule, 'kind' | 'weekday' | 'week'>): string {
  if (rule.kind === 'holiday') return t('rule.holiday');
  const day = weekdayName(rule.weekday ?? 1, 'long');
  const week = rule.week as unknown;
  if (typeof week === 'number') return t('rule.runs_as.number', { day, n: week });
  if (week === 'odd') return t('rule.runs_as.odd', { day });
  if (week === 'even') return t('rule.runs_as.even', { day });
  return t('rule.runs_as', { day });
}

/** For whom a rule is. */
export function widthOf(rule: DayRule): string {
  if (rule.scope === 'region') return t('scope.region');
  return rule.scope === 'group' ? t('scope.group.named', { name: rule.group ?? '' }) : t('scope.school');
}
