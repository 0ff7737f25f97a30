/** What a browser could be made to do to this interface: be led here under another's name, or show it inside another page. */
import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ApiProblem } from './problem.ts';
import { severalHosts } from './unreadable.ts';

export interface BrowserGuardOptions {
  /** Names beside addresses and `localhost` by which the interface is asked. */
  readonly hosts: readonly string[];
  readonly isTls: boolean;
}

/** Answers are data: nothing is loaded from them, and nothing shows them in a frame. Pages that need more say so themselves. */
const CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/** A year: what is asked over HTTPS once is asked over HTTPS (RFC 6797 §6.1). */
const TRANSPORT_SECURITY = 'max-age=31536000';
const GUARDING = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': CONTENT_SECURITY_POLICY,
};
const OVER_TLS = { ...GUARDING, 'strict-transport-security': TRANSPORT_SECURITY };

export function guardBrowsers(app: FastifyInstance, { hosts, isTls }: BrowserGuardOptions): void {
  const names = new Set(hosts.map((host) => host.toLowerCase()));
  app.addHook('onRequest', async ({ headers, url, raw }) => {
    const problem = severalHosts(raw.rawHeaders);
    if (problem !== undefined) throw problem;
    // Probes ask by whatever name the machine has among its neighbours, and learn nothing from these two.
    if (url === '/healthz' || url === '/readyz' || isAskedByRight(headers.host, names)) return;
    // Certificate chains are public, and verifiers ask by the name in x5u.
    if (url.startsWith('/stir/')) return;
    // Signed by Meta, or with a signed link: by whatever name they are asked, nobody else can make them.
    if (url.startsWith('/hooks/') || url.startsWith('/media/')) return;
    throw new ApiProblem(421, 'host-unknown', 'this interface is not served under that name; add it to api.hosts');
  });
  app.addHook('onSend', async ({ protocol }, reply) => {
    // Where a trusted proxy ends TLS, it says so.
    for (const [name, value] of Object.entries(guardingHeaders(isTls || protocol === 'https')))
      if (!reply.hasHeader(name)) reply.header(name, value);
  });
}

/** What every answer says to browsers. */
export function guardingHeaders(isTls: boolean): Readonly<Record<string, string>> {
  return isTls ? OVER_TLS : GUARDING;
}

/**
 * A page of somebody else's name that the DNS leads here sends that name (DNS rebinding); an address in `Host` was asked for as such.
 * Programs that send none are no browsers.
 */
function isAskedByRight(host: string | undefined, names: ReadonlySet<string>): boolean {
  if (host === undefined) return true;
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::[0-9]*)?$/.exec(host.toLowerCase());
  const name = match?.[1] ?? match?.[2]?.replace(/\.$/, '') ?? '';
  return isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost') || names.has(name);
}
