/**
 * Placed calls, played again on another state of what is provisioned: which would leave differently after a change, and how. The
 * pipeline is pure, so the facts of a call decide alone; its time, its draw and the trunks' states are those of the call.
 */

import type { Directory } from '../provisioning/directory/directory.ts';
import { parseMessage, textFromOctets } from '../sip/message/index.ts';
import type { CallDifference, ExplainedRoute, Explanation, Whereabouts } from './explanation.ts';
import { callerNumber } from './facts.ts';
import { insideParty } from './inside.ts';
import { explainPlaced, type PlacedCall } from './placed-call.ts';
import { splitField } from './reasons.ts';

/** Header fields, and the request line, are of the INVITE on a route that both states have. Several values are one text, a line each. */
type FieldDifference = CallDifference['fields'][number];

/** @returns undefined when the call leaves in both states alike, octet for octet. */
export function differenceOf(call: PlacedCall, before: Directory, after: Directory): CallDifference | undefined {
  const played = [before, after].map((directory) => playAgain(call, directory)) as [Played, Played];
  const whereabouts = played.map(({ whereabouts: where }) => where) as [Whereabouts, Whereabouts];
  const fields = fieldDifferences(played[0].routes, played[1].routes);
  if (fields.length === 0 && JSON.stringify(whereabouts[0]) === JSON.stringify(whereabouts[1])) return undefined;
  const { facts } = call;
  return {
    at: new Date(facts.wallMs).toISOString(),
    tenant: facts.tenant.name,
    caller: callerNumber(facts.caller),
    dialled: textFromOctets(facts.dialled),
    before: whereabouts[0],
    after: whereabouts[1],
    fields,
  };
}

interface Played {
  readonly whereabouts: Whereabouts;
  readonly routes: readonly ExplainedRoute[];
}

function playAgain(call: PlacedCall, directory: Directory): Played {
  const tenant = directory.tenantByName(call.facts.tenant.name);
  if (tenant === undefined) return nowhere(404, 'Not Found', 'unknown-tenant');
  const number = callerNumber(call.facts.caller);
  // An inbound rule that leads outside is a caller that is not in the directory.
  const isProvisioned = call.facts.directory.party(tenant.name, number) !== undefined;
  const caller = isProvisioned ? directory.party(tenant.name, number) : call.facts.caller;
  if (caller === undefined) return nowhere(403, 'Forbidden', 'unknown-caller');
  const explanation = explainPlaced({ ...call, facts: { ...call.facts, directory, tenant, caller } });
  if (insideParty(directory, tenant, explanation.number) !== undefined)
    return { whereabouts: { kind: 'inside', trunks: [] }, routes: [] };
  return outside(explanation);
}

function outside({ storedSetting, refusal, routes }: Explanation): Played {
  if (storedSetting !== undefined) return { whereabouts: { kind: 'stored', trunks: [] }, routes: [] };
  const open = routes.filter((route) => route.refusal === undefined);
  const closed = refusal ?? (open.length === 0 ? routes[0]?.refusal : undefined);
  if (closed !== undefined) return nowhere(closed.status, closed.reason, closed.code);
  return { whereabouts: { kind: 'outside', trunks: open.map(({ trunk }) => trunk.name) }, routes: open };
}

function nowhere(status: number, reason: string, code: string): Played {
  return { whereabouts: { kind: 'refused', trunks: [], refusal: { status, reason, code } }, routes: [] };
}

/** Of each trunk that both have; a trunk that is tried twice is compared in its turn. */
function fieldDifferences(before: readonly ExplainedRoute[], after: readonly ExplainedRoute[]): FieldDifference[] {
  const left = [...before];
  return after.flatMap((route) => {
    const at = left.findIndex(({ trunk }) => trunk.id === route.trunk.id);
    if (at < 0) return [];
    const [other] = left.splice(at, 1) as [ExplainedRoute];
    return other.inviteBase64 === route.inviteBase64 ? [] : inviteDifferences(other, route);
  });
}

function inviteDifferences(before: ExplainedRoute, after: ExplainedRoute): FieldDifference[] {
  const [was, is] = [fieldsOf(before), fieldsOf(after)];
  const names = [...was.keys(), ...[...is.keys()].filter((name) => !was.has(name))];
  return names.flatMap((name) => {
    const [from, to] = [was.get(name)?.join('\n'), is.get(name)?.join('\n')];
    if (from === to) return [];
    const reason = reasonOf(after, name);
    return [
      {
        trunk: after.trunk.name,
        field: name,
        ...(from !== undefined && { before: from }),
        ...(to !== undefined && { after: to }),
        ...(reason !== '' && { reason }),
      },
    ];
  });
}

/** Of a field that is sent why it has its values, of one that is not who dropped it; '' when nobody did. */
function reasonOf({ fields }: ExplainedRoute, name: string): string {
  const reasons = fields.filter(
    ({ field, overruled }) => overruled !== true && splitField(field).header.toLowerCase() === name.toLowerCase(),
  );
  return [...new Set(reasons.map(({ reason }) => reason))].join('; ');
}

/** The values of each field, in order. */
function fieldsOf({ inviteBase64 }: ExplainedRoute): Map<string, string[]> {
  const invite = parseMessage(Buffer.from(inviteBase64, 'base64').toString('latin1'));
  if (invite.kind !== 'request') throw new TypeError('an INVITE is a request');
  const fields = new Map([['Request-URI', [textFromOctets(invite.requestUri)]]]);
  invite.headers.forEach((name, value) => {
    const text = textFromOctets(value);
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [text]);
    else values.push(text);
  });
  if (invite.body !== '') fields.set('body', [textFromOctets(invite.body)]);
  return fields;
}
