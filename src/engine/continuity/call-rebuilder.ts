/** A call as a token and a request within it say that it is: what a process goes on with that has neither seen it nor found it in the store. */
import { randomToken } from '../../base/ids.ts';
import type { Clock } from '../../base/scheduler.ts';
import {
  type CallFacts,
  type CallSnapshot,
  type CallToken,
  type LegOptions,
  type LegSnapshot,
  markOf,
  type PlaceSnapshot,
  type TokenParty,
} from '../../call/index.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import { scopeOf, viaOf } from '../../provisioning/trunk-settings/own-address.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { namedAddress } from '../../provisioning/trunk-settings/teams.ts';
import type { NodeSettings } from '../../settings/node-schema.ts';
import { targetOfMessage } from '../../sip/dialog/index.ts';
import type { Endpoint } from '../../sip/endpoint/index.ts';
import { formatHost, HeaderId, isSipUri, type SipRequest } from '../../sip/message/index.ts';
import { ownContact } from '../own-contact.ts';
import { ownParty } from '../route/party-address.ts';
import { sessionTimerToward } from '../route/trunk-branch.ts';
import type { Served } from '../served.ts';
import { targetHere } from './call-restorer.ts';

export interface CallRebuilderOptions {
  readonly served: Pick<Served, 'directory'>;
  readonly endpoint: Pick<Endpoint, 'advertised'>;
  readonly scheduler: Clock;
  readonly userAgent: string;
  readonly settings: Pick<NodeSettings, 'timers'>;
}

/** More requests a second than any call sends: whatever was sent since the token was made, CSeq does not go back (RFC 3261 §12.2.1.1). */
const REQUESTS_PER_SECOND = 1_000;
/** §8.1.1.5: below 2**31, with room for the rest of the call. */
const LAST_SEQUENCE = 2_000_000_000;

interface Marked {
  readonly directory: Directory;
  readonly tenants: ReadonlyMap<number, Tenant>;
  readonly trunks: ReadonlyMap<number, Trunk>;
}

export class CallRebuilder {
  readonly #options: CallRebuilderOptions;
  #marked: Marked | undefined;

  constructor(options: CallRebuilderOptions) {
    this.#options = options;
  }

  /** Undefined when it has lasted as long as it may, or its tenant, or a trunk of it, is not there any more. The sender's leg is the token's near one. */
  rebuilt(token: CallToken, request: SipRequest): CallSnapshot | undefined {
    const { startedAtMs, answeredAtMs = startedAtMs } = token;
    const { scheduler, settings } = this.#options;
    const limitMs = token.sessionLimitMs ?? Number.POSITIVE_INFINITY;
    const sessionLimitMs = Math.min(settings.timers.sessionLimitMs, limitMs);
    if (scheduler.wallMs() - answeredAtMs >= sessionLimitMs) return undefined;
    const { tenants } = this.#marks();
    const tenant = tenants.get(token.tenant);
    const near = tenant && this.#near(token, request, tenant);
    const far = tenant && this.#far(token, tenant);
    if (tenant === undefined || near === undefined || far === undefined) return undefined;
    const [caller, callee] = token.isCaller ? [near, far] : [far, near];
    const answeredTrunkId = callee.options.trunkId;
    return {
      version: 2,
      id: token.id,
      facts: this.#facts(token, tenant, caller, callee),
      callerCallId: caller.dialog.callId,
      calleeCallId: callee.dialog.callId,
      ...{ startedAtMs, answeredAtMs },
      ...(answeredTrunkId !== undefined && { answeredTrunkId }),
      attempts: [],
      status: 200,
      reason: 'OK',
      takenAtMs: scheduler.wallMs(),
      sessionLimitMs,
      ...{ caller, callee },
    };
  }

