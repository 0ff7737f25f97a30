/** What an engine is made with, and whom it tells what happens. */
import type { Log } from '../base/log.ts';
import type { Scheduler } from '../base/scheduler.ts';
import type { AttemptRecord, CallObserver, CallStore } from '../call/index.ts';
import type { OpenDatagrams, RelayListener } from '../media/index.ts';
import type {
  OutboundEvent,
  OutboundPlan,
  Refusal,
  RouteDraft,
  RouteRefusal,
  StoredSetting,
} from '../outbound/index.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { BindingStore, RegistrationListener, SignInStore } from '../registrar/index.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import type { EndpointOptions, MessageObserver } from '../sip/endpoint/index.ts';
import type { DnsPort } from '../sip/locate/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { CertificateFetch, Signatures } from '../stir/index.ts';
import type { ClaimStore } from '../trunks/address-history.ts';
import type { TrunkHealth } from '../trunks/health.ts';
import type { LeasePort } from '../trunks/lease.ts';
import type { UseOfNodes } from '../trunks/shared-limits.ts';
import type { TallyStore } from '../trunks/tallies.ts';
import type { TrunkListener } from '../trunks/trunk-service.ts';
import type { Workers } from './admit/dealing.ts';
import type { PeerNodes } from './peer-nodes.ts';
import type { ExpiringCertificate } from './tell/certificate-watch.ts';
import type { RefusedPhone } from './tell/refused-phones.ts';

/** Whose number or field it was. */
export interface NumberKeptOf {
  readonly tenant: string;
  readonly callId: string;
  /** Undefined: the party that wrote it is none of the tenant's, or gone. */
  readonly extension: string | undefined;
}

/** What happens in the engine, for events, records, logs and metrics. Called synchronously; must not throw. */
export interface EngineObserver
  extends CallObserver,
    RegistrationListener<Flow>,
    TrunkListener,
    RelayListener,
    MessageObserver {
  /** A caller ID candidate or directive that was passed over, or a foreign number that was kept in. */
  onRoute(route: RouteDraft | RouteRefusal, plan: OutboundPlan): void;
  /** The same of a field that was kept from a trunk after the INVITE, in an answer or a request within the call. */
  onNumberKept(event: OutboundEvent, of: NumberKeptOf): void;
  /** A call to the outside that gets no route: the pipeline or a guard refuses it. */
  onOutboundRefused(plan: OutboundPlan, refusal: Refusal): void;
  /** A request or registration that was refused for who sent it. */
  onRefused(code: string, detail: Readonly<Record<string, unknown>>): void;
  /** A registration that was refused, one of few: {@link onRefused} hears of it, too. */
  onPhoneRefused(phone: RefusedPhone): void;
  onAttempt(trunk: Trunk, attempt: AttemptRecord): void;
  onCertificateExpiring(certificate: ExpiringCertificate): void;
  /** A guard against fraud refused a call, or a limit is nearly reached. */
  onFraud(code: string, detail: Readonly<Record<string, unknown>>): void;
}

export interface EngineOptions {
  readonly settings: NodeSettings;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly dns: DnsPort;
  readonly observer: EngineObserver;
  readonly directory: Directory;
  readonly version: string;
  readonly bindingStore?: BindingStore;
  /** Who signed in from where, beyond the life of the process. Default: forgotten with it. */
  readonly signInStore?: SignInStore;
  /** Since when trunks' names have resolved to which addresses, beyond the life of the process. Default: forgotten with it. */
  readonly claimStore?: ClaimStore;
  /** Key of the nonces, shared by the nodes of one store. */
  readonly nonceSecret?: Uint8Array;
  /** Draws which route of a `random` rule is tried first: a number in [0, 1); default Math.random. */
  readonly random?: () => number;
  /** Fetches callers' certificates; default: by https. */
  readonly fetchCertificate?: CertificateFetch;
  /** Computes signatures of callers' identities; default: this thread. */
  readonly signatures?: Signatures;
  /** Makes the transports; default: sockets. */
  readonly createTransport?: EndpointOptions['createTransport'];
  /** Makes the datagram sockets of the transports that are sockets; default: the runtime's. */
  readonly createSocket?: EndpointOptions['createSocket'] | undefined;
  /** Opens the way to a media relay; default: a socket. */
  readonly openDatagrams?: OpenDatagrams;
  /** The share of a core that this process may use, where that is limited. Default: 1. */
  readonly cpuShare?: () => number;
  /** Refuse new requests while this process has no time for them. Default false. */
  readonly guardsLoad?: boolean;
  /** Where calls are kept beyond the life of this process; default: nowhere. */
  readonly callStore?: CallStore | undefined;
  /** Sees to it that of several nodes one registers each trunk; default: this node is alone. */
  readonly lease?: LeasePort;
  /** What the other nodes of the store have of the limits that hold for all; default: there are none. */
  readonly useOfNodes?: UseOfNodes | undefined;
  /** Where what was used of limits outlives the process; default: nowhere. */
  readonly tallyStore?: TallyStore | undefined;
  /** How the other nodes say that a trunk is which one of them registers. */
  readonly trunkElsewhere?: (trunkId: string) => TrunkHealth | undefined;
  /** The workers of this machine that share its ports; default: this process has them alone. */
  readonly workers?: Workers | undefined;
  /** The other nodes of the store; default: this node is alone. */
  readonly peers?: PeerNodes;
  /** Writes a setting that a dial code asked for; rejects with what the phone is told. */
  storeSetting(tenant: Tenant, setting: StoredSetting): Promise<void>;
}
