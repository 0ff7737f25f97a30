/** Registrations of phones, application servers and gateways: the registrar with the provisioned accounts behind it. */
import { Later } from '../base/later.ts';
import type { Log } from '../base/log.ts';
import type { Scheduler } from '../base/scheduler.ts';
import type { Steps } from '../base/steps.ts';
import type { LegOwner } from '../call/index.ts';
import { extensionsLeft, type ProvisioningDiff } from '../provisioning/directory/difference.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import { withBrand } from '../provisioning/trunk-settings/effective.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import {
  type AccountLookup,
  aorKey,
  aorParts,
  type Binding,
  type BindingStore,
  nameOf,
  phoneOf,
  type RegisterAccount,
  RegisterHandler,
  Registrar,
  splitAor,
} from '../registrar/index.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import type { DigestServer } from '../sip/auth/index.ts';
import { isFlow, type ServerTransaction } from '../sip/endpoint/index.ts';
import type { SipRequest } from '../sip/message/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import type { TrunkService } from '../trunks/trunk-service.ts';
import type { Accounts } from './admit/accounts.ts';
import { OWN_ADDRESS_HINT, refusalHint } from './admit/digest.ts';
import type { FrontProxies } from './admit/front-proxies.ts';
import type { KnownSources } from './admit/known-sources.ts';
import type { TrustedExtensions } from './admit/trusted-extensions.ts';
import type { EngineObserver } from './engine-options.ts';
import type { PeerNodes, WantedBinding } from './peer-nodes.ts';
import type { ContactReach, Reached } from './reach.ts';
import type { Served } from './served.ts';
import { RefusedPhones } from './tell/refused-phones.ts';

export interface RegistrationsOptions {
  readonly settings: NodeSettings;
  /** Times of registrations are read by all nodes of the store. */
  readonly storeTime: Scheduler;
  readonly log: Log;
  readonly served: Served;
  readonly accounts: Accounts;
  readonly digest: DigestServer;
  readonly trusted: Pick<TrustedExtensions, 'index'>;
  readonly reach: ContactReach;
  readonly front: FrontProxies;
  readonly peers: Pick<PeerNodes, 'hasEnded'>;
  /** Hear of them; also of those that came back after a restart. */
  readonly signedIn: KnownSources;
  readonly bindingStore?: BindingStore | undefined;
  /** Hears as well of each REGISTER that came with credentials and was refused. */
  readonly observer: Pick<EngineObserver, 'onRegistered' | 'onUnregistered' | 'onRefused' | 'onPhoneRefused'>;
}

/** Who hears of what a registration means to others. */
export interface RegistrationAudience {
  readonly trunks: Pick<TrunkService, 'gatewayChanged'>;
  readonly messaging: { readonly outside: RegisteredPhones | undefined };
}

interface RegisteredPhones {
  /** A phone or application server has registered that was not before. */
  phoneRegistered(tenant: string, number: string): void;
}

/** Of an account that is admitted by its address, whose password is never asked for. */
const UNUSED_SECRET = { ha1: {} };

const EXTENSIONS_PER_STEP = 50;

/** A registered contact that can be reached. */
export interface Contact {
  readonly binding: Binding<Flow>;
  readonly reached: Reached;
  /** The phone's other flows here, for when this one proves dead (RFC 5626 §7). */
  readonly others: readonly Contact[];
}

const NO_OTHERS: readonly Contact[] = [];

export class Registrations implements AccountLookup {
  readonly registrar: Registrar<Flow>;
  /** Hear of what registers. */
  readonly audience = new Later<RegistrationAudience>('who hears of registrations');
  readonly #options: RegistrationsOptions;
  readonly #handler: RegisterHandler<Flow>;

