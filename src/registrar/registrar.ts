import { type Log, silentLog } from '../base/log.ts';
import { pause, type Scheduler } from '../base/scheduler.ts';
import { ownCopy } from '../base/text.ts';
import { HeaderId, inBrackets, isSipUri, parseUri, type SipRequest, type SipUri } from '../sip/message/index.ts';
import { classifyAddress, plainAddress } from './addresses.ts';
import { type Binding, isReachable, keptSource, keptTarget, keptText, requestUriOf, stored } from './binding.ts';
import { BindingRestoration } from './binding-restoration.ts';
import { BindingTable } from './binding-table.ts';
import { BindingWriter } from './binding-writer.ts';
import {
  type BindingChange,
  type BindingStore,
  MemoryBindingStore,
  type RegisterAccount,
  type RegistrarFlow,
  type StoredBinding,
  type StoredRemoval,
} from './ports.ts';
import { reachOf } from './reach.ts';
import { readRemoval } from './readable.ts';
import {
  type AskedContact,
  isRefusal,
  type RegisterAnswer,
  type RegisterAsk,
  readRegister,
  refuse,
  supports,
} from './register-request.ts';
import { ALL_CONTACTS, isSameContact, type RegistrationIdentity, Removals, supersedes } from './removals.ts';
import { SuccessHeaders } from './success-headers.ts';
import { applyUpdate, clearAll, type ExpiryPolicy, isRestartOf, type Update } from './update.ts';

/**
 * The location service (RFC 3261 §10.3, Path of RFC 3327, flows of RFC 5626). It takes REGISTER requests whose sender has been
 * authenticated, and says how each phone is reached. It owns no socket: flows, time and the store come in.
 *
 * Rules it keeps: a REGISTER changes all it asks for or nothing; a phone is reached at the address it came from and nowhere else;
 * a binding nobody can reach any more is removed; every list is bounded; a restart brings back whoever is still reachable.
 */
export interface RegistrarOptions<Flow extends RegistrarFlow> extends Partial<ExpiryPolicy> {
  readonly scheduler: Scheduler;
  readonly log?: Log;
  /** Default: memory only. */
  readonly store?: BindingStore;
  /** Named in bindings, for clusters. Default: empty. */
  readonly node?: string;
  /** True for an address and port this engine listens on or advertises, and for every domain it serves. */
  readonly isOwn: (host: string, port: number) => boolean;
  /** Whether a REGISTER over this flow may carry a Path that its phone knows nothing of: a proxy of the operator's own put it in. */
  readonly trustsPath?: (flow: Flow) => boolean;
  /** Where a phone is itself, for who looks at its binding; default: the other end of the flow. */
  readonly sourceOf?: (request: SipRequest, flow: Flow) => Sender;
  /** Default: 10. */
  readonly maxContactsPerAor?: number;
  /** Over all; beyond it new bindings get 503. Default: 500,000. */
  readonly maxBindings?: number;
  /** Seconds between keep-alives asked of outbound clients (RFC 5626 §5.4). Default: 120. */
  readonly flowTimerSeconds?: number;
  readonly listener?: RegistrationListener<Flow>;
}

const NO_PATH: readonly string[] = [];
/** So long whoever ends waits for a reading of the store. */
const READ_WITHIN_MS = 2_000;

/** Where a phone is itself. */
type Sender = Pick<RegistrarFlow, 'remoteAddress' | 'remotePort'>;

/** `elsewhere`: another node has said so already. */
export type RemovalReason = 'unregistered' | 'replaced' | 'expired' | 'flow-closed' | 'removed' | 'elsewhere';

/** Hears of every change, for logs, events and metrics. Called after the change; must not throw. */
export interface RegistrationListener<Flow extends RegistrarFlow = RegistrarFlow> {
  /** `previous` is the binding that was refreshed; undefined: a new one. */
  onRegistered(binding: Binding<Flow>, previous: Binding<Flow> | undefined): void;
  onUnregistered(binding: Binding<Flow>, reason: RemovalReason): void;
  /** The store has it of an earlier run of some node. What can still be reached is brought back, some seconds later where calls wait. */
  onRead?(binding: StoredBinding): void;
  onBroughtBack?(binding: Binding<Flow>): void;
}

