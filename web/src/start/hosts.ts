//! Two people in one browser. Cookies belong to a host name, so the demo's administrator works under the other name of
//! the loopback; signing in there does not sign the teacher out.

const OTHER: Record<string, string> = { '127.0.0.1': 'localhost', localhost: '127.0.0.1' };

/** The address of a page as another signed-in person sees it; outside the loopback there is only one name. */
export function elsewhere(page: string, who: 'admin', lang: string, here: Location = location): string {
  const url = new URL('/login', here.href);
  url.hostname = OTHER[here.hostname] ?? here.hostname;
  url.searchParams.set('lang', lang);
  url.hash = new URLSearchParams({ demo: who, next: new URL(page, here.href).pathname }).toString();
  return url.href;
}
