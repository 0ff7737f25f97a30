/**
 * A call from a trunk: called number → DID pool → tenant → rule → destination (guide "How DID Pools Work"; the decisions on inbound
 * rules in docs/inbound.md). Pure: the caller fetches the facts and carries the decision out.
 */

import { derived } from '../base/derived.ts';
import type { DidRange } from '../provisioning/tenants/did-pool.ts';
import { numbersMeant } from '../provisioning/tenants/number-format.ts';
import { openingAt } from '../provisioning/tenants/schedule.ts';
import type { InboundDestination, Tenant } from '../provisioning/tenants/schema.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { isWithheldCaller, isWithheldFrom, type SipRequest } from '../sip/message/index.ts';
import { calledNumbers, type InboundNumbers, readInboundNumbers } from './parameters.ts';
import { type FoundVerification, InboundRules } from './rules.ts';

/** What is provisioned, as far as inbound calls ask for it. */
export interface InboundDirectory {
  /** The tenant whose DID pool on the trunk holds the number; logarithmic in the number of DIDs. */
  tenantOfDid(trunkId: string, number: number): Tenant | undefined;
  /** Id of the trunk that a tenant's rule names. */
  trunkIdOf(tenant: Tenant, reference: string): string | undefined;
}

/** A call whose called number has been looked for. */
export interface InboundCall {
  readonly trunk: Trunk;
  readonly numbers: InboundNumbers;
  readonly anonymous: boolean;
  /** The called number as it is in a tenant's pool, and whose; undefined: in nobody's. */
  readonly called: { readonly number: number; readonly tenant: Tenant } | undefined;
}

/** Where the call goes, each kind resolved to one number. */
export type InboundTarget =
  | { readonly kind: 'extension'; readonly number: string }
  | { readonly kind: 'service'; readonly number: string }
  | { readonly kind: 'number'; readonly number: string }
  | { readonly kind: 'hang-up' };

export interface InboundRoute {
  readonly kind: 'route';
  readonly tenant: Tenant;
  readonly rule: string;
  /** What the rule puts in front of the caller's name. */
  readonly displayNamePrefix: string | undefined;
  readonly target: InboundTarget;
  readonly numbers: InboundNumbers;
  readonly anonymous: boolean;
}

export interface InboundRejection {
  readonly kind: 'rejection';
  readonly status: number;
  readonly reason: string;
  /** Stable code for records and events. */
  readonly code: 'unknown-number' | 'no-rule' | 'closed';
  readonly tenant?: Tenant;
  readonly numbers: InboundNumbers;
}

/** Routes calls under one snapshot of what is provisioned; rules are compiled when they are first asked for. */
export class InboundRouter {
  readonly #directory: InboundDirectory;
  readonly #compiled = new Map<string, InboundRules>();

  constructor(directory: InboundDirectory) {
    this.#directory = directory;
  }

  /** Who is called. @throws PeerError when From, To or the Request-URI cannot be read. */
  called(request: SipRequest, trunk: Trunk): InboundCall {
    const written = calledNumbers(request, trunk.inboundParameters);
    const numbers = readInboundNumbers(request, trunk.inboundParameters, trunk.numberFormat, written);
    // Teams writes `Privacy: id` with every identity that it forwards (Microsoft, Direct Routing protocols).
    const isWithheld = trunk.teams === undefined ? isWithheldCaller : isWithheldFrom;
    const call = { trunk, numbers, anonymous: isWithheld(request) };
    for (const calledNumber of written) {
      for (const number of numbersMeant(calledNumber, trunk.numberFormat)) {
        const tenant = this.#directory.tenantOfDid(trunk.id, number);
        if (tenant !== undefined) return { ...call, numbers: { ...numbers, calledNumber }, called: { number, tenant } };
      }
    }
    return { ...call, called: undefined };
  }

  /** Where the call goes, once it is known what there is to know of its caller. */
  route(call: InboundCall, found: FoundVerification, wallMs: number): InboundRoute | InboundRejection {
    const { trunk, numbers, anonymous, called } = call;
    if (called === undefined) {
      return { kind: 'rejection', status: 404, reason: 'Not Found', code: 'unknown-number', numbers };
    }
    const { tenant, number } = called;
    const matched = this.#rulesOf(tenant).match(trunk.id, number, numbers.callerNumber, found);
    if (matched === undefined) {
      return { kind: 'rejection', status: 404, reason: 'Not Found', code: 'no-rule', tenant, numbers };
    }
    const { rule, range } = matched;
    const destination = destinationNow(rule, tenant, wallMs);
    if (destination === undefined) {
      return { kind: 'rejection', status: 480, reason: 'Temporarily Unavailable', code: 'closed', tenant, numbers };
    }
    const target = targetOf(destination, range, number);
    const { name, displayNamePrefix } = rule;
    return { kind: 'route', tenant, rule: name, displayNamePrefix, target, numbers, anonymous };
  }

  #rulesOf(tenant: Tenant): InboundRules {
    let rules = this.#compiled.get(tenant.name);
    if (rules === undefined) {
      rules = compiled(tenant, (reference) => this.#directory.trunkIdOf(tenant, reference));
      this.#compiled.set(tenant.name, rules);
    }
    return rules;
  }
}

/** Compiled once for a list of rules and the trunks that they name, however much else changes, of this tenant or of others. */
function compiled(tenant: Tenant, trunkIdOf: (reference: string) => string | undefined): InboundRules {
  const kept = keptWith(tenant.inboundRules);
  const trunkIds = new Map(kept.references.map((reference) => [reference, trunkIdOf(reference)]));
  if (kept.rules === undefined || kept.references.some((each) => kept.trunkIds.get(each) !== trunkIds.get(each))) {
    kept.rules = new InboundRules(tenant, (reference) => trunkIds.get(reference));
    kept.trunkIds = trunkIds;
  }
  return kept.rules;
}

const keptWith = derived((rules: Tenant['inboundRules']) => ({
  references: [...new Set(rules.map(({ trunk }) => trunk))],
  trunkIds: new Map() as ReadonlyMap<string, string | undefined>,
  rules: undefined as InboundRules | undefined,
}));

/** Holidays precede hours; a holiday without a destination of its own is treated as outside hours. */
function destinationNow(
  rule: Tenant['inboundRules'][number],
  tenant: Tenant,
  wallMs: number,
): InboundDestination | undefined {
  switch (openingAt(rule.hours, rule.holidays, tenant.timeZone, wallMs)) {
    case 'open':
      return rule.destination;
    case 'holiday':
      return rule.onHolidays ?? rule.outsideHours;
    case 'outside-hours':
      return rule.outsideHours;
  }
}

function targetOf(destination: InboundDestination, range: DidRange, called: number): InboundTarget {
  if (destination.extension !== undefined) return { kind: 'extension', number: destination.extension };
  if (destination.service !== undefined) return { kind: 'service', number: destination.service };
  if (destination.number !== undefined) return { kind: 'number', number: destination.number };
  if (destination.extensions === undefined) return { kind: 'hang-up' };
  // A range of DIDs maps 1:1 to an equal range of extensions; leading zeros of the extensions are kept.
  const first = destination.extensions.split('-')[0]?.trim() ?? '';
  const number = String(Number(first) + (called - range.first)).padStart(first.length, '0');
  return { kind: 'extension', number };
}
