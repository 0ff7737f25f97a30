/**
 * Who sent this request? (RFC 3261 §22, docs/architecture.md "Who sent this"). In this order:
 *
 * 0. the pass of another node of the same store; from here on the sender is whom a front proxy names, where one does;
 * 1. credentials for a tenant's domain or a gateway's host label: whoever they prove;
 * 2. the connection or address on which an endpoint or gateway is registered: that one, challenged (or admitted by its binding);
 * 3. an address that an extension trusts in place of digest;
 * 4. the token that a register trunk's Contact carried, in the Request-URI;
 * 5. the source: a trunk by certificate, address and port, longest prefix first; several are told apart by the called number.
 *
 * Never first-wins: what stays ambiguous is refused. An endpoint asks for its own tenant's domain, for an address or for a foreign
 * host; with another tenant's domain in the Request-URI its credentials are not the ones that are wanted (RFC 3261 §22.3), and it is
 * challenged for that domain. Whoever claims to be a tenant's user is challenged for that tenant's domain;
 * anybody else gets a challenge that nobody can meet, so that the answer tells nothing.
 */

import { PeerError } from '../../base/errors.ts';
import { Later } from '../../base/later.ts';
import type { Calls } from '../../call/index.ts';
import type { Party } from '../../provisioning/tenants/party.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { WHATSAPP_HOST } from '../../provisioning/trunk-settings/whatsapp.ts';
import { type DigestServer, isDigestScheme } from '../../sip/auth/index.ts';
import type { ServerTransaction } from '../../sip/endpoint/index.ts';
import {
  HeaderId,
  isAnonymousAddress,
  isSipUri,
  type NameAddr,
  readableNameAddrs,
  type SipRequest,
  type SipUri,
  textFromOctets,
  type Uri,
  unescapeUser,
} from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import type { Identification, Identified } from '../../trunks/identification.ts';
import type { EngineObserver } from '../engine-options.ts';
import type { PeerPass, WantedThere } from '../peer-nodes.ts';
import type { Registrations } from '../registrations.ts';
import type { Served } from '../served.ts';
import type { Accounts, EndpointAccount, TrunkAccount } from './accounts.ts';
import { OWN_ADDRESS_HINT, refusalHint } from './digest.ts';
import type { FrontProxies, Sender } from './front-proxies.ts';
import type { KnownSources } from './known-sources.ts';
import type { TrustedExtension, TrustedExtensions } from './trusted-extensions.ts';

export type Source =
  | (Party & { readonly tenant: Tenant })
  | { readonly kind: 'trunk'; readonly trunk: Trunk }
  /** Another node of the store, that asks for a request to be sent on to a binding of this one, or over a trunk that it has registered. */
  | { readonly kind: 'node'; readonly node: string; readonly wanted: WantedThere };

export interface AdmissionOptions {
  readonly served: Served;
  readonly accounts: Accounts;
  readonly digest: DigestServer;
  readonly pass: PeerPass;
  readonly registrations: Pick<Registrations, 'registeredOn'>;
  readonly identification: Identification;
  readonly trusted: Pick<TrustedExtensions, 'index'>;
  /** Hear of who has proved by digest to be who it says. */
  readonly signedIn: Pick<KnownSources, 'signedIn'>;
  readonly front: Pick<FrontProxies, 'senderOf'>;
  readonly observer: Pick<EngineObserver, 'onRefused'>;
}

const CREDENTIALS = [HeaderId.ProxyAuthorization, HeaderId.Authorization];
/** The realm of a challenge that nobody can meet. */
const NOBODY_REALM = 'unknown.invalid';
/** Callers who hide write the one (RFC 3323 §4.1.1.3), WhatsApp the other. */
const NOBODYS_LABELS: ReadonlySet<string> = new Set(['anonymous.invalid', WHATSAPP_HOST]);

const MAX_TOLD = 1000;