  constructor(options: RegistrationsOptions) {
    const {
      settings,
      storeTime: scheduler,
      log,
      served,
      front,
      peers,
      signedIn,
      observer,
      bindingStore: store,
    } = options;
    this.#options = options;
    this.registrar = new Registrar<Flow>({
      scheduler,
      log,
      node: settings.node,
      hasEnded: (node, wasThereAtWallMs) => node !== settings.node && peers.hasEnded(node, wasThereAtWallMs),
      isOwn: (host, port) => served.directory.tenantByDomain(host) !== undefined || served.isOwnAddress(host, port),
      trustsPath: ({ remoteAddress }) => front.has(remoteAddress),
      sourceOf: (request, flow) => {
        const sender = front.senderOf(request, flow);
        return sender.unnamed === true ? flow : sender;
      },
      maxContactsPerAor: settings.limits.contactsPerExtension,
      maxBindings: settings.limits.bindings,
      isShared: () => served.directory.tenants.length > 1,
      defaultExpiresSeconds: settings.registrar.defaultExpiresSeconds,
      minExpiresSeconds: settings.registrar.minExpiresSeconds,
      maxExpiresSeconds: settings.registrar.maxExpiresSeconds,
      listener: {
        onRegistered: (binding, previous) => {
          signedIn.onRegistered(binding, previous);
          observer.onRegistered(binding, previous);
          this.#noteGateway(binding);
          if (previous === undefined) this.#notePhone(binding);
        },
        onUnregistered: (binding, reason) => {
          signedIn.onUnregistered(binding);
          observer.onUnregistered(binding, reason);
          this.#noteGateway(binding);
        },
        onRead: (binding) => signedIn.onRead(binding),
        onBroughtBack: (binding) => signedIn.onBroughtBack(binding),
        onTold: (bindings, before) => signedIn.onTold(bindings, before),
      },
      ...(store !== undefined && { store }),
    });
    const refusedPhones = new RefusedPhones(scheduler);
    this.#handler = new RegisterHandler<Flow>({
      accounts: this,
      digest: options.digest,
      registrar: this.registrar,
      isOwnHost: (host) => served.isOwnHost(host),
      sourceOf: (request, flow) => front.senderOf(request, flow).remoteAddress,
      onRefused: (refused) => {
        const { digest: why, ...refusal } = refused;
        const isOwnAddress = refusal.status === 404 && served.isOwnHost(refusal.host);
        const hint: { hint?: string } = isOwnAddress ? OWN_ADDRESS_HINT : refusalHint(why, refusal.username);
        observer.onRefused('register-refused', { ...refusal, ...(why === undefined ? {} : { why }), ...hint });
        const told = refusedPhones.told(refused, hint.hint);
        if (told !== undefined) observer.onPhoneRefused(told);
      },
    });
  }

  handle(transaction: ServerTransaction): void {
    this.#handler.handle(transaction);
  }

  /** Where a number of the tenant is registered and how each contact is reached, best first. */
  contacts(tenant: Tenant, number: string): Contact[] {
    return this.#contactsOf(aorKey(number, tenant.domain));
  }

  /** The binding of an accept-register trunk's gateway and how it is reached; undefined while it is not registered. */
  gateway(trunk: Trunk): Contact | undefined {
    return this.#contactsOf(aorKey(trunk.credentials?.authName ?? '', trunk.host))[0];
  }

  /** The accept-register trunk whose gateway registers as this address-of-record; undefined for phones. */
  gatewayTrunk(aor: string): Trunk | undefined {
    const { user, domain } = splitAor(aor);
    const account = this.#options.accounts.gateway(domain, user);
    return account?.kind === 'trunk' ? account.trunk : undefined;
  }

  /** The same as the trunk service asks for it. */
  gatewayReach(trunk: Trunk): Flow | readonly Target[] {
    const to = this.gateway(trunk)?.reached.to;
    if (to === undefined) return [];
    return isFlow(to) ? to : [to];
  }

  /** Whether the gateway of an accept-register trunk is registered at another node, through which it is reached. */
  isGatewayElsewhere(trunk: Trunk): boolean {
    const aor = aorKey(trunk.credentials?.authName ?? '', trunk.host);
    return this.registrar.bindings(aor).length === 0 && this.registrar.elsewhere(aor).length > 0;
  }

  /** The binding of this very node that another node asks for. */
  ownBinding({ aor, contact }: WantedBinding): Binding<Flow> | undefined {
    const { node } = this.#options.settings;
    return this.registrar.bindings(aor).find((binding) => binding.node === node && nameOf(binding) === contact);
  }

  /** Whether whom From names is registered from this address, at whichever node. */
  isPhoneOf(request: SipRequest, address: string): boolean {
    const from = aorParts(request.from().uri);
    if (from === undefined) return false;
    return this.#isRegisteredFrom(aorKey(from.user, from.host), address);
  }

  /** Whether a party is registered from this address, at whichever node, or is trusted there. */
  isFrom(address: string, { tenant: name, number }: LegOwner): boolean {
    const domain = this.#options.served.directory.tenantByName(name)?.domain.toLowerCase();
    if (domain === undefined) return false;
    return (
      this.#isRegisteredFrom(aorKey(number, domain), address) || this.trusted(domain, number, address) !== undefined
    );
  }

  #isRegisteredFrom(aor: string, address: string): boolean {
    const bindings = [...this.registrar.bindings(aor), ...this.registrar.elsewhere(aor)];
    return bindings.some(({ source }) => source.address === address);
  }

  #contactsOf(aor: string): Contact[] {
    const bindings = [...this.registrar.bindings(aor), ...this.registrar.elsewhere(aor)];
    return bindings.flatMap((binding) => {
      const reached = this.#options.reach.of(binding);
      if (reached === undefined) return [];
      const isFlowHere = binding.regId !== undefined && reached.through === undefined;
      return [{ binding, reached, others: isFlowHere ? this.#otherFlows(aor, binding) : NO_OTHERS }];
    });
  }

  #otherFlows(aor: string, best: Binding<Flow>): Contact[] {
    return this.registrar.flowsBeside(aor, best).flatMap((binding) => {
      const reached = this.#options.reach.of(binding);
      return reached === undefined || reached.through !== undefined ? [] : [{ binding, reached, others: NO_OTHERS }];
    });
  }

  /** Whose binding was made over this flow; undefined: nobody's. */
  registeredOn(flow: Flow): { readonly domain: string; readonly user: string } | undefined {
    const binding = this.registrar.bindingByFlow(flow.key);
    return binding === undefined ? undefined : splitAor(binding.aor);
  }

  /** Where a party is registered. */
  bindingsOfOwner({ tenant: name, number }: LegOwner): Binding<Flow>[] {
    const tenant = this.#options.served.directory.tenantByName(name);
    return tenant === undefined ? [] : this.registrar.bindings(aorKey(number, tenant.domain));
  }

  /** Whether it is this party that registered over a flow. */
  isOn(flow: Flow, { tenant, number }: LegOwner): boolean {
    const registered = this.registeredOn(flow);
    return (
      registered?.user === number && this.#options.served.directory.tenantByDomain(registered.domain)?.name === tenant
    );
  }

  /** Which phone of a party has registered over a flow; undefined: none, or several through one proxy. */
  phoneOn({ key }: Flow, { domain }: Tenant, number: string): string | undefined {
    let phone: string | undefined;
    for (const binding of this.registrar.bindings(aorKey(number, domain))) {
      if (binding.flowKey !== key) continue;
      if (phone !== undefined && phone !== phoneOf(binding)) return undefined;
      phone = phoneOf(binding);
    }
    return phone;
  }

  /** Brings back those of the process before; resolves with how many. */
  async restore(): Promise<number> {
    try {
      return await this.registrar.restore();
    } finally {
      this.#options.signedIn.allAreBack();
    }
  }

  /** Writes what the store does not have yet, before the process ends: what it does not take is not known to the next one. */
  async flush(): Promise<void> {
    if (await this.registrar.flush()) return;
    this.#options.log.warn('registrations-not-written', { pending: this.registrar.pendingWrites });
  }

  /** Bindings of accounts that are no longer provisioned or enabled are worth nothing. */
  *forgetUnprovisioned({ tenants, trunks }: ProvisioningDiff): Steps<void> {
    let count = 0;
    for (const { before, after } of tenants) {
      if (before === undefined) continue;
      for (const { number } of yield* extensionsLeft(before, after)) {
        this.#forgetUnlessKnown(before.domain, number);
        if (++count % EXTENSIONS_PER_STEP === 0) yield;
      }
      for (const { number } of before.services) this.#forgetUnlessKnown(before.domain, number);
      yield;
    }
    for (const { before } of trunks) {
      const trunk = before === undefined ? undefined : withBrand(before);
      if (trunk?.type === 'accept-register') this.#forgetUnlessKnown(trunk.host, trunk.credentials?.authName ?? '');
      yield;
    }
  }

  /** The store may have bindings that are not known here, or not read yet: they go as well. */
  #forgetUnlessKnown(domain: string, username: string): void {
    if (this.find(domain, username) !== undefined) return;
    const aor = aorKey(username, domain);
    // Without a password, who registers is known by its address.
    const bindings = [...this.registrar.bindings(aor), ...this.registrar.elsewhere(aor)];
    const areTrusted =
      this.#trustsAddresses(domain, username) &&
      bindings.every(({ source }) => this.trusted(domain, username, source.address) !== undefined);
    if (!areTrusted) this.registrar.remove(aor);
  }

  #trustsAddresses(domain: string, number: string): boolean {
    const { directory } = this.#options.served;
    const tenant = directory.tenantByDomain(domain);
    const extension = tenant && directory.extension(tenant.name, number);
    return extension?.enabled === true && extension.trustedAddresses.length > 0;
  }

  #noteGateway({ aor }: Binding<Flow>): void {
    const trunk = this.gatewayTrunk(aor);
    if (trunk !== undefined) this.audience.part.trunks.gatewayChanged(trunk.id);
  }

  #notePhone({ aor }: Binding<Flow>): void {
    const { user, domain } = splitAor(aor);
    const tenant = this.#options.served.directory.tenantByDomain(domain);
    if (tenant !== undefined) this.audience.part.messaging.outside?.phoneRegistered(tenant.name, user);
  }

  // AccountLookup

  domainOf(host: string): string | undefined {
    const tenant = this.#options.served.tenantOf(host);
    if (tenant !== undefined) return tenant.domain.toLowerCase();
    return this.#options.accounts.isGatewayRealm(host) ? host.toLowerCase() : undefined;
  }

  find(domain: string, username: string): RegisterAccount | undefined {
    const { accounts, served } = this.#options;
    const tenant = served.directory.tenantByDomain(domain);
    if (tenant !== undefined) return accounts.endpoint(tenant, username);
    const account = accounts.gateway(domain, username);
    return account && { secret: account.secret, aor: aorKey(username, domain), user: undefined, newestOnly: true };
  }

  trusted(domain: string, user: string, sourceAddress: string): RegisterAccount | undefined {
    const { index } = this.#options.trusted;
    if (!index.has(sourceAddress)) return undefined;
    const [found] = index.find(
      sourceAddress,
      ({ tenant, extension }) => extension.number === user && tenant.domain.toLowerCase() === domain,
    );
    if (found === undefined) return undefined;
    const { maxContacts } = found.extension;
    return { secret: UNUSED_SECRET, aor: aorKey(user, domain), user, maxContacts };
  }
}