export class Registrar<Flow extends RegistrarFlow = RegistrarFlow> {
  readonly #scheduler: Scheduler;
  readonly #log: Log;
  readonly #store: BindingStore;
  readonly #node: string;
  readonly #isOwn: (host: string, port: number) => boolean;
  #policy: ExpiryPolicy;
  readonly #longestSeconds: number;
  readonly #trustsPath: (flow: Flow) => boolean;
  readonly #sourceOf: NonNullable<RegistrarOptions<Flow>['sourceOf']>;
  readonly #maxContactsPerAor: number;
  readonly #maxBindings: number;
  readonly #listener: RegistrationListener<Flow> | undefined;
  readonly #table: BindingTable<Flow>;
  readonly #writer: BindingWriter;
  /** Undefined: no other node has what is bound here. */
  readonly #removals: Removals | undefined;
  readonly #restoration: BindingRestoration;
  readonly #success: SuccessHeaders;
  #restoring: Promise<unknown> = Promise.resolve();

  constructor(options: RegistrarOptions<Flow>) {
    this.#scheduler = options.scheduler;
    this.#log = options.log ?? silentLog;
    this.#store = options.store ?? new MemoryBindingStore();
    this.#node = options.node ?? '';
    this.#isOwn = options.isOwn;
    this.#trustsPath = options.trustsPath ?? (() => false);
    this.#sourceOf = options.sourceOf ?? ((_request, flow) => flow);
    this.#policy = {
      defaultExpiresSeconds: options.defaultExpiresSeconds ?? 3600,
      minExpiresSeconds: options.minExpiresSeconds ?? 60,
      maxExpiresSeconds: options.maxExpiresSeconds ?? 7200,
    };
    this.#longestSeconds = this.#policy.maxExpiresSeconds;
    this.#maxContactsPerAor = options.maxContactsPerAor ?? 10;
    this.#maxBindings = options.maxBindings ?? 500_000;
    this.#success = new SuccessHeaders(this.#scheduler, options.flowTimerSeconds ?? 120);
    this.#listener = options.listener;
    this.#table = new BindingTable<Flow>(this.#scheduler, (binding) => this.#expired(binding));
    this.#removals = this.#store.isShared === true ? new Removals(this.#scheduler) : undefined;
    this.#writer = new BindingWriter(this.#store, this.#scheduler, this.#log, (aor) => this.#changeOf(aor));
    this.#restoration = new BindingRestoration({
      log: this.#log,
      clock: this.#scheduler,
      node: this.#node,
      store: this.#store,
      known: (aor) => this.#table.get(aor),
      onRead: (binding) => this.#listener?.onRead?.(binding),
      bringBack: (aor, kept) => this.#bringBack(aor, kept),
      isGone: (registration) => this.#isGone(registration),
      takeOver: (aor, bindings) => this.#takeOver(aor, bindings),
    });
  }

  /** Takes a REGISTER from a client that is known to be `account`, and that may register this address-of-record. */
  process(request: SipRequest, flow: Flow, account: RegisterAccount): RegisterAnswer {
    const ask = readRegister(request);
    if (isRefusal(ask)) return ask;
    // RFC 3327 §5.3: a Path that the client knows nothing of was put in by somebody in between.
    if (ask.path.length > 0 && !supports(request, 'path') && !this.#trustsPath(flow)) {
      return refuse(420, 'Bad Extension', [[HeaderId.Unsupported, 'path']]);
    }
    if (ask.kind !== 'query') {
      const refusal =
        this.#refuseContacts(ask, flow) ?? this.#commit(ask, flow, account, this.#sourceOf(request, flow));
      if (refusal !== undefined) return refusal;
    }
    return { status: 200, reason: 'OK', headers: this.#success.headers(this.#live(account.aor), ask, flow.transport) };
  }

  /**
   * Where to reach an address-of-record now, best first. One binding per phone: of several flows of one instance the best is given
   * (RFC 5626 §7), the others by {@link alternates}.
   */
  bindings(aor: string): Binding<Flow>[] {
    const reachable = this.#live(aor).filter(isReachable);
    return reachable.filter(
      (binding, index) =>
        binding.instance === undefined ||
        binding.regId === undefined ||
        reachable.findIndex(({ instance, regId }) => regId !== undefined && instance === binding.instance) === index,
    );
  }

  /** Other flows to the same phone, to be tried when one has failed (RFC 5626 §7). */
  alternates(binding: Binding<Flow>): Binding<Flow>[] {
    if (binding.instance === undefined || binding.regId === undefined) return [];
    return this.#live(binding.aor).filter(
      (other) =>
        other.instance === binding.instance &&
        other.regId !== undefined &&
        other.regId !== binding.regId &&
        isReachable(other),
    );
  }

  /**
   * The binding whose phone sends over this flow itself, not through a proxy. On UDP the flow is a source address, which tells who
   * it claims to be and proves nothing.
   */
  bindingByFlow(flowKey: string): Binding<Flow> | undefined {
    this.#restoration.catchUpFlow(flowKey);
    for (const binding of this.#table.onFlow(flowKey)) {
      if (binding.path.length === 0 && binding.expiresAtMs > this.#scheduler.nowMs()) return binding;
    }
    return undefined;
  }

  /** Every binding that lasts, for listings; reachable or not. */
  *all(): Generator<Binding<Flow>> {
    const nowMs = this.#scheduler.nowMs();
    for (const binding of this.#table.all()) if (binding.expiresAtMs > nowMs) yield binding;
  }

  get count(): number {
    return this.#table.count;
  }

  /** AORs whose bindings wait for the store. */
  get pendingWrites(): number {
    return this.#writer.pendingCount;
  }

  /**
   * A flow is gone (RFC 5626 §7: what it carried MUST be invalidated). A phone with no other way to it loses its binding; one whose
   * Contact can be connected to keeps it, and so does one behind a proxy, which may connect again.
   */
  flowClosed(flowKey: string): void {
    for (const binding of [...this.#table.onFlow(flowKey)]) {
      const stays = binding.path.length > 0 || (binding.regId === undefined && binding.target !== undefined);
      const others = this.#table.get(binding.aor).filter((other) => other !== binding);
      this.#table.replace(binding.aor, stays ? [...others, { ...binding, flow: undefined }] : others);
      if (!stays) this.#noteRemoved(binding);
      this.#writer.changed(binding.aor);
      if (!stays) this.#listener?.onUnregistered(binding, 'flow-closed');
    }
  }

  /** From now on registrations last as short as is allowed, so that phones come again soon, at another node. */
  endsSoon(): void {
    const { minExpiresSeconds } = this.#policy;
    this.#policy = {
      minExpiresSeconds,
      defaultExpiresSeconds: minExpiresSeconds,
      maxExpiresSeconds: minExpiresSeconds,
    };
  }

  /** Removes every binding of an address-of-record, such as that of a deleted extension. */
  remove(aor: string): void {
    this.#restoration.catchUp(aor);
    const bindings = this.#table.get(aor);
    const mayBeInStore = this.#restoration.replaced(aor, undefined);
    if (bindings.length === 0 && !mayBeInStore) return;
    this.#table.replace(aor, []);
    for (const binding of bindings) this.#noteRemoved(binding);
    this.#writer.changed(aor);
    for (const binding of bindings) this.#listener?.onUnregistered(binding, 'removed');
  }

  /** Bindings that only another node can reach, since it holds their connection. */
  elsewhere(aor: string): Binding<Flow>[] {
    return this.#live(aor).filter((binding) => binding.node !== this.#node && !isReachable(binding));
  }

  /**
   * Takes over the list of an AOR as another node wrote it, with what was taken away anywhere. What registered here stays, unless it was
   * taken away or the same contact has registered there since; if the other node did not know, the merged list is written. What cannot be read
   * takes nothing away.
   *
   * @param bindings undefined: nothing of the list can be read
   */
  applyRemote(
    aor: string,
    bindings: readonly StoredBinding[] | undefined,
    removals: readonly StoredRemoval[] = [],
  ): void {
    this.#removals?.add(
      aor,
      removals.flatMap((removal) => readRemoval(removal, this.#log, aor) ?? []),
    );
    this.#restoration.told(aor, bindings);
  }

  #takeOver(aor: string, bindings: readonly StoredBinding[]): void {
    const nowMs = this.#scheduler.nowMs();
    const isGone = (binding: StoredBinding): boolean => this.#isGone(binding);
    const own = this.#live(aor).filter(({ node }) => node === this.#node);
    const kept = own.filter(
      (binding) =>
        !isGone(binding) && !bindings.some((other) => other.node !== this.#node && supersedes(other, binding)),
    );
    const foreign = bindings
      .filter((binding) => binding.node !== this.#node && !isGone(binding))
      .map((binding) => this.#revive(binding));
    this.#table.replace(aor, [...kept, ...foreign.filter((binding) => binding.expiresAtMs > nowMs)]);
    const isWritten = (binding: StoredBinding): boolean =>
      bindings.some(
        ({ contactUri, node, refreshedAtWallMs }) =>
          node === this.#node && contactUri === binding.contactUri && refreshedAtWallMs === binding.refreshedAtWallMs,
      );
    // Until those of an earlier run are back, this node cannot say which of its own are gone.
    const isForeignOrHere = ({ node, contactUri }: StoredBinding): boolean =>
      node !== this.#node || !this.#restoration.isRead || kept.some((binding) => binding.contactUri === contactUri);
    if (!kept.every(isWritten) || bindings.some(isGone) || !bindings.every(isForeignOrHere)) this.#writer.changed(aor);
    for (const binding of own) if (!kept.includes(binding)) this.#listener?.onUnregistered(binding, 'elsewhere');
  }

  /**
   * Brings back the bindings of an earlier run: those that have time left and can be reached without their old connection. That may take
   * some seconds while calls wait; an AOR that is asked for, or that there is news of, is brought back at once. Until all of them are, nothing
   * is written, over what others have registered neither.
   */
  async restore(): Promise<number> {
    this.#writer.hold();
    const restoring = this.#restoration.run();
    this.#restoring = restoring;
    const count = await restoring;
    this.#writer.release();
    return count;
  }

  #bringBack(aor: string, kept: readonly StoredBinding[]): number {
    const here = this.#table.get(aor);
    // A phone that has registered in the meantime knows better; of the other phones of its address it says nothing.
    const isOld = (one: StoredBinding): boolean =>
      here.some((binding) => isSameContact(binding, one) || isRestartOf(one, binding));
    const bindings = kept.flatMap((one) => (isOld(one) || this.#isGone(one) ? [] : [this.#revive(one)]));
    const nowMs = this.#scheduler.nowMs();
    const back = bindings.filter(
      (binding) => binding.expiresAtMs > nowMs && (isReachable(binding) || binding.node !== this.#node),
    );
    if (back.length > 0) this.#table.replace(aor, [...here, ...back]);
    if (back.length > 0 && here.length > 0) this.#writer.changed(aor);
    for (const binding of back) this.#listener?.onBroughtBack?.(binding);
    return back.length;
  }

  /** Writes what the store does not have yet; false when it refused, or could not be read, which has 2 s where it is under way. */
  async flush(): Promise<boolean> {
    await Promise.race([this.#restoring.catch(() => {}), pause(this.#scheduler, READ_WITHIN_MS)]);
    return this.#writer.flush();
  }

  #isGone(registration: RegistrationIdentity): boolean {
    return this.#removals?.covers(registration) === true;
  }

  #live(aor: string): readonly Binding<Flow>[] {
    this.#restoration.catchUp(aor);
    const nowMs = this.#scheduler.nowMs();
    const bindings = this.#table.get(aor);
    for (const { expiresAtMs } of bindings)
      if (expiresAtMs <= nowMs) return bindings.filter((binding) => binding.expiresAtMs > nowMs);
    return bindings;
  }

  /** Refuses contacts that no request could or should ever be sent to. */
  #refuseContacts(ask: RegisterAsk, flow: Flow): RegisterAnswer | undefined {
    for (const { uri, expiresSeconds } of ask.contacts) {
      if (expiresSeconds !== 0 && !this.#isUsable(uri, flow)) return refuse(403, 'Contact Not Usable');
    }
    if (ask.pathUri !== undefined && !this.#isUsable(ask.pathUri, flow)) return refuse(403, 'Path Not Usable');
    return undefined;
  }

  #isUsable(uri: SipUri, flow: Flow): boolean {
    const host = plainAddress(uri.host.toLowerCase());
    const port =
      uri.port ?? (uri.scheme === 'sips' || uri.params.get('transport')?.toLowerCase() === 'tls' ? 5061 : 5060);
    if (port === 0 || this.#isOwn(host, port)) return false;
    if (host === plainAddress(flow.localAddress) && port === flow.localPort) return false;
    // maddr would send the request somewhere else than the host says (RFC 3261 §19.1.1).
    if (uri.params.has('maddr')) return false;
    switch (classifyAddress(host)) {
      case 'multicast':
      case 'unusable':
        return false;
      case 'loopback':
      case 'link-local':
        return classifyAddress(host) === classifyAddress(flow.remoteAddress);
      default:
        return true;
    }
  }

  /** §10.3 steps 6 and 7; undefined when done. */
  #commit(ask: RegisterAsk, flow: Flow, account: RegisterAccount, from: Sender): RegisterAnswer | undefined {
    const current = this.#live(account.aor);
    const limits = {
      maxContacts: account.newestOnly === true ? 1 : (account.maxContacts ?? this.#maxContactsPerAor),
      newestOnly: account.newestOnly === true,
    };
    const update: Update<Binding<Flow>> | RegisterAnswer =
      ask.kind === 'clear'
        ? clearAll(current, ask)
        : applyUpdate(current, ask, this.#policy, limits, (contact, seconds, previous) =>
            this.#make(account.aor, ask, contact, seconds, flow, from, previous),
          );
    if (isRefusal(update)) return update;
    const growth = update.next.length - current.length;
    if (growth > 0 && this.#table.count + growth > this.#maxBindings) {
      return refuse(503, 'Too Many Registrations', [[HeaderId.RetryAfter, '60']]);
    }
    this.#table.replace(account.aor, update.next);
    const isAll = ask.kind === 'clear' || (limits.newestOnly && update.added.length > 0);
    this.#restoration.replaced(account.aor, isAll ? undefined : ask);
    this.#noteUpdate(account.aor, ask, update);
    this.#writer.changed(account.aor);
    for (const { binding, reason } of update.removed) this.#listener?.onUnregistered(binding, reason);
    for (const { binding, previous } of update.added) this.#listener?.onRegistered(binding, previous);
    return undefined;
  }

  #changeOf(aor: string): BindingChange {
    const bindings = this.#restoration.withUnread(aor, this.#table.get(aor).map(stored));
    return this.#removals === undefined ? { aor, bindings } : { aor, bindings, removals: this.#removals.of(aor) };
  }

  /** What a REGISTER took away, known here or not: another node may have it still, or have it only now. */
  #noteUpdate(aor: string, ask: RegisterAsk, { removed }: Update<Binding<Flow>>): void {
    if (this.#removals === undefined) return;
    for (const { binding } of removed) this.#noteRemoved(binding, ask);
    const unknown = { node: '', refreshedAtWallMs: 0, untilWallMs: this.#longestWallMs() };
    const by = { callId: ownCopy(ask.callId), cseq: ask.cseq };
    if (ask.kind === 'clear')
      this.#removals.add(aor, [{ contactUri: ALL_CONTACTS, instance: undefined, regId: undefined, ...by, ...unknown }]);
    for (const { uriText, instance: asked, regId, expiresSeconds } of ask.contacts) {
      const instance = asked === undefined ? undefined : ownCopy(asked);
      const contact = { contactUri: ownCopy(uriText), instance, regId };
      if (expiresSeconds !== 0 || removed.some(({ binding }) => isSameContact(binding, contact))) continue;
      this.#removals.add(aor, [{ ...contact, ...by, ...unknown }]);
    }
  }

  #noteRemoved(binding: Binding<Flow>, by: Pick<RegisterAsk, 'callId' | 'cseq'> = { callId: '', cseq: 0 }): void {
    const { aor, contactUri, instance, regId, node, refreshedAtWallMs } = binding;
    const untilWallMs = this.#longestWallMs();
    const { callId, cseq } = by;
    this.#removals?.add(aor, [
      { contactUri, instance, regId, callId: ownCopy(callId), cseq, node, refreshedAtWallMs, untilWallMs },
    ]);
  }

  /** By then whatever is registered now has expired. */
  #longestWallMs(): number {
    return this.#scheduler.wallMs() + this.#longestSeconds * 1000;
  }

  #make(
    aor: string,
    ask: RegisterAsk,
    contact: AskedContact,
    expiresSeconds: number,
    flow: Flow,
    from: Sender,
    previous: Binding<Flow> | undefined,
  ): Binding<Flow> {
    const wallMs = this.#scheduler.wallMs();
    const lastsMs = expiresSeconds * 1000;
    const reach = reachOf(flow, ask.pathUri ?? contact.uri, ask.claimsSymmetry);
    const isSameUri = contact.uriText === previous?.contactUri;
    return {
      aor: previous?.aor ?? aor,
      contactUri: keptText(contact.uriText, previous?.contactUri),
      requestUri: isSameUri ? previous.requestUri : requestUriOf(contact.uri),
      contactParams: keptText(contact.params, previous?.contactParams),
      qThousandths: contact.qThousandths,
      callId: keptText(ask.callId, previous?.callId),
      cseq: ask.cseq,
      path:
        ask.path.length === 0
          ? NO_PATH
          : ask.path.map((value, index) => keptText(inBrackets(value), previous?.path[index])),
      instance: contact.instance === undefined ? undefined : keptText(contact.instance, previous?.instance),
      regId: contact.regId,
      userAgent: keptText(ask.userAgent, previous?.userAgent),
      source: keptSource(flow, from, previous?.source),
      target: keptTarget(reach.target, previous?.target),
      flow: reach.usesFlow ? flow : undefined,
      flowKey: flow.key,
      registeredAtWallMs: previous?.registeredAtWallMs ?? wallMs,
      refreshedAtWallMs: wallMs,
      expiresAtWallMs: wallMs + lastsMs,
      expiresAtMs: this.#scheduler.nowMs() + lastsMs,
      node: this.#node,
    };
  }

  /** A stored binding back to life. The key of a connection is no longer its own; that of a UDP peer is its address. */
  #revive(binding: StoredBinding): Binding<Flow> {
    const leftMs = Math.min(binding.expiresAtWallMs - this.#scheduler.wallMs(), this.#longestSeconds * 1000);
    const uri = parseUri(binding.contactUri);
    return {
      ...binding,
      flow: undefined,
      flowKey: binding.source.transport === 'udp' ? binding.flowKey : '',
      requestUri: isSipUri(uri) ? requestUriOf(uri) : binding.contactUri,
      expiresAtMs: this.#scheduler.nowMs() + leftMs,
    };
  }

  #expired(binding: Binding<Flow>): void {
    this.#writer.changed(binding.aor);
    this.#listener?.onUnregistered(binding, 'expired');
  }
}
