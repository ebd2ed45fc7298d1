import type { Person } from '../api/types';

/** Where a person's work is. */
export function homeOf(person: Person): string {
  switch (person.role) {
    case 'teacher':
      return '/teacher';
    case 'region_admin':
    case 'group_admin':
    case 'school_admin':
      return '/admin';
    default:
      return '/library';
  }
}
