import { type Log, silentLog } from '../base/log.ts';
import { pause, type Scheduler } from '../base/scheduler.ts';
import { HeaderId, type SipRequest } from '../sip/message/index.ts';
import {
  areFlowsOfOnePhone,
  type Binding,
  type BindingOrigin,
  bindingOf,
  isAsBefore,
  isReachable,
  type PhoneAddress,
  prolong,
  revived,
  stored,
} from './binding.ts';
import { BindingRestoration } from './binding-restoration.ts';
import { BindingTable, placesOfAll } from './binding-table.ts';
import { BindingWriter } from './binding-writer.ts';
import type {
  BindingChange,
  BindingStore,
  RegisterAccount,
  RegistrarFlow,
  StoredBinding,
  StoredRemoval,
} from './ports.ts';
import { refuseContacts } from './reach.ts';
import { readRemoval } from './readable.ts';
import {
  isRefusal,
  type RegisterAnswer,
  type RegisterAsk,
  readRegister,
  refuse,
  supports,
} from './register-request.ts';
import { isSameContact, type RegistrationIdentity, Removals, supersedes } from './removals.ts';
import { SuccessHeaders } from './success-headers.ts';
import {
  applyUpdate,
  clearAll,
  type ExpiryPolicy,
  grant,
  isRestartOf,
  outOfOrder,
  prolonged,
  type Update,
  type UpdateLimits,
} from './update.ts';

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
  /** Default: none has. One that has lost the store alone may be there, and have its connections. */
  readonly hasEnded?: UpdateLimits['hasEnded'];
  /** True for an address and port this engine listens on or advertises, and for every domain it serves. */
  readonly isOwn: (host: string, port: number) => boolean;
  /** Whether a REGISTER over this flow may carry a Path that its phone knows nothing of: a proxy of the operator's own put it in. */
  readonly trustsPath?: (flow: Flow) => boolean;
  /** Where a phone is itself, for who looks at its binding; default: the other end of the flow. */
  readonly sourceOf?: (request: SipRequest, flow: Flow) => PhoneAddress;
  /** Default: 10. */
  readonly maxContactsPerAor?: number;
  /** Over all; beyond it new bindings get 503. Default: 500,000. */
  readonly maxBindings?: number;
  /**
   * Whether there are several tenants: one domain has three quarters of them at most then, and whoever comes then three quarters of the rest.
   * Default: there are not.
   */
  readonly isShared?: () => boolean;
  /** Seconds between keep-alives asked of outbound clients (RFC 5626 §5.4). Default: 120. */
  readonly flowTimerSeconds?: number;
  readonly listener?: RegistrationListener<Flow>;
}

/** So long whoever ends waits for a reading of the store. */
const READ_WITHIN_MS = 2_000;

/** `elsewhere`: another node has said so already. */
export type RemovalReason = 'unregistered' | 'replaced' | 'expired' | 'flow-closed' | 'removed' | 'elsewhere';

/** Hears of every change, for logs, events and metrics. Called after the change; must not throw. */
export interface RegistrationListener<Flow extends RegistrarFlow = RegistrarFlow> {
  /** `previous` is the binding that was refreshed, the same one where nothing but its time has changed; undefined: a new one. */
  onRegistered(binding: Binding<Flow>, previous: Binding<Flow> | undefined): void;
  onUnregistered(binding: Binding<Flow>, reason: RemovalReason): void;
  /** The store has it of an earlier run of some node. What can still be reached is brought back, some seconds later where calls wait. */
  onRead?(binding: StoredBinding): void;
  onBroughtBack?(binding: Binding<Flow>): void;
  /** Another node has told what other nodes have at an AOR, in place of what they had there `before`. */
  onTold?(bindings: readonly Binding<Flow>[], before: readonly Binding<Flow>[]): void;
}

const NO_STORE: BindingStore = { load: async () => [], write: async () => {} };

const DEFAULTS = {
  log: silentLog,
  node: '',
  hasEnded: () => false,
  trustsPath: () => false,
  sourceOf: (_request: SipRequest, flow: RegistrarFlow): PhoneAddress => flow,
  maxContactsPerAor: 10,
  maxBindings: 500_000,
  isShared: () => false,
  flowTimerSeconds: 120,
  defaultExpiresSeconds: 3600,
  minExpiresSeconds: 60,
  maxExpiresSeconds: 7200,
};

export class Registrar<Flow extends RegistrarFlow = RegistrarFlow> {
  readonly #options: RegistrarOptions<Flow> & Required<Omit<RegistrarOptions<Flow>, 'store' | 'listener'>>;
  readonly #scheduler: Scheduler;
  #policy: ExpiryPolicy;
  readonly #table: BindingTable<Flow>;
  readonly #writer: BindingWriter;
  /** Undefined: no other node has what is bound here. */
  readonly #removals: Removals | undefined;
  readonly #restoration: BindingRestoration;
  readonly #success: SuccessHeaders;
  #restoring: Promise<unknown> = Promise.resolve();

