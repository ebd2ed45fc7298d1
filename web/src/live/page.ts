//! A random name of this page (tab), by which the server tells a page that joins again from another one
//! that takes its place.

export const PAGE: string =
  typeof crypto !== 'undefined' && 'randomUUID' in crypto ? crypto.randomUUID() : `page-${Math.random().toString(36).slice(2)}`;
