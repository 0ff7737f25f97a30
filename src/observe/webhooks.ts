import { createHmac, randomUUID } from 'node:crypto';
import { Egress, EgressError } from '../base/egress.ts';
import type { Log } from '../base/log.ts';
import type { Scheduler, Timer, TimerTarget } from '../base/scheduler.ts';
import { type PlaceSeeker, SharedPlaces } from '../base/shared-places.ts';
import type { CallRecord, CallRecordLog } from './call-record.ts';
import type { WebhookStatus, WebhookTestOutcome } from './event-facts.ts';
import type { EngineEvent, EventBus, EventType } from './events.ts';
import { type AddressesOf, guardedPost, type Post } from './guarded-request.ts';

export type WebhookTopic = EventType | 'call-record';

/** Where to post which events. */
export interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly topics: readonly WebhookTopic[];
  /** Only what this tenant's admins may see; absent: everything. */
  readonly tenant?: string;
  /** Signs each delivery. */
  readonly secret: string;
  readonly enabled: boolean;
  /** May point into private networks; only a system admin's webhook. */
  readonly allowPrivate: boolean;
}

export interface WebhookOptions {
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly post?: Post;
  /** What tenants may make this engine post to; default: public addresses. */
  readonly egress?: Pick<Egress, 'refusal'>;
  /** Where the hosts of their webhooks are; default: as the machine has it. */
  readonly addressesOf?: AddressesOf;
  /** Deliveries waiting per webhook; beyond it the oldest is lost and counted. Default 1,000. */
  readonly maxWaiting?: number;
  /** Tries of one delivery. Default 8: about two minutes. */
  readonly maxAttempts?: number;
  readonly random?: () => number;
}

interface Delivery {
  readonly id: string;
  readonly body: string;
  attempts: number;
}

type QueueOptions = WebhookOptions & { readonly post: Post; readonly places: SharedPlaces };

const RETRY = 1;
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
/** Under way at one time: with the connections that are kept open they are within what a node's descriptors have to spare. */
const MAX_POSTS = 128;

/**
 * Posts events in order to each webhook that wants them. A receiver that fails is tried again after 1, 2, 4 … 60 s (± 20 %); one that
 * is gone costs its own queue only, and those of its tenant while that one's posts under way are its share. Deliveries may repeat: the receiver tells them by `Tandem-Delivery`.
 */
export class WebhookDispatcher {
  readonly #options: QueueOptions;
  #queues = new Map<string, WebhookQueue>();
  /** Under way, by the webhook as it was then. */
  readonly #tests = new Map<string, Promise<WebhookTestOutcome>>();
  #follow: (() => (() => void)[]) | undefined = undefined;
  /** End what is followed. */
  #ends: (() => void)[] = [];

  constructor(options: WebhookOptions) {
    const { egress = new Egress(), addressesOf, post = guardedPost(egress, addressesOf) } = options;
    this.#options = { ...options, post, places: new SharedPlaces(MAX_POSTS) };
  }

  /** Takes the webhooks that now exist; deliveries waiting for one that stays are kept. */
  configure(webhooks: readonly Webhook[]): void {
    const queues = new Map<string, WebhookQueue>();
    for (const webhook of webhooks) {
      const queue = this.#queues.get(webhook.id) ?? new WebhookQueue(this.#options);
      this.#queues.delete(webhook.id);
      queue.webhook = webhook;
      queues.set(webhook.id, queue);
    }
    for (const removed of this.#queues.values()) removed.close();
    this.#queues = queues;
    this.#followWhileAsked();
  }

  /** Follows an engine's events and call records while there are webhooks. */
  attach(events: EventBus, records: CallRecordLog): void {
    this.#follow = () => [
      events.subscribe((event) => this.onEvent(event)),
      records.onRecord((record) => this.onCallRecord(record)),
    ];
    this.#followWhileAsked();
  }

  #followWhileAsked(): void {
    if (this.#queues.size > 0) {
      if (this.#ends.length === 0) this.#ends = this.#follow?.() ?? [];
      return;
    }
    for (const end of this.#ends) end();
    this.#ends = [];
  }

  onEvent({ id, at, type, tenants, data }: EngineEvent): void {
    this.#enqueue(type, tenants, id, () => JSON.stringify({ id, at, type, data }));
  }

  onCallRecord(record: CallRecord): void {
    const tenants = record.tenant === undefined ? [] : [record.tenant];
    const id = `call-record:${record.callId}`;
    this.#enqueue('call-record', tenants, id, () =>
      JSON.stringify({ id, at: record.endedAt, type: 'call-record', data: record }),
    );
  }

  status(id: string): WebhookStatus | undefined {
    return this.#queues.get(id)?.status();
  }

  /** Posts a delivery of type `test`: once, past those that wait, also while the webhook is not enabled. Asked again meanwhile, it is that one, unless the webhook has changed. */
  test(webhook: Webhook): Promise<WebhookTestOutcome> {
    const key = JSON.stringify(webhook);
    let test = this.#tests.get(key);
    if (test === undefined) {
      test = this.#postTest(webhook).finally(() => this.#tests.delete(key));
      this.#tests.set(key, test);
    }
    return test;
  }