  constructor(given: RegistrarOptions<Flow>) {
    const options = { ...DEFAULTS, ...given };
    const { scheduler, store = NO_STORE, log, node, listener } = options;
    this.#options = options;
    this.#scheduler = scheduler;
    this.#policy = options;
    this.#success = new SuccessHeaders(scheduler, options.flowTimerSeconds);
    this.#table = new BindingTable<Flow>(scheduler, options.maxBindings, (binding) => this.#expired(binding));
    this.#removals = store.isShared === true ? new Removals(scheduler, options.maxExpiresSeconds * 1000) : undefined;
    this.#writer = new BindingWriter(store, scheduler, log, (aor) => this.#changeOf(aor));
    this.#restoration = new BindingRestoration({
      log,
      clock: scheduler,
      node,
      store,
      known: (aor) => this.#table.get(aor),
      onRead: (binding) => listener?.onRead?.(binding),
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
    if (ask.path.length > 0 && !supports(request, 'path') && !this.#options.trustsPath(flow)) {
      return refuse(420, 'Bad Extension', [[HeaderId.Unsupported, 'path']]);
    }
    if (ask.kind !== 'query') {
      const refusal = refuseContacts(ask, flow, this.#options.isOwn) ?? this.#commit(ask, request, flow, account);
      if (refusal !== undefined) return refusal;
    }
    return { status: 200, reason: 'OK', headers: this.#success.headers(this.#live(account.aor), ask, flow.transport) };
  }

  /** Where to reach an address-of-record from here now, best first. One binding per phone: of several flows the best (RFC 5626 §7). */
  bindings(aor: string): Binding<Flow>[] {
    const live = this.#live(aor);
    if (live.length === 0) return [];
    const reachable = live.filter(isReachable);
    // One, nearly always: no list is made of the list.
    return reachable.length < 2 ? reachable : firstOfPhones(reachable);
  }

  /** The other flows of the phone that has one, as can be reached from here; best first. */
  flowsBeside(aor: string, one: Binding<Flow>): Binding<Flow>[] {
    return this.#live(aor).filter((other) => other !== one && areFlowsOfOnePhone(other, one) && isReachable(other));
  }

  /** Bindings that only another node can reach, since it holds their connection. */
  elsewhere(aor: string): Binding<Flow>[] {
    return this.#live(aor).filter((binding) => binding.node !== this.#options.node && !isReachable(binding));
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
      this.#table.replace(
        binding.aor,
        stays ? [...others, { ...binding, flow: undefined, connectionEnded: true }] : others,
      );
      if (!stays) this.#removals?.note(binding);
      this.#writer.changed(binding.aor);
      if (!stays) this.#options.listener?.onUnregistered(binding, 'flow-closed');
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
    for (const binding of bindings) this.#removals?.note(binding);
    this.#writer.changed(aor);
    for (const binding of bindings) this.#options.listener?.onUnregistered(binding, 'removed');
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
      removals.flatMap((removal) => readRemoval(removal, this.#options.log, aor) ?? []),
    );
    this.#restoration.told(aor, bindings);
  }

  #takeOver(aor: string, bindings: readonly StoredBinding[]): void {
    const isOwn = ({ node }: StoredBinding): boolean => node === this.#options.node;
    const isGone = (binding: StoredBinding): boolean => this.#isGone(binding);
    const own = this.#settled(aor).filter(isOwn);
    const kept = own.filter(
      (binding) => !isGone(binding) && !bindings.some((other) => !isOwn(other) && supersedes(other, binding)),
    );
    const before = this.#table.get(aor).filter((one) => !isOwn(one));
    const told = this.#revived(bindings.filter((one) => !isOwn(one) && !isGone(one)));
    this.#table.replace(aor, [...kept, ...told]);
    this.#options.listener?.onTold?.(told, before);
    const isWritten = ({ contactUri, refreshedAtWallMs }: StoredBinding): boolean =>
      bindings.some(
        (one) => isOwn(one) && one.contactUri === contactUri && one.refreshedAtWallMs === refreshedAtWallMs,
      );
    // Until those of an earlier run are back, this node cannot say which of its own are gone.
    const isForeignOrHere = (one: StoredBinding): boolean =>
      !isOwn(one) || !this.#restoration.isRead || kept.some(({ contactUri }) => contactUri === one.contactUri);
    if (!kept.every(isWritten) || bindings.some(isGone) || !bindings.every(isForeignOrHere)) this.#writer.changed(aor);
    for (const binding of own)
      if (!kept.includes(binding)) this.#options.listener?.onUnregistered(binding, 'elsewhere');
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
    const back = this.#revived(kept.filter((one) => !isOld(one) && !this.#isGone(one))).filter(
      (binding) => isReachable(binding) || binding.node !== this.#options.node,
    );
    if (back.length > 0) this.#table.replace(aor, [...here, ...back]);
    if (back.length > 0 && here.length > 0) this.#writer.changed(aor);
    for (const binding of back) this.#options.listener?.onBroughtBack?.(binding);
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
    return this.#lasting(this.#table.get(aor));
  }