  #facts(token: CallToken, tenant: Tenant, caller: LegSnapshot, callee: LegSnapshot): CallFacts {
    const { direction, answeredAtMs } = token;
    const trunkId = direction === 'outbound' ? callee.options.trunkId : caller.options.trunkId;
    const owner = caller.options.owner;
    return {
      direction,
      tenant: tenant.name,
      caller: token.caller,
      called: token.called,
      ...(owner !== undefined && { extension: owner.number }),
      ...(trunkId !== undefined && { trunkId }),
      sessionId: randomToken(),
      rebuilt: answeredAtMs === undefined ? 'timed-from-invite' : 'whole',
    };
  }

  #near(token: CallToken, request: SipRequest, tenant: Tenant): LegSnapshot | undefined {
    const { near, isCaller } = token;
    const uri = request.uri();
    const user = isSipUri(uri) ? (uri.user ?? '') : '';
    const options = this.#legOptions(near, user, tenant, isCaller);
    if (options === undefined || !this.#isWanted(near)) return undefined;
    const target = near.target ?? targetOfMessage(request);
    const { kind, transport, address, port } = near.place;
    return this.#leg(near, options, this.#ageMs(token), {
      role: isCaller ? 'uas' : 'uac',
      callId: request.callId(),
      localTag: request.toTag() ?? '',
      remoteTag: request.fromTag() ?? '',
      localAddress: request.headers.value(HeaderId.To) ?? '',
      remoteAddress: request.headers.value(HeaderId.From) ?? '',
      remoteTarget: target ?? `sip:${formatHost(address)}:${port};transport=${transport}`,
      // One that has said nothing of a place is reached where it sends from.
      hasTarget: target !== undefined || kind === 'target',
      remoteSequence: request.cseq().sequence - 1,
    });
  }

  /** A trunk whose Contacts carry none any more has none that is believed. */
  #isWanted({ owner }: TokenParty): boolean {
    return !('trunk' in owner) || this.#marks().trunks.get(owner.trunk)?.options.contactToken === true;
  }

  #far(token: CallToken, tenant: Tenant): LegSnapshot | undefined {
    const { far, isCaller } = token;
    const { callId, localTag, remoteTag, localUri, remoteUri, target, contactUser } = far;
    const options = this.#legOptions(far, contactUser, tenant, !isCaller);
    return (
      options &&
      this.#leg(far, options, this.#ageMs(token), {
        role: isCaller ? 'uac' : 'uas',
        ...{ callId, localTag, remoteTag },
        localAddress: `<${localUri}>;tag=${localTag}`,
        remoteAddress: remoteTag === '' ? `<${remoteUri}>` : `<${remoteUri}>;tag=${remoteTag}`,
        remoteTarget: target,
        hasTarget: true,
        remoteSequence: -1,
      })
    );
  }

  #ageMs({ startedAtMs }: CallToken): number {
    return this.#options.scheduler.wallMs() - startedAtMs;
  }

  #leg(
    party: TokenParty,
    options: LegOptions,
    sinceMs: number,
    dialog: Omit<LegSnapshot['dialog'], 'localContact' | 'routeSet' | 'localSequence'>,
  ): LegSnapshot {
    const { place, routes, methods, anonymous, interval } = party;
    const { identity } = options;
    const localSequence = leapedSequence(party.sequence, sinceMs);
    return {
      dialog: { ...dialog, routeSet: routes, localContact: options.contact, localSequence },
      place: { kind: place.kind, ...targetHere(place, this.#options.endpoint) },
      options,
      identityWithheld: anonymous,
      identityAsserted: options.owner !== undefined,
      ...(identity !== undefined && { identity }),
      ...(methods !== undefined && { methods }),
      // When it was refreshed last is not known: it is refreshed at once, and a peer whose turn it is has a whole interval for it.
      ...(interval !== undefined && {
        session: { interval: { ...interval, remainingMs: interval.intervalSeconds * 1_000 } },
      }),
    };
  }

  #legOptions(party: TokenParty, user: string, tenant: Tenant, isCallerSide: boolean): LegOptions | undefined {
    const { owner, place, anonymous, withholdsPeer } = party;
    const { userAgent, served } = this.#options;
    const headers = [[isCallerSide ? 'Server' : 'User-Agent', userAgent]] as const;
    const shown = { headers, anonymous, ...(withholdsPeer && { withholdsPeer }) };
    if ('number' in owner) {
      const contact = this.#contact(user, place);
      const identity = ownParty(served.directory, tenant, owner.number);
      if (contact === undefined) return undefined;
      return { ...shown, contact, owner: { tenant: tenant.name, number: owner.number }, identity, showsIdentity: true };
    }
    const trunk = this.#marks().trunks.get(owner.trunk);
    const contact = trunk && this.#contact(user, place, trunk);
    if (trunk === undefined || contact === undefined) return undefined;
    const { trusted, largeRequests } = trunk.options;
    const { endpoint } = this.#options;
    const target = targetHere(place, endpoint);
    return {
      ...shown,
      contact,
      scope: scopeOf(trunk),
      trunkId: trunk.id,
      assertsIdentity: trusted,
      largeRequests,
      ...(!isCallerSide && { sessionTimer: sessionTimerToward(trunk) }),
      ...viaOf(trunk, (scope) => endpoint.advertised(target, scope)),
      ...(trunk.teams !== undefined && { promisesNotify: true }),
    };
  }

  #contact(user: string, place: PlaceSnapshot, trunk?: Trunk): string | undefined {
    const { endpoint } = this.#options;
    const own = endpoint.advertised(targetHere(place, endpoint), trunk && scopeOf(trunk));
    if (own === undefined) return undefined;
    return ownContact(user, trunk === undefined ? own : namedAddress(trunk, own), place.transport);
  }

  /** By what tokens call them. */
  #marks(): Marked {
    const { directory } = this.#options.served;
    if (this.#marked?.directory === directory) return this.#marked;
    const tenants = new Map(directory.tenants.map((tenant) => [markOf(tenant.name), tenant]));
    const trunks = new Map(directory.trunks.map((trunk) => [markOf(trunk.id), trunk]));
    this.#marked = { directory, tenants, trunks };
    return this.#marked;
  }
}

/** A sequence number above all that the other process may have used since. */
function leapedSequence(sequence: number, sinceMs: number): number {
  const leap = REQUESTS_PER_SECOND * (1 + Math.ceil(Math.max(0, sinceMs) / 1000));
  return Math.min(sequence + leap, Math.max(sequence, LAST_SEQUENCE));
}
