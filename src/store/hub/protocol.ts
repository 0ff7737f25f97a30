/** What workers and the hub of their store say to each other. Plain data: it goes from process to process. */

import type { BindingChange } from '../../registrar/ports.ts';
import type { LimitUse } from '../../trunks/shared-limits.ts';
import type { TallyTotal } from '../../trunks/tallies.ts';
import type { CommitPart, FileOperations, LastPart } from '../embedded/files.ts';
import type { OrderAnswer } from '../pending-orders.ts';
import type { NodeReport } from '../stores.ts';

/** What the hub does itself. */
export interface HubOperations {
  /** In the order of the names: whether the worker holds it now. */
  acquireLeases(wanted: { readonly names: readonly string[]; readonly ttlMs: number }): boolean[];
  releaseLease(name: string): void;
  /** What the others have said of themselves; what they say from then on is told. */
  others(): readonly Told[];
  /** What a worker says of itself. */
  tell(report: NodeReport): void;
  /** What has changed since of what it has of limits. */
  tellUse(use: LimitUse): void;
}

export type Operations = FileOperations & HubOperations;

export interface Order {
  readonly kind: 'order';
  readonly id: number;
  readonly operation: keyof Operations;
  readonly argument: unknown;
}

/** What another worker has said of itself. */
export interface Told {
  readonly worker: string;
  readonly report: NodeReport;
}

/** What another worker did, or said of itself. */
export type Notice =
  /** Of the commit that is told next: a message is unpacked at once on the thread of the calls. */
  | { readonly kind: 'staged'; readonly part: CommitPart }
  | { readonly kind: 'provisioned'; readonly version: number; readonly last: LastPart }
  | { readonly kind: 'webhooks' }
  | { readonly kind: 'bound'; readonly changes: readonly BindingChange[] }
  | { readonly kind: 'tallied'; readonly totals: readonly TallyTotal[] }
  | ({ readonly kind: 'told' } & Told)
  | { readonly kind: 'used'; readonly worker: string; readonly use: LimitUse }
  | { readonly kind: 'left'; readonly worker: string };

export type FromHub =
  | ({ readonly kind: 'answer' } & OrderAnswer)
  | { readonly kind: 'notice'; readonly notice: Notice };

/** A worker's way to the hub. */
export interface HubChannel {
  /** False: the hub is gone. */
  send(order: Order): boolean;
  /** From now on; `undefined`: the hub is gone. */
  onMessage(listener: (message: FromHub | undefined) => void): void;
}