  async #postTest(webhook: Webhook): Promise<WebhookTestOutcome> {
    const { places, post, scheduler } = this.#options;
    const owner = ownerOf(webhook);
    await new Promise<void>((resolve) => places.ask({ owner, onPlace: resolve }));
    const wallMs = scheduler.wallMs();
    const id = `test:${randomUUID()}`;
    const body = JSON.stringify({ id, at: new Date(wallMs).toISOString(), type: 'test', data: {} });
    try {
      const headers = headersOf(webhook, id, body, wallMs);
      const { status } = await post(webhook.url, headers, body, webhook.allowPrivate, owner);
      return { status };
    } catch (error) {
      return { error: messageOf(error, webhook.tenant === undefined) };
    } finally {
      places.giveBack(owner);
    }
  }

  close(): void {
    for (const queue of this.#queues.values()) queue.close();
    this.#queues.clear();
  }

  #enqueue(topic: WebhookTopic, tenants: readonly string[], id: string, render: () => string): void {
    let body: string | undefined;
    for (const queue of this.#queues.values()) {
      if (!queue.wants(topic, tenants)) continue;
      body ??= render();
      queue.add({ id, body, attempts: 0 });
    }
  }
}

class WebhookQueue implements TimerTarget, PlaceSeeker {
  webhook: Webhook | undefined;
  /** The tenant of the delivery that is on its way or waits for a place; empty for the system's. */
  owner = '';
  readonly #options: QueueOptions;
  #waiting: Delivery[] = [];
  #busy = false;
  #closed = false;
  #timer: Timer | undefined;
  #delivered = 0;
  #lost = 0;
  #lastAt: string | undefined;
  #lastStatus: number | undefined;
  #lastError: string | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  wants(topic: WebhookTopic, tenants: readonly string[]): boolean {
    const { webhook } = this;
    if (webhook?.enabled !== true || !webhook.topics.includes(topic)) return false;
    return webhook.tenant === undefined || tenants.includes(webhook.tenant);
  }

  add(delivery: Delivery): void {
    // The head may be on its way; the next one is dropped instead.
    if (this.#waiting.length >= (this.#options.maxWaiting ?? 1000)) {
      this.#waiting.splice(1, 1);
      this.#lost++;
    }
    this.#waiting.push(delivery);
    this.#sendNext();
  }

  status(): WebhookStatus {
    return {
      waiting: this.#waiting.length,
      delivered: this.#delivered,
      lost: this.#lost,
      ...(this.#lastAt === undefined ? {} : { lastAt: this.#lastAt }),
      ...(this.#lastStatus === undefined ? {} : { lastStatus: this.#lastStatus }),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  onTimer(): void {
    this.#timer = undefined;
    this.#busy = false;
    this.#sendNext();
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#timer?.cancel();
    this.#options.places.withdraw(this);
  }

  #sendNext(): void {
    if (this.#busy || this.#closed || this.#waiting.length === 0) return;
    this.#busy = true;
    this.owner = ownerOf(this.webhook as Webhook);
    this.#options.places.ask(this);
  }

  onPlace(): void {
    // Who has no delivery, or is closed, waits for no place.
    const delivery = this.#waiting[0] as Delivery;
    const webhook = this.webhook as Webhook;
    delivery.attempts++;
    const { post, scheduler } = this.#options;
    const headers = headersOf(webhook, delivery.id, delivery.body, scheduler.wallMs());
    post(webhook.url, headers, delivery.body, webhook.allowPrivate, this.owner).then(
      ({ status }) => this.#onResult(delivery, status, undefined),
      (error: unknown) => this.#onResult(delivery, undefined, error),
    );
  }

  #onResult(delivery: Delivery, status: number | undefined, error: unknown): void {
    this.#options.places.giveBack(this.owner);
    if (this.#closed) return;
    this.#lastAt = new Date(this.#options.scheduler.wallMs()).toISOString();
    this.#lastStatus = status;
    this.#lastError = error === undefined ? undefined : messageOf(error, this.owner === '');
    if (status !== undefined && status >= 200 && status < 300) {
      this.#delivered++;
      this.#finish(delivery);
      return;
    }
    if (delivery.attempts >= (this.#options.maxAttempts ?? 8)) {
      this.#lost++;
      this.#options.log.warn('webhook-delivery-lost', {
        webhook: this.webhook?.id,
        delivery: delivery.id,
        status,
        error: error === undefined ? undefined : messageOf(error, true),
      });
      this.#finish(delivery);
      return;
    }
    const backoffMs = Math.min(FIRST_RETRY_MS * 2 ** (delivery.attempts - 1), MAX_RETRY_MS);
    const jitter = 0.8 + 0.4 * (this.#options.random ?? Math.random)();
    this.#timer = this.#options.scheduler.schedule(backoffMs * jitter, this, RETRY);
  }

  #finish(delivery: Delivery): void {
    if (this.#waiting[0] === delivery) this.#waiting.shift();
    this.#busy = false;
    this.#sendNext();
  }
}

/** `t=<seconds>,v1=<hex HMAC-SHA256 of "<seconds>.<body>">`: the time is signed too, so that a copy cannot be replayed later. */
export function signWebhook(secret: string, seconds: number, body: string): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

function ownerOf({ tenant = '' }: Webhook): string {
  return tenant;
}

/** @param forOperator who may set `allowPrivate`: nobody else is told of it */
function messageOf(error: unknown, forOperator: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  return forOperator && error instanceof EgressError ? `${message}, and so can allowPrivate of the webhook` : message;
}

function headersOf(webhook: Webhook, id: string, body: string, wallMs: number): Record<string, string> {
  return {
    'content-type': 'application/json',
    'user-agent': 'tandem',
    'tandem-delivery': id,
    'tandem-signature': signWebhook(webhook.secret, Math.floor(wallMs / 1000), body),
  };
}