export class Admission {
  /** Know an INVITE that goes on after another process: it was admitted before, by this node as well perhaps. */
  readonly calls = new Later<Pick<Calls, 'isExpected'>>('what knows calls that go on');
  readonly #options: AdmissionOptions;
  /** Source addresses that were told of. */
  readonly #told = new Set<string>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** The source, or undefined when the request has been answered (407, 401, 403), or a copy of it will be. */
  admit(transaction: ServerTransaction): Source | undefined {
    const { request, flow } = transaction;
    const pass = this.#options.pass.read(request, flow.remoteAddress);
    if (pass !== undefined) return { kind: 'node', ...pass };
    const sender = this.#options.front.senderOf(request, flow);

    const claimed = this.#realmOfCredentials(request);
    if (claimed !== undefined) return this.#verify(transaction, sender, claimed);

    const trusted = this.#trustedExtension(request, sender);
    // What is registered on the flow of a proxy says nothing of whom it speaks for.
    const registered = sender === flow ? this.#options.registrations.registeredOn(flow) : undefined;
    // Who has registered there as the extension that is trusted there needs no more than before.
    if (registered !== undefined && !(trusted !== undefined && isAt(registered, trusted)))
      return this.#registeredParty(transaction, registered);
    if (trusted !== undefined) return { kind: 'extension', tenant: trusted.tenant, extension: trusted.extension };

    const identified = this.#options.identification.identify(request, sender);
    switch (identified.kind) {
      case 'trunk':
        if (this.#isPhones(request, identified)) break;
        return { kind: 'trunk', trunk: identified.trunk };
      case 'ambiguous':
        if (this.#claimedTenant(request) !== undefined) break;
        this.#refuse(transaction, sender, 'ambiguous-trunk', {
          candidates: identified.trunks.map((trunk) => trunk.name),
        });
        return undefined;
      case 'unknown':
        break;
    }
    if (!flow.reliable && this.#options.pass.isOfNewNode(request, flow.remoteAddress)) transaction.leave();
    else this.#challengeStranger(transaction, sender);
    return undefined;
  }

  /** Whether it comes over a trunk, as far as that shows without credentials. */
  isOfTrunk(request: SipRequest, flow: Flow): boolean {
    try {
      const sender = this.#options.front.senderOf(request, flow);
      if (this.#realmOfCredentials(request) !== undefined || this.#trustedExtension(request, sender) !== undefined)
        return false;
      if (sender === flow && this.#options.registrations.registeredOn(flow) !== undefined) return false;
      const identified = this.#options.identification.identify(request, sender);
      return identified.kind === 'trunk' && !this.#isPhones(request, identified);
    } catch (error) {
      if (error instanceof PeerError) return false;
      throw error;
    }
  }

  #realmOfCredentials(request: SipRequest): string | undefined {
    let isUnreadable = false;
    for (const id of CREDENTIALS) {
      if (!request.headers.has(id)) continue;
      for (const value of request.headers.fieldValues(id)) {
        const octets = this.#options.digest.read(value)?.realm;
        if (octets === undefined) {
          isUnreadable ||= isDigestScheme(value);
          continue;
        }
        const realm = textFromOctets(octets);
        if (this.#options.served.directory.tenantByDomain(realm) !== undefined) return realm;
        if (this.#options.accounts.isCallerRealm(realm)) return realm;
      }
    }
    // Whose they were meant to be, the sender says; it is told that nobody can read them.
    return isUnreadable ? this.#claimedTenant(request)?.domain : undefined;
  }

  #registeredParty(transaction: ServerTransaction, party: { domain: string; user: string }): Source | undefined {
    const tenant = this.#options.served.directory.tenantByDomain(party.domain);
    if (tenant !== undefined) return this.#verify(transaction, transaction.flow, tenant.domain);
    const account = this.#options.accounts.gateway(party.domain, party.user);
    if (account?.kind !== 'trunk') {
      this.#challengeStranger(transaction, transaction.flow);
      return undefined;
    }
    // The binding alone proves the gateway over a connection; a UDP source address can be forged, which is why digest is the default.
    if (account.trunk.options.trust === 'binding') return { kind: 'trunk', trunk: account.trunk };
    return this.#verify(transaction, transaction.flow, party.domain);
  }

  /** Who says to be of a tenant, or asks for one, is of no other. */
  #trustedExtension(request: SipRequest, { remoteAddress }: Sender): TrustedExtension | undefined {
    const { trusted, identification, served } = this.#options;
    if (!trusted.index.has(remoteAddress)) return undefined;
    const said = sayingWho(request);
    const [uri] = said;
    if (uri?.user === undefined) return undefined;
    const user = unescapeUser(uri.user);
    // A number of any length may be an extension: where a trunk sends from too, only the tenant's own domain says that it is a phone.
    if (served.directory.tenantByDomain(uri.host) === undefined && identification.knows(remoteAddress))
      return undefined;
    const named = trusted.index.find(
      remoteAddress,
      ({ tenant, extension }) =>
        extension.number === user &&
        !said.some(({ host }) => this.#isOfOther(host, user, tenant)) &&
        !this.#asksOther(request, tenant),
    );
    return named.length > 1 ? undefined : named[0];
  }

  /** Whether who is `user` at this host is of another tenant than this one; the node's own names are the default tenant's where that has it. */
  #isOfOther(host: string, user: string, { name }: Tenant): boolean {
    const { directory } = this.#options.served;
    const tenant = this.#options.served.tenantOf(host);
    if (tenant === undefined || tenant.name === name) return false;
    return directory.tenantByDomain(host) !== undefined || directory.member(tenant.name, user) !== undefined;
  }

  /** The tenant of which From names an extension or service, in that tenant's domain; the node's own names are the default tenant's. */
  #claimedTenant(request: SipRequest): Tenant | undefined {
    const { uri } = request.from();
    if (!isSipUri(uri) || uri.user === undefined) return undefined;
    const directory = this.#options.served.directory;
    const tenant = this.#options.served.tenantOf(uri.host);
    if (tenant === undefined) return undefined;
    const user = unescapeUser(uri.user);
    return directory.member(tenant.name, user) === undefined ? undefined : tenant;
  }

  /**
   * An address that trunks and phones share proves a trunk only when nobody of a tenant claims to speak. One that a tenant claims for a
   * trunk of its own, with its port, proves nothing to who is of another tenant by From and by the Request-URI.
   */
  #isPhones(request: SipRequest, { trunk, exact }: Identified & { kind: 'trunk' }): boolean {
    if (exact && trunk.owner === 'system') return false;
    const claimed = this.#claimedTenant(request);
    if (claimed === undefined || !exact) return claimed !== undefined;
    const uri = request.uri();
    const asked = isSipUri(uri) ? this.#options.served.directory.tenantByDomain(uri.host) : undefined;
    return trunk.owner !== claimed.name && asked?.name === claimed.name;
  }

