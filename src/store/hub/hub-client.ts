import { PendingOrders } from '../pending-orders.ts';
import type { FromHub, HubChannel, HubOperations, Notice, Operations } from './protocol.ts';

/** Asks the hub. An order is answered or, when the hub is gone, rejected; none waits for ever. */
export class HubClient {
  readonly #channel: HubChannel;
  readonly #orders = new PendingOrders();
  readonly #listeners = new Set<(notice: Notice) => void>();

  constructor(channel: HubChannel) {
    this.#channel = channel;
    channel.onMessage((message) => this.#onMessage(message));
  }

  get isDead(): boolean {
    return this.#orders.ended !== undefined;
  }

  ask<Name extends keyof Operations>(
    operation: Name,
    ...[argument]: Parameters<Operations[Name]>
  ): Promise<ReturnType<Operations[Name]>> {
    return this.#orders.ask((id) => this.#channel.send({ kind: 'order', id, operation, argument })) as Promise<
      ReturnType<Operations[Name]>
    >;
  }

  /** Has the answer taken before the notices that come behind it, which may be news of it. */
  async askFor<Name extends keyof HubOperations>(
    operation: Name,
    take: (value: ReturnType<HubOperations[Name]>) => void,
  ): Promise<void> {
    await this.#orders.ask(
      (id) => this.#channel.send({ kind: 'order', id, operation, argument: undefined }),
      (value) => take(value as ReturnType<HubOperations[Name]>),
    );
  }

  /** Returns the function that ends it. */
  onNotice(listener: (notice: Notice) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #onMessage(message: FromHub | undefined): void {
    if (message === undefined) this.#orders.end(new Error('the store is closed'));
    else if (message.kind === 'notice') for (const listener of this.#listeners) listener(message.notice);
    else this.#orders.answered(message);
  }
}
