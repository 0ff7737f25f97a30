import { SettingsError } from '../../base/errors.ts';
import type { FromHub, HubChannel, Notice, Operations, Order } from './protocol.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Asks the hub. An order is answered or, when the hub is gone, rejected; none waits for ever. */
export class HubClient {
  readonly #channel: HubChannel;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(notice: Notice) => void>();
  #nextId = 1;
  #isDead = false;

  constructor(channel: HubChannel) {
    this.#channel = channel;
    channel.onMessage((message) => this.#onMessage(message));
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  ask<Name extends keyof Operations>(
    operation: Name,
    ...[argument]: Parameters<Operations[Name]>
  ): Promise<ReturnType<Operations[Name]>> {
    return new Promise<unknown>((resolve, reject) => {
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      const order: Order = { kind: 'order', id, operation, argument };
      if (!this.#isDead && this.#channel.send(order)) return;
      this.#waiting.delete(id);
      reject(new Error('the store is closed'));
    }) as Promise<ReturnType<Operations[Name]>>;
  }

  /** Returns the function that ends it. */
  onNotice(listener: (notice: Notice) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #onMessage(message: FromHub | undefined): void {
    if (message === undefined) {
      this.#isDead = true;
      for (const { reject } of this.#waiting.values()) reject(new Error('the store is closed'));
      this.#waiting.clear();
      return;
    }
    if (message.kind === 'notice') {
      for (const listener of this.#listeners) listener(message.notice);
      return;
    }
    const { id, value, fault } = message;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (fault === undefined) waiting?.resolve(value);
    else waiting?.reject(fault.problems === undefined ? new Error(fault.message) : new SettingsError(fault.problems));
  }
}
