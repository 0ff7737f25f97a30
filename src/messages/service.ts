/**
 * Messages between the phones of tenants and WhatsApp: what phones send, what Meta posts, what waits in the store for its turn, for a
 * phone or for the API. What a node was doing when it ended is done by it again, or by another node after its hold has run out.
 */
import { defined } from '../base/defined.ts';
import type { Egress } from '../base/egress.ts';
import type { Log } from '../base/log.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import { SharedBudget } from '../base/shared-budget.ts';
import { type AddressesOf, GuardedClient } from '../observe/index.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import { CloudApi, type MediaFile } from './cloud-api.ts';
import { explainMessage, type MessageQuestion } from './explain.ts';
import type { MessageExplanation } from './explanation.ts';
import { FromPhones } from './from-phones.ts';
import { Inbound } from './inbound.ts';
import { Keeper } from './keeper.ts';
import { MediaLinks } from './media-links.ts';
import { type Content, idOf, type Kept, type Message, newMessage } from './message.ts';
import type { MessageStore } from './message-store.ts';
import { Notifications } from './notifications.ts';
import { hasWhatsapp, type WhatsappNumber, whatsappNumber, whatsappNumbers } from './numbers.ts';
import { Outbound } from './outbound.ts';
import type { MessageWatcher, NotificationOutcome, PhoneAnswer, PhoneMessage, Phones } from './ports.ts';
import { type TokenHealth, TokenWatch } from './token-watch.ts';
import { peerOf } from './user.ts';

/** How often the store is asked for what is due. */
const POLL_MS = 1_000;
const SWEEP_MS = 3_600_000;
/** Messages from phones, and others that are due, under work at once; and how many of these are asked for at once. */
const MOST_AT_WORK = 200;
const CLAIMED_AT_ONCE = 50;
/** Connections to one host of the API: a TLS handshake for each message would be work for the calls' thread. */
const SOCKETS = 20;
const MEDIA_AT_ONCE = 8;
const STOP_WITHIN_MS = 2_000;
const DEFAULT_MEDIA_BYTES = 16_777_216;

export interface MessageServiceOptions {
  readonly store: MessageStore;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly node: string;
  readonly egress: Pick<Egress, 'refusal'>;
  /** Where the hosts of the API are; default: as the machine has it. */
  readonly addressesOf?: AddressesOf;
  readonly phones: Phones;
  readonly directory: () => Directory;
  readonly watcher: MessageWatcher;
  readonly onHealth: (trunkId: string, health: TokenHealth) => void;
  /** Key of the links to files; the same on all nodes of one store. */
  readonly secret: Uint8Array;
  /** Where phones reach the HTTP interface; undefined: nowhere. */
  readonly publicUrl: () => string | undefined;
  /** How long messages are kept when there is nothing left to do for them, in days. */
  readonly keepDays: number;
  /** Octets of new messages of one tenant in an hour. */
  readonly bytesPerTenant: number;
}

/** A message that somebody asks to be sent over the HTTP interface. */
export interface Wanted {
  readonly tenant: string;
  /** Name or id; undefined: the only one that the tenant has. */
  readonly trunk: string | undefined;
  /** The user's number. */
  readonly to: string;
  readonly content: Content;
  readonly contextId: string | undefined;
  /** What the sender calls it: a second one of this name is the first. */
  readonly key: string | undefined;
}

const POLL = 1;
const SWEEP = 2;

export class MessageService implements TimerTarget {
  readonly #options: MessageServiceOptions;
  readonly #client: GuardedClient;
  readonly #api: CloudApi;
  readonly #keeper: Keeper;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #fromPhones: FromPhones;
  readonly #notifications: Notifications;
  readonly #tokens: TokenWatch;
  readonly #links: MediaLinks;
  readonly #atWork = new Map<string, Promise<void>>();
  /** Of them what phones sent, and what was due, by tenant: each names its own servers, which may be silent. */
  readonly #places = new SharedBudget(MOST_AT_WORK);
  /** Files that are being fetched, by tenant: each names its own servers. */
  readonly #media = new SharedBudget(MEDIA_AT_ONCE);
  #numbers: readonly WhatsappNumber[] = [];
  #sweepTimer: Timer | undefined;
  #pollTimer: Timer | undefined;
  #isStarted = false;
  #isPolling = false;
  #pollAgain = false;
  #isFirstPoll = true;
  #isStopped = false;