  #lasting(bindings: readonly Binding<Flow>[]): readonly Binding<Flow>[] {
    const nowMs = this.#scheduler.nowMs();
    for (const { expiresAtMs } of bindings)
      if (expiresAtMs <= nowMs) return bindings.filter((binding) => binding.expiresAtMs > nowMs);
    return bindings;
  }

  /** Those that last, for who changes the list: what has expired and is not swept yet ends here, or nobody would be told of it. */
  #settled(aor: string): readonly Binding<Flow>[] {
    this.#restoration.catchUp(aor);
    const bindings = this.#table.get(aor);
    const live = this.#lasting(bindings);
    if (live === bindings) return live;
    this.#table.replace(aor, live);
    for (const binding of bindings) if (!live.includes(binding)) this.#expired(binding);
    return live;
  }

  /** §10.3 steps 6 and 7; undefined when done. */
  #commit(ask: RegisterAsk, request: SipRequest, flow: Flow, account: RegisterAccount): RegisterAnswer | undefined {
    const { aor, newestOnly = false } = account;
    const { maxContactsPerAor, maxBindings, isShared, sourceOf, node, hasEnded, listener } = this.#options;
    const current = this.#settled(aor);
    const origin = { aor, node, flow, from: sourceOf(request, flow) };
    const maxContacts = newestOnly ? 1 : (account.maxContacts ?? maxContactsPerAor);
    const nowWallMs = this.#scheduler.wallMs();
    const limits = { maxContacts, newestOnly, hasEnded, from: origin.from, nowWallMs };
    if (this.#isProlonged(current, ask, origin, limits)) return undefined;
    const update: Update<Binding<Flow>> | RegisterAnswer =
      ask.kind === 'clear'
        ? clearAll(current, ask, nowWallMs)
        : applyUpdate(current, ask, this.#policy, limits, (contact, seconds, previous) =>
            bindingOf(origin, ask, contact, seconds, previous, this.#scheduler),
          );
    if (isRefusal(update)) return update;
    if (update.added.some(({ binding }) => this.#removals?.overtook(binding) === true)) return outOfOrder();
    const growth = placesOfAll(update.next) - placesOfAll(current);
    if (growth > 0 && (this.#table.places + growth > maxBindings || (isShared() && this.#table.hasShare(aor)))) {
      return refuse(503, 'Too Many Registrations', [[HeaderId.RetryAfter, '60']]);
    }
    this.#table.replace(aor, update.next);
    const isAll = ask.kind === 'clear' || (newestOnly && update.added.length > 0);
    this.#restoration.replaced(aor, isAll ? undefined : ask);
    this.#removals?.noteAsked(aor, ask, update.removed);
    this.#writer.changed(aor);
    for (const { binding, reason } of update.removed) listener?.onUnregistered(binding, reason);
    for (const { binding, previous } of update.added) listener?.onRegistered(binding, previous);
    return undefined;
  }

  /** Whether a REGISTER has one binding last on as it is and asks for nothing else, as nearly each does: done then, in place. */
  #isProlonged(
    current: readonly Binding<Flow>[],
    ask: RegisterAsk,
    origin: BindingOrigin<Flow>,
    limits: UpdateLimits,
  ): boolean {
    const binding = prolonged(current, ask, this.#policy, limits);
    const [contact] = ask.contacts;
    if (binding === undefined || contact === undefined) return false;
    if (!isAsBefore(binding, origin, ask, contact)) return false;
    const { expiresAtMs } = binding;
    prolong(binding, ask, grant(contact.expiresSeconds, this.#policy), this.#scheduler);
    this.#table.prolonged(binding, expiresAtMs);
    // The fresher one is tried first.
    if (current.length > 1) this.#table.replace(binding.aor, current);
    this.#restoration.replaced(binding.aor, ask);
    this.#writer.changed(binding.aor);
    this.#options.listener?.onRegistered(binding, binding);
    return true;
  }

  #changeOf(aor: string): BindingChange {
    const bindings = this.#restoration.withUnread(aor, this.#table.get(aor).map(stored));
    return this.#removals === undefined ? { aor, bindings } : { aor, bindings, removals: this.#removals.of(aor) };
  }

  /** Those of stored bindings that last, back to life. */
  #revived(bindings: readonly StoredBinding[]): Binding<Flow>[] {
    const longestMs = this.#options.maxExpiresSeconds * 1000;
    const nowMs = this.#scheduler.nowMs();
    return bindings
      .map((binding) => revived<Flow>(binding, this.#scheduler, longestMs))
      .filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  }

  #expired(binding: Binding<Flow>): void {
    this.#writer.changed(binding.aor);
    this.#options.listener?.onUnregistered(binding, 'expired');
  }
}

/** Of several flows of a phone the best. */
function firstOfPhones<Flow extends RegistrarFlow>(bindings: readonly Binding<Flow>[]): Binding<Flow>[] {
  return bindings.filter(
    (binding, index) => bindings.findIndex((one) => one === binding || areFlowsOfOnePhone(one, binding)) === index,
  );
}