  /** Whether the Request-URI is in the domain of another tenant than this one. */
  #asksOther(request: SipRequest, tenant: Tenant): boolean {
    const uri = request.uri();
    const asked = isSipUri(uri) ? this.#options.served.directory.tenantByDomain(uri.host) : undefined;
    return asked !== undefined && asked.name !== tenant.name;
  }

  #verify(transaction: ServerTransaction, sender: Sender, realm: string): Source | undefined {
    const { request, flow } = transaction;
    const { accounts, served } = this.#options;
    const tenant = served.directory.tenantByDomain(realm);
    if (tenant === undefined) {
      const trunk = this.#prove(transaction, sender, realm, (username) => accounts.caller(realm, username))?.trunk;
      if (trunk?.type === 'whatsapp' && flow.transport !== 'tls') {
        this.#refuse(transaction, sender, 'not-by-tls', { trunk: trunk.name });
        return undefined;
      }
      return trunk && { kind: 'trunk', trunk };
    }
    if (this.#asksOther(request, tenant)) {
      this.#challenge(transaction, sender, this.#realmOf(request.uri()));
      return undefined;
    }
    const lookup = (username: string) => accounts.endpoint(tenant, username);
    const party = this.#prove(transaction, sender, tenant.domain, lookup);
    return party && inTenant(party, tenant);
  }

  /** The account that the credentials for the realm prove; undefined when the request has been answered. */
  #prove<Account extends EndpointAccount | TrunkAccount>(
    transaction: ServerTransaction,
    sender: Sender,
    realm: string,
    lookup: (username: string) => Account | undefined,
  ): Account | undefined {
    const { request } = transaction;
    // RFC 3261 §22: a B2BUA challenges as a user agent or as a proxy; phones expect 407 for calls.
    const kind =
      request.headers.has(HeaderId.Authorization) && !request.headers.has(HeaderId.ProxyAuthorization)
        ? 'user'
        : 'proxy';
    const isAgain = this.calls.part.isExpected(transaction);
    const verdict = this.#options.digest.verify(request, kind, realm, sender.remoteAddress, lookup, isAgain);
    if (verdict.outcome === 'refused') {
      if (verdict.reason !== 'no-credentials' && !verdict.reason.startsWith('nonce')) {
        const { username, uri } = verdict;
        const hint = refusalHint(verdict.reason, username);
        this.#tell(verdict.reason, sender, { method: request.method, realm, username, uri, ...hint });
      }
      transaction.reply(verdict.status, verdict.reasonPhrase, verdict.headers);
      return undefined;
    }
    if (sender.unnamed !== true) this.#options.signedIn.signedIn(sender.remoteAddress);
    return verdict.account;
  }

  /** Challenges for the domain that From or the Request-URI names, if it is one of ours; else for nobody's. */
  #challengeStranger(transaction: ServerTransaction, sender: Sender): void {
    const { request } = transaction;
    const { uri: said } = request.from();
    const named = this.#isOthersWord(said, request.uri()) ? undefined : this.#realmOf(said);
    this.#challenge(transaction, sender, named ?? this.#realmOf(request.uri(), true));
  }

  /**
   * A gateway's label is what its admin makes of it, so that it may be what others write in From: it says nothing where they do, and
   * nothing to a tenant that has no gateway of that label.
   */
  #isOthersWord(said: Uri, asked: Uri): boolean {
    const { accounts, served } = this.#options;
    if (!isSipUri(said) || served.tenantOf(said.host) !== undefined) return false;
    const label = said.host.toLowerCase();
    if (NOBODYS_LABELS.has(label)) return true;
    const tenant = isSipUri(asked) ? served.directory.tenantByDomain(asked.host) : undefined;
    if (tenant === undefined || !accounts.isCallerRealm(label)) return false;
    return !served.directory
      .trunksOf(tenant.name)
      .some(({ type, host }) => type === 'accept-register' && host.toLowerCase() === label);
  }

  /**
   * A tenant comes before a gateway's label, which a name of this node's own may be, and so the default tenant's; but such a name may be
   * the one that WhatsApp calls.
   */
  #realmOf(uri: Uri, isCalled = false): string | undefined {
    if (!isSipUri(uri)) return undefined;
    const { accounts, served } = this.#options;
    const tenant = served.tenantOf(uri.host);
    if (tenant !== undefined && !(isCalled && accounts.isWhatsappRealm(uri.host))) return tenant.domain;
    return accounts.isCallerRealm(uri.host) ? uri.host.toLowerCase() : undefined;
  }

  #challenge(transaction: ServerTransaction, sender: Sender, realm = NOBODY_REALM): void {
    const { request } = transaction;
    if (realm === NOBODY_REALM) this.#noteOwnAddress(request, sender);
    const { status, reasonPhrase, headers } = this.#options.digest.ask(request, 'proxy', realm, sender.remoteAddress);
    transaction.reply(status, reasonPhrase, headers);
  }

  /**
   * A phone that has the node's own address for its domain, where that is nobody's. Strangers who try an address do the same, so that
   * each source is told of once.
   */
  #noteOwnAddress(request: SipRequest, sender: Sender): void {
    const { uri } = request.from();
    if (!isSipUri(uri) || !this.#options.served.isOwnHost(uri.host) || this.#told.has(sender.remoteAddress)) return;
    if (this.#told.size >= MAX_TOLD) this.#told.clear();
    this.#told.add(sender.remoteAddress);
    const { host, user } = uri;
    this.#tell('own-address', sender, { method: request.method, host, user, ...OWN_ADDRESS_HINT });
  }

  #refuse(
    transaction: ServerTransaction,
    sender: Sender,
    code: string,
    detail: Readonly<Record<string, unknown>>,
  ): void {
    this.#tell(code, sender, { method: transaction.request.method, ...detail });
    transaction.reply(403, 'Forbidden');
  }

  /** An ambiguous or refused source. */
  #tell(
    code: string,
    { remoteAddress, remotePort, transport }: Sender,
    detail: Readonly<Record<string, unknown>>,
  ): void {
    this.#options.observer.onRefused(code, { source: `${remoteAddress}:${remotePort}`, transport, ...detail });
  }
}

