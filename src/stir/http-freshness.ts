/** How long an HTTP answer may be used again (RFC 9111 §4.2, §5.2.2), as a cache of one client. */
import type { IncomingHttpHeaders } from 'node:http';

export interface Freshness {
  /** From now, ms; 0: not to be kept. */
  readonly freshMs: number;
  /** May be used beyond that while no newer one can be had (§4.2.4). */
  readonly mayBeStale: boolean;
}

/** What a repository that says nothing means: certificates change seldom, and calls come often. */
const DEFAULT_MS = 24 * 3_600_000;
const LONGEST_MS = 7 * 24 * 3_600_000;

export function freshnessOf(headers: IncomingHttpHeaders): Freshness {
  const directives = new Map(
    (headers['cache-control'] ?? '').split(',').map((directive) => {
      const [name = '', value = ''] = directive.trim().toLowerCase().split('=');
      return [name, value.replaceAll('"', '')] as const;
    }),
  );
  if (directives.has('no-store') || directives.has('no-cache')) return { freshMs: 0, mayBeStale: false };
  const mayBeStale = !directives.has('must-revalidate');
  const ageMs = secondsOf(headers.age) ?? 0;
  const maxAgeMs = secondsOf(directives.get('max-age')) ?? expiresMs(headers);
  return { freshMs: Math.min(LONGEST_MS, Math.max(0, (maxAgeMs ?? DEFAULT_MS) - ageMs)), mayBeStale };
}

/** §5.3: by the server's own clock; a date that cannot be read has passed. */
function expiresMs({ expires, date }: IncomingHttpHeaders): number | undefined {
  if (expires === undefined) return undefined;
  const at = Date.parse(expires);
  const sentAt = Date.parse(date ?? '');
  return Number.isNaN(at) ? 0 : at - (Number.isNaN(sentAt) ? Date.now() : sentAt);
}

function secondsOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,10}$/.test(text) ? Number(text) * 1000 : undefined;
}
