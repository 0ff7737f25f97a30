/** What the supervisor and a worker say to each other over the channel of the worker's process, beside what the store's hub says. */
import type { Problem } from '../base/errors.ts';
import type { FromHub, Order } from '../store/index.ts';
import type { TrunkNews } from '../trunks/sharing.ts';

/** What a worker is started with. */
export interface Beginning {
  readonly kind: 'begin';
  readonly configFile: string | undefined;
  /** The name of the node. */
  readonly node: string;
  /** From 0. */
  readonly worker: number;
  readonly count: number;
  /** The supervisor has the store; else each worker opens it itself. */
  readonly hasHub: boolean;
  /** 32 octets in base64 that show that a datagram comes from a sibling. */
  readonly handOverKey: string;
  readonly httpSocket: string;
  readonly apiAddress: string | undefined;
  readonly ownerToken: string;
  /** Go through the work of calls first: nobody waits for this worker. */
  readonly warmsUp: boolean;
}

export type ToWorker =
  | Beginning
  | FromHub
  /** Where each worker takes what others hand over; undefined for one that is not there. */
  | { readonly kind: 'siblings'; readonly ports: readonly (number | undefined)[] }
  | { readonly kind: 'trunk-news'; readonly news: TrunkNews }
  | { readonly kind: 'reload' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'close' };

export type FromWorker =
  | Order
  /** What it has learnt of a trunk, for the siblings. */
  | { readonly kind: 'trunk-news'; readonly news: TrunkNews }
  /** Where this worker takes what others hand over. */
  | { readonly kind: 'takes'; readonly port: number }
  | { readonly kind: 'ready'; readonly welcome: string; readonly listening: readonly string[] }
  | { readonly kind: 'failed'; readonly message: string; readonly problems: readonly Problem[] };
