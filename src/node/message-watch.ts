/** What happens to messages, told to the outside: log lines, events, metrics. What people write stays out of the log. */
import type { Log } from '../base/log.ts';
import { type Message, type MessageWatcher, type NotificationOutcome, viewOf } from '../messages/index.ts';
import type { EventBus, Metrics } from '../observe/index.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';

export class MessageWatch implements MessageWatcher {
  readonly #log: Log;
  readonly #events: EventBus;
  readonly #states: Record<string, number> = {};
  readonly #notifications: Record<string, number> = {};
  readonly #errors: Record<string, number> = {};

  constructor(log: Log, events: EventBus, metrics: Metrics) {
    this.#log = log;
    this.#events = events;
    metrics.readCounters(
      'tandem_messages_total',
      'Messages from and to WhatsApp, by direction and how far they have come',
      'state',
      () => this.#states,
    );
    metrics.readCounters(
      'tandem_message_notifications_total',
      'What the Cloud API posted, by what it was taken for',
      'outcome',
      () => this.#notifications,
    );
    metrics.readCounters(
      'tandem_message_errors_total',
      'Answers of the Cloud API that were errors, by code',
      'code',
      () => this.#errors,
    );
  }

  onMessage(message: Message, trunk: Trunk | undefined, url: string | undefined): void {
    const { id, tenant, direction, state, error } = message;
    count(this.#states, `${direction}-${state}`);
    const why = error === undefined ? {} : { code: error.code, reason: error.message };
    const facts = { message: id, tenant, trunk: trunk?.name, direction, state, ...why };
    if (state === 'failed' || state === 'expired') this.#log.warn('message', facts);
    else this.#log.info('message', facts);
    this.#events.publish('message', [tenant], viewOf(message, trunk?.name, url));
  }

  onNotification(trunkId: string, outcome: NotificationOutcome): void {
    count(this.#notifications, outcome);
    if (outcome === 'wrong-signature') this.#log.warn('message-notification-refused', { trunkId, why: outcome });
  }

  onCloudError(trunkId: string, code: number): void {
    count(this.#errors, String(code));
    this.#log.warn('message-api-error', { trunkId, code });
  }
}

const MAX_LABELS = 200;

function count(counts: Record<string, number>, label: string): void {
  const known = counts[label] !== undefined || Object.keys(counts).length < MAX_LABELS ? label : 'other';
  counts[known] = (counts[known] ?? 0) + 1;
}
