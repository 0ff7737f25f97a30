import type { VerificationFacts } from '../../call/index.ts';
import { type Forwarding, type ForwardReason, type NodeFacts, receivedDiversions } from '../../outbound/index.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import type { Party } from '../../provisioning/tenants/party.ts';
import { serviceSchema, type Tenant } from '../../provisioning/tenants/schema.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { anonymousBy, partyPrivacy, refusesPrivacy, type SipRequest, withheldBy } from '../../sip/message/index.ts';

/** Where the call came from. */
export type Origin = Party | { readonly kind: 'trunk'; readonly trunk: Trunk };

/** How the caller is shown to phones inside. */
export interface CallerPresentation {
  readonly number: string;
  /** Octets, as the caller sent them: what a carrier wrote in another character set leaves as it came. */
  readonly displayName: string;
  readonly anonymous: boolean;
}

/** Somebody who sent the call on. */
export interface Diversion {
  /** Number of the extension or service; undefined for an inbound rule. */
  readonly by?: string | undefined;
  /** What had been called, as others are told. */
  readonly number: string;
  readonly reason: ForwardReason;
}

/** What all steps of one call's plan share. A plan keeps the snapshot it began with, whatever is provisioned meanwhile. */
export interface CallContext {
  readonly request: SipRequest;
  readonly directory: Directory;
  readonly tenant: Tenant;
  readonly origin: Origin;
  readonly caller: CallerPresentation;
  /** The number that was called first: a DID for a call from a trunk. */
  readonly called: string;
  readonly node: NodeFacts;
  readonly sessionId: string;
  /** Of a call from a trunk, where something is known. */
  readonly verification?: VerificationFacts | undefined;
  /** The trunk of the party that is transferred. */
  readonly transferee?: Trunk | undefined;
  /** Of a transfer: Referred-By as the transferor has sent it (RFC 3892); absent: it says nothing, or withholds itself. */
  readonly referredBy?: string | undefined;
  /** Grows while the call is sent on. */
  readonly diversions: readonly Diversion[];
}

/** The context after somebody sent the call on. */
export function diverted(context: CallContext, number: string, reason: ForwardReason, by?: string): CallContext {
  return { ...context, diversions: [...context.diversions, { number, reason, by }] };
}

/** What the outbound pipeline is told of a call that was sent on; undefined for the caller's own. */
export function forwardingOf(context: CallContext, kind: Forwarding['kind']): Forwarding {
  const other = context.origin.kind === 'trunk' ? context.origin.trunk : context.transferee;
  const isTold = context.origin.kind === 'trunk' && context.origin.trunk.options.trusted;
  const earlier = isTold ? receivedDiversions(context.request.headers) : [];
  return {
    kind,
    ...(other !== undefined && { otherTrunk: other.type }),
    ...(context.origin.kind === 'trunk' && { fromTrunk: true as const }),
    originator: originatorOf(context),
    diversions: context.diversions.map(({ number, reason }) => ({ number, reason })),
    ...(earlier.length > 0 && { earlier }),
  };
}

/** A colleague who calls is shown as whoever sent the call on; what goes along is the wish to be anonymous (RFC 3323 §5). */
function originatorOf({ origin, caller }: CallContext): Forwarding['originator'] {
  const { number, displayName, anonymous } = caller;
  if (origin.kind === 'trunk') return { number, displayName, anonymous };
  return anonymous ? { number: '', displayName: '', anonymous } : undefined;
}

/**
 * Who places a call to the outside that no party of the tenant places: a service that goes by the called DID and has no caller ID of its own,
 * so that the company's is used, else the DID.
 */
export function partyOfCalled(called: string, name: string): Party {
  return { kind: 'service', service: { ...NOBODY, number: called.replace(/[^0-9]/g, '').slice(0, 15), name } };
}

const NOBODY = serviceSchema.parse({ kind: 'virtual-receptionist', number: '0', name: 'Nobody' });

/** Who calls anonymously, as phones are shown it (RFC 3323 §4.1.1.3). */
export const ANONYMOUS_ADDRESS = '"Anonymous" <sip:anonymous@anonymous.invalid>';

/** RFC 3323 §4.1: an endpoint asks for privacy, by field or by an address that names nobody; with `none` it will not have any (§4.2). */
export function wantsAnonymity(request: SipRequest, always = false): boolean {
  const privacy = partyPrivacy(request.headers, 'calling');
  if (refusesPrivacy(privacy)) return false;
  return always || anonymousBy(request) !== undefined || withheldBy(privacy) !== undefined;
}
