//! The one place where a script address is made, for browsers that enforce Trusted Types.
//! Only addresses of the page's own origin pass.

interface Policy {
  createScriptURL(url: string): string;
}
interface Factory {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy;
}

const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;

function own(url: string): string {
  const resolved = new URL(url, globalThis.location.href);
  if (resolved.origin !== globalThis.location.origin) throw new TypeError('a script of another origin');
  return resolved.href;
}

const policy: Policy = factory?.createPolicy('tongke', { createScriptURL: own }) ?? { createScriptURL: own };

export function scriptUrl(url: string): string {
  return policy.createScriptURL(url);
}
