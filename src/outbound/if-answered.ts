import type { Trunk } from '../provisioning/trunk-settings/schema.ts';

/** RFC 3261 §21.4.24, §21.6: the called party was reached and will not have the call; in need only this ends the search for a route. */
export const CALLEE_REFUSED: ReadonlySet<number> = new Set([486, 600, 603]);
/** Redirections that one route follows. */
export const MAX_REDIRECTIONS = 3;

/**
 * What answers of a trunk's peer lead to, for people. What the INVITE of a repeat carries depends on what the peer says; `answers` of a
 * question to `explain` shows it.
 */
export function ifAnswered({ credentials, options }: Trunk, emergency: boolean): string[] {
  const { redirects, failoverCodes, sessionTimer } = options;
  const realms = credentials?.realms;
  const forRealms = realms === undefined ? '' : ` for ${realms.length === 1 ? 'realm' : 'realms'} ${realms.join(', ')}`;
  return [
    credentials === undefined
      ? '401, 407: a refusal, for the trunk has no credentials'
      : `401, 407: the INVITE again with the next CSeq and the credentials of ${credentials.authName}${forRealms}`,
    redirects === 'follow'
      ? `3xx: the number it names is dialled by the tenant's rules, ${MAX_REDIRECTIONS} times at most (options.redirects)`
      : '3xx: a refusal (options.redirects)',
    ...(sessionTimer.mode === 'off' ? [] : ['422: the INVITE again with the session interval that is asked for']),
    emergency
      ? `other refusals than ${[...CALLEE_REFUSED].join(', ')}: the next route, since this is an emergency call`
      : `${failoverCodes.join(', ')}, or none: the next target or route (options.failoverCodes)`,
  ];
}
