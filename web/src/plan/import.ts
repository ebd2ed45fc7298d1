//! Faults of an imported file in words. The server's codes are for programs, its messages for engineers.

import type { ImportFault } from '../api/types';
import { civilDay } from '../words/format';
import { t, tWord } from '../words/index.svelte';
import { isDay } from './days';

/** Anything else is the text of one sheet. */
export function isWorkbook(name: string): boolean {
  return /\.xls[xm]$/i.test(name);
}

export function faultWords(fault: ImportFault): string {
  if (fault.code !== 'clash') return tWord('import.fault', fault.code, 'import.fault.other');
  // `teacher on 2026-09-02`: the kind of clash, and its first date.
  const [kind = '', day = ''] = fault.message.split(' on ');
  return t('import.fault.clash', { kind: tWord('plan.kind', kind, 'plan.kind.other'), day: isDay(day) ? civilDay(day) : '' });
}
