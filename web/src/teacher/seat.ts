//! A room's state in words: what it is, and what to do about it.

import type { Seat } from '../api/types';
import type { IconName } from '../ui/Icon.svelte';
import type { Key } from '../words/index.svelte';

export interface SeatWords {
  tone: 'ready' | 'warn' | 'fault' | 'quiet';
  icon?: IconName;
  word: Key;
  remedy?: Key;
}

export function wordsOf(seat: Seat, admitted: boolean, known = true): SeatWords {
  // While this page hears nothing, what it heard last is not shown as if it were so.
  if (!known) return { tone: 'quiet', word: 'room.unknown' };
  const talks = seat.kind !== 'terminal';
  if (!seat.present) {
    if (!admitted) return { tone: 'quiet', word: 'room.waiting' };
    if (seat.quality === 'lost') return { tone: 'fault', icon: 'cross', word: 'room.lost', remedy: 'room.lost.remedy' };
    return { tone: 'fault', icon: 'cross', word: 'room.absent', remedy: 'room.absent.remedy' };
  }
  if (seat.quality === 'weak') return { tone: 'warn', icon: 'warn', word: 'room.weak', remedy: 'room.weak.remedy' };
  if (talks && !seat.sources.includes('microphone')) {
    return { tone: 'warn', icon: 'mic-off', word: 'room.no.microphone', remedy: 'room.no.microphone.remedy' };
  }
  if (talks && !seat.sources.includes('camera')) {
    return { tone: 'warn', icon: 'camera-off', word: 'room.no.camera', remedy: 'room.no.camera.remedy' };
  }
  return { tone: 'ready', word: 'room.good' };
}