  constructor(options: MessageServiceOptions) {
    const { store, scheduler, log, node, egress, phones, directory, secret, publicUrl, bytesPerTenant } = options;
    this.#options = options;
    this.#client = new GuardedClient(egress, options.addressesOf, SOCKETS);
    this.#api = new CloudApi(this.#client);
    this.#keeper = new Keeper({ store, clock: scheduler, node, bytesPerTenant });
    this.#links = new MediaLinks(secret, scheduler, publicUrl);
    const numberOf = (trunkId: string) => whatsappNumber(directory(), trunkId);
    const shared = { keeper: this.#keeper, clock: scheduler, log, numberOf };
    this.#inbound = new Inbound({
      ...shared,
      phones,
      directory,
      onChange: (message) => this.#changed(message),
      link: (trunkId, mediaId) => this.#links.linkTo(trunkId, mediaId),
    });
    this.#tokens = new TokenWatch({
      scheduler,
      api: this.#api,
      numbers: () => this.#numbers,
      onHealth: (trunkId, health) => {
        options.onHealth(trunkId, health);
        this.#resume(trunkId, health);
      },
    });
    this.#outbound = new Outbound({
      ...shared,
      api: this.#api,
      onChange: (message) => this.#changed(message),
      onToken: (trunkId, error) => this.#tokens.heard(trunkId, error),
      onCloudError: (trunkId, code) => options.watcher.onCloudError(trunkId, code),
    });
    this.#notifications = new Notifications({
      ...shared,
      directory,
      inbound: this.#inbound,
      watcher: options.watcher,
      onChange: (message) => this.#changed(message),
      take: (kept) => void this.#take(kept),
    });
    this.#fromPhones = new FromPhones({
      ...shared,
      api: this.#api,
      directory,
      outbound: this.#outbound,
      isAtWork: (id) => this.#atWork.get(id),
      work: (id, work) => this.#work(id, work),
      isFull: (tenant) => this.#places.hasShare(tenant, 1),
      inPlace: (tenant, work) => this.#inPlace(tenant, work),
      onChange: (message) => this.#changed(message),
      poll: () => this.#poll(),
    });
  }

  /** Begins with what a former process left; called when phones can be reached. */
  start(): void {
    this.#isStarted = true;
    this.#armSweep();
    this.apply();
  }

  /** What is provisioned is another. */
  apply(): void {
    this.#numbers = whatsappNumbers(this.#options.directory());
    this.#tokens.apply();
    if (!this.#isStarted || this.#pollTimer !== undefined) return;
    this.#poll();
    this.#arm();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#sweepTimer = cancelTimer(this.#sweepTimer);
    this.#pollTimer = cancelTimer(this.#pollTimer);
    this.#tokens.stop();
    // What is not done by then is taken up again when a node starts: a phone may not answer for half a minute.
    const patience = new Promise((resolve) => setTimeout(resolve, STOP_WITHIN_MS).unref());
    await Promise.race([Promise.allSettled(this.#atWork.values()), patience]);
    this.#client.close();
  }

  onTimer(kind: number): void {
    if (this.#isStopped) return;
    if (kind === SWEEP) {
      this.#armSweep();
      const { scheduler, keepDays, log } = this.#options;
      this.#keeper
        .forget(Math.trunc(scheduler.wallMs() - keepDays * 86_400_000))
        .catch((error) => log.warn('messages-not-forgotten', { error: String(error) }));
      return;
    }
    this.#pollTimer = undefined;
    this.#poll();
    this.#arm();
  }

  // Phones

  /** Whether a MESSAGE of the tenant's phones may be for the outside: asked for a host, and for numbers that are nobody's here. */
  isForOutside(tenant: Tenant, host: string | undefined): boolean {
    const named = host?.toLowerCase() === `whatsapp.${tenant.domain.toLowerCase()}`;
    return named || (host === undefined && hasWhatsapp(this.#options.directory(), tenant));
  }

  sendFromPhone(message: PhoneMessage): Promise<PhoneAnswer> {
    return this.#fromPhones.send(message);
  }

  /** Asks whether a number's access token is good: undefined, or why not. The trunk's state follows. */
  async checkToken(trunkId: string): Promise<string | undefined> {
    const number = whatsappNumber(this.#options.directory(), trunkId);
    if (number === undefined) return 'the trunk is disabled';
    const { state, reason } = await this.#tokens.check(number);
    return state === 'online' ? undefined : reason;
  }

  /** Another process of this machine has learnt how a number's access token is. */
  tokenLearned(trunkId: string, health: TokenHealth): void {
    this.#tokens.learned(trunkId, health);
    this.#resume(trunkId, health);
  }

  #resume(trunkId: string, { state }: TokenHealth): void {
    if (state !== 'online') return;
    this.#outbound.resume(trunkId);
    this.#poll();
  }

  /** A phone that was away is there. */
  phoneRegistered(tenant: string, number: string): void {
    if (this.#numbers.length === 0 || this.#isStopped) return;
    this.#inbound.isThere(tenant, number);
    void this.#deliverWaiting(tenant, number);
  }

  async #deliverWaiting(tenant: string, number: string): Promise<void> {
    try {
      for (;;) {
        const waiting = await this.#keeper.claimWaiting(tenant, number, CLAIMED_AT_ONCE);
        await Promise.all(waiting.map((kept) => this.#take(kept)));
        if (waiting.length < CLAIMED_AT_ONCE || this.#isStopped) return;
      }
    } catch (error) {
      this.#options.log.warn('messages-not-read', { error: String(error) });
    }
  }

  // Notifications of the Cloud API

  /** The answer to Meta when it is given the webhook's address: whether the token is the trunk's. */
  verify(trunkId: string, token: string): boolean {
    return this.#notifications.verify(trunkId, token);
  }

  /** Whether what is posted for a trunk would be taken; undefined: there is no such trunk. */
  notified(trunkId: string, body: Uint8Array, signature: string | undefined): Promise<NotificationOutcome | undefined> {
    return this.#notifications.notified(trunkId, body, signature);
  }

  // The HTTP interface

  /** Keeps a message and sends it when it is its turn; a text says why there is no way for it. */
  async send({ tenant, trunk, to, content, contextId, key }: Wanted): Promise<Message | string> {
    const number = this.#chosen(tenant, trunk);
    if (typeof number === 'string') return number;
    const peer = peerOf(to);
    if (peer === undefined) return `${to} is neither a number nor a user's id`;
    const message = newMessage(number, this.#options.scheduler.wallMs(), {
      id: key === undefined ? idOf('wanted', crypto.randomUUID()) : idOf('wanted', tenant, number.trunk.id, key),
      direction: 'outbound',
      peer,
      content,
      state: 'queued',
      ...defined({ contextId }),
      recipients: [],
    });
    if (await this.#keeper.add(message, false)) {
      this.#changed(message);
      this.#poll();
      return message;
    }
    const before = await this.#keeper.get(message.id);
    return before?.kind === 'message' ? before : message;
  }

  #chosen(tenant: string, reference: string | undefined): WhatsappNumber | string {
    const directory = this.#options.directory();
    const own = whatsappNumbers(directory).filter((each) => each.tenant.name === tenant);
    if (reference === undefined) {
      const [only, ...more] = own;
      if (only === undefined) return 'the tenant has no whatsapp trunk that is enabled';
      return more.length === 0 ? only : 'the tenant has several whatsapp trunks: say which';
    }
    const id = directory.trunkFor(tenant, reference)?.id;
    return own.find(({ trunk }) => trunk.id === id) ?? `there is no whatsapp trunk "${reference}" that is enabled`;
  }

  /** What would become of a message; a text says what of the question there is not. */
  explain(question: MessageQuestion): Promise<MessageExplanation | string> {
    return explainMessage(question, {
      directory: this.#options.directory(),
      wallMs: this.#options.scheduler.wallMs(),
      heard: (trunkId, peer) => this.#keeper.heard(trunkId, peer),
      waitMs: (trunkId, peer) => this.#outbound.waitMs(trunkId, peer),
    });
  }

  async list(tenant: string | undefined, offset: number, limit: number): Promise<{ items: Message[]; total: number }> {
    const { items, total } = await this.#keeper.list(tenant, offset, limit);
    return { items: items.filter((kept) => kept.kind === 'message'), total };
  }

  trunkName({ trunkId }: Message): string | undefined {
    return this.#options.directory().trunk(trunkId)?.name;
  }

  async message(id: string): Promise<Message | undefined> {
    const kept = await this.#keeper.get(id);
    return kept?.kind === 'message' ? kept : undefined;
  }

  /** Where a file of a message is fetched; undefined where phones reach no HTTP interface, or there is none. */
  urlOf({ trunkId, content }: Message): string | undefined {
    if (content.type !== 'media') return undefined;
    return content.link ?? (content.mediaId === undefined ? undefined : this.#links.linkTo(trunkId, content.mediaId));
  }

  /** A file behind a link of ours; `gone` when the link is not, or no longer, one, `busy` when too many are being fetched. */
  async media(
    trunkId: string,
    mediaId: string,
    until: number,
    signature: string,
  ): Promise<MediaFile | 'gone' | 'busy'> {
    const number = whatsappNumber(this.#options.directory(), trunkId);
    if (number === undefined || !this.#links.isGood(trunkId, mediaId, until, signature)) return 'gone';
    const { name } = number.tenant;
    if (this.#media.hasShare(name, 1)) return 'busy';
    this.#media.change(name, 1);
    try {
      const most = number.settings.mediaBytes ?? DEFAULT_MEDIA_BYTES;
      return (await this.#api.media(number.settings, mediaId, most)) ?? 'gone';
    } finally {
      this.#media.change(name, -1);
    }
  }

  // Work

  #changed(message: Message): void {
    this.#options.watcher.onMessage(message, this.#options.directory().trunk(message.trunkId), this.urlOf(message));
  }

  #armSweep(): void {
    this.#sweepTimer = this.#options.scheduler.schedule(SWEEP_MS, this, SWEEP);
  }

  /** Without a number nothing is due, and nobody wakes for it. */
  #arm(): void {
    if (this.#mayBeDue) this.#pollTimer = this.#options.scheduler.schedule(POLL_MS, this, POLL);
  }

  /** Something may be due: at the start what a process before left, else where there are numbers. */
  get #mayBeDue(): boolean {
    return !this.#isStopped && (this.#numbers.length > 0 || this.#isFirstPoll);
  }

  /** Asks the store for what is due, again when that is asked for meanwhile. */
  #poll(): void {
    if (!this.#mayBeDue) return;
    if (this.#isPolling) {
      this.#pollAgain = true;
      return;
    }
    this.#isPolling = true;
    void this.#takeDue()
      .catch((error) => this.#options.log.warn('messages-not-read', { error: String(error) }))
      .finally(() => {
        this.#isPolling = false;
        if (!this.#pollAgain) return;
        this.#pollAgain = false;
        this.#poll();
      });
  }

  async #takeDue(): Promise<void> {
    while (!this.#isStopped) {
      const { full, left } = this.#places.shares();
      // Asked again when one of theirs is done.
      if (left === 0) return;
      const room = Math.min(CLAIMED_AT_ONCE, left);
      const due = await this.#keeper.claim(room, full);
      for (const kept of due) void this.#inPlace(kept.tenant, this.#take(kept));
      if (due.length === room) continue;
      if (full.length === 0) this.#isFirstPoll = false;
      return;
    }
  }

  /** Counts among the tenant's as long as it takes; then the next of its have a place. */
  async #inPlace<T>(tenant: string, work: Promise<T>): Promise<T> {
    this.#places.change(tenant, 1);
    try {
      return await work;
    } finally {
      const wasFull = this.#places.hasShare(tenant, 1);
      this.#places.change(tenant, -1);
      if (wasFull) this.#poll();
    }
  }

  #take(kept: Kept): Promise<void> {
    return this.#work(kept.id, async () => {
      if (kept.kind === 'read-mark') await this.#outbound.markRead(kept);
      else if (kept.kind === 'message' && kept.direction === 'outbound') await this.#outbound.send(kept, false);
      else await this.#inbound.deliver(kept);
    });
  }

  /** One at a time for each message. */
  #work(id: string, work: () => Promise<void>): Promise<void> {
    const before = this.#atWork.get(id);
    if (before !== undefined) return before;
    const done = work()
      .catch((error) => {
        if (!this.#isStopped) this.#options.log.error('message-work-failed', { message: id, error: String(error) });
      })
      .finally(() => this.#atWork.delete(id));
    this.#atWork.set(id, done);
    return done;
  }
}