function isAt(
  { domain, user }: { readonly domain: string; readonly user: string },
  { tenant, extension }: TrustedExtension,
): boolean {
  return user === extension.number && domain.toLowerCase() === tenant.domain.toLowerCase();
}

function inTenant(party: Party, tenant: Tenant): Source {
  return party.kind === 'extension'
    ? { kind: 'extension', tenant, extension: party.extension }
    : { kind: 'service', tenant, service: party.service };
}

/** Fields that name a caller whose From names nobody (RFC 3325 §9.1, §9.2), the phone's own word first. */
const IDENTITIES: readonly HeaderId[] = [
  HeaderId.PPreferredIdentity,
  HeaderId.PAssertedIdentity,
  HeaderId.RemotePartyId,
];

/**
 * Who a sender says it is, the address that counts first; at an address that proves it no field is better than another. What else an
 * anonymous sender says may tell of another tenant.
 */
function sayingWho(request: SipRequest): SipUri[] {
  const from = request.from();
  if (!isAnonymousAddress(from)) return isSipUri(from.uri) ? [from.uri] : [];
  const said = IDENTITIES.flatMap((field) => callersIn(request, field));
  return [...said, from].map(({ uri }) => uri).filter(isSipUri);
}

/** Remote-Party-ID names the called party, too. */
function callersIn({ headers }: SipRequest, field: HeaderId): NameAddr[] {
  return readableNameAddrs(headers, field).filter(
    ({ params }) => field !== HeaderId.RemotePartyId || (params.get('party') ?? 'calling').toLowerCase() === 'calling',
  );
}
